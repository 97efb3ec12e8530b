import csv
import re
from pathlib import Path

import pytest

from core.errors import UserError
from core.inference.export.csv import write_table

ROWS = [
    {"image": "a/one.png", "class": "void", "label": 1, "probabilities": {"normal": 0.2, "void": 0.8}, "notes": ["x"]},
    {"image": "a/two.png", "class": "normal", "label": 0, "probabilities": {"normal": 0.9, "void": 0.1}, "notes": []},
    {"image": "a/bad.png", "error": "is text"},
]


def test_a_table_has_a_row_for_each_picture_and_a_column_for_each_value(tmp_path: Path) -> None:
    write_table(tmp_path / "out.csv", ROWS)
    read = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["image"] for row in read] == ["a/one.png", "a/two.png", "a/bad.png"]
    assert read[0]["probabilities.void"] == "0.8"
    assert read[2]["error"] == "is text"
    assert read[2]["class"] == ""


def test_a_template_gives_its_shape_and_order(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("ID,Label\ntwo.png,0\none.png,0\n")
    write_table(tmp_path / "out.csv", ROWS, tmp_path / "test.csv")
    assert (tmp_path / "out.csv").read_text() == "ID,Label\ntwo.png,0\none.png,1\n"


def test_a_template_is_of_no_use_without_classes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--template"):
        write_table(tmp_path / "out.csv", [{"image": "a.png", "share": 0.1}], tmp_path / "test.csv")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "missing" / "out.csv"))):
        write_table(tmp_path / "missing" / "out.csv", ROWS)
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "none.csv"))):
        write_table(tmp_path / "out.csv", ROWS, tmp_path / "none.csv")
