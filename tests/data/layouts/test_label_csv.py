from pathlib import Path

import pytest

from core.data.layouts.label_csv import PictureIndex, read_label_table, write_predictions_csv
from tests.data.layouts.sentences import refuses


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "ID,Label\na.png,1\nb.png,2\n",
        "ID;Label\r\na.png;1\r\nb.png;2\r\n",
        "filename\tclass\na.png\t1\nb.png\t2",
        "label,image_id\n1,a.png\n\n2,b.png\n",
        "id,filename,label\n7,a.png,1\n8,b.png,2\n",
        "a.png,1\nb.png,2\n",
        '"ID","Label"\n"a.png"," 1"\n" b.png ","2"\n',
    ],
)
def test_tables_are_read_however_they_are_written(tmp_path: Path, text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        table = read_label_table(_write(tmp_path / "train.csv", text, encoding))
        assert table
        assert table.labels() == {"a.png": "1", "b.png": "2"}


def test_a_table_without_labels_has_empty_ones(tmp_path: Path) -> None:
    table = read_label_table(_write(tmp_path / "test.csv", "ID\na.png\nb.png\n"))
    assert table
    assert table.labels() == {"a.png": "", "b.png": ""}


def test_a_table_of_something_else_is_none(tmp_path: Path) -> None:
    assert read_label_table(_write(tmp_path / "x.csv", "person,label\nx,1\n")) is None
    assert read_label_table(_write(tmp_path / "x.csv", "")) is None


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b'ID,Label\n"' + b"x" * 200_000 + b'",1\n'])
def test_what_is_no_csv_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.csv").write_bytes(content)
    with refuses("train.csv", "CSV", "UTF-8"):
        read_label_table(tmp_path / "train.csv")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("ID,Label\nb.png,\na.png,\n", "ID,Label\nb.png,5\na.png,0\n"),
        ("ID,Label\r\nb.png,0\r\na.png,0\r\n", "ID,Label\r\nb.png,5\r\na.png,0\r\n"),
        ("Label;ID;Camera\n;b;front\n;a;\n", "Label;ID;Camera\n5;b;front\n0;a;\n"),
        ("ID\nb.png\na.png\n", "ID,Label\nb.png,5\na.png,0\n"),
        ("b.png\na.png\n", "b.png,5\na.png,0\n"),
    ],
)
def test_predictions_are_written_in_the_shape_of_the_template(tmp_path: Path, template: str, expected: str) -> None:
    predictions = {"test_images/a.png": 0, "test_images/b.png": 5, "test_images/c.png": 3}
    write_predictions_csv(tmp_path / "out.csv", _write(tmp_path / "test.csv", template), predictions)
    assert (tmp_path / "out.csv").read_bytes().decode() == expected


def test_a_picture_without_prediction_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    template = _write(tmp_path / "test.csv", "ID,Label\na.png,\nb.png,\n")
    with refuses(1, 2, "test.csv", "b.png"):
        write_predictions_csv(tmp_path / "out.csv", template, {"a.png": 1})
    assert not (tmp_path / "out.csv").exists()


def test_a_template_that_names_no_pictures_is_refused(tmp_path: Path) -> None:
    template = _write(tmp_path / "test.csv", "person,label\nx,1\n")
    with refuses("test.csv", "ID", "Label"):
        write_predictions_csv(tmp_path / "out.csv", template, {})


def test_pictures_are_found_by_any_end_of_their_path_that_is_theirs_alone(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/x.png", "b/x.png", "b/y.jpg", "y.jpg", "z.v1.png")]
    index = PictureIndex(tmp_path, paths)
    found = {
        name: index.find(name)
        for name in ("a/x.png", "x.png", "b/x", "x", "b\\y.jpg", "./y.jpg", "y", "z.v1", "../y.jpg", "", "/")
    }
    assert found == {
        "a/x.png": paths[0], "x.png": None, "b/x": paths[1], "x": None, "b\\y.jpg": paths[2], "./y.jpg": paths[3],
        "y": None, "z.v1": paths[4], "../y.jpg": None, "": None, "/": None,
    }  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_quoted_cells_do_not_decide_what_separates(tmp_path: Path, delimiter: str) -> None:
    rows = [('"image, file;\tname"', "label"), ("a.png", '"cat, black; old"'), ("b.png", "dog")]
    table = read_label_table(
        _write(tmp_path / "t.csv", "\n".join(delimiter.join(row) for row in rows)),
        lambda name: name in ("a.png", "b.png"),
    )
    assert table is not None
    assert table.labels() == {"a.png": "cat, black; old", "b.png": "dog"}
