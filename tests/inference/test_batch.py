import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.image_io.zip_reader import ArchiveLimits
from core.engine.checkpoint import load_card
from core.errors import UserError
from core.inference.batch import MaskArchive, iterate_given, predict_many
from core.inference.checkpoints import Checkpoint
from core.inference.export.csv import render_table
from core.inference.predictors.kinds import load_predictor
from core.paths import PROJECT

PICTURE = PROJECT / "assets" / "examples" / "vessels" / "drawn_1.jpg"


def test_files_and_archives_give_a_row_each_and_one_bad_file_does_not_end_it(
    checkpoint_folder: Path, tmp_path: Path
) -> None:
    text, archive, broken = tmp_path / "text.png", tmp_path / "many.zip", tmp_path / "broken.zip"
    text.write_text("Dear all,")
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(PICTURE, "left/eye.jpg")
        packed.writestr("../out.jpg", PICTURE.read_bytes())
        packed.write(PICTURE, "right/eye.jpg")
        packed.write(PICTURE, "left/eye.jpg.png")
    whole = archive.read_bytes()
    broken.write_bytes(whole[:100] + whole[-300:])
    predictor = load_predictor(Checkpoint("test", checkpoint_folder, load_card(checkpoint_folder)), device="cpu")
    masks = MaskArchive(predictor.kind)
    rows = [row for row, _ in predict_many(predictor, iterate_given([text, archive, PICTURE]), masks.keep)]

    told = list(csv.DictReader(io.StringIO(render_table(rows))))
    names = [row["image"] for row in told]
    assert names == ["text.png", "left/eye.jpg", "../out.jpg", "right/eye.jpg", "left/eye.jpg.png", "drawn_1.jpg"]
    assert [row["image"] for row in told if row["error"]] == ["text.png", "../out.jpg"]
    assert "text.png" in told[0]["error"]
    assert "../out.jpg" in told[2]["error"]
    good = [row for row in told if not row["error"]]
    assert len({row["share"] for row in good}) == 1
    content = masks.close()
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as results:
        assert results.namelist() == [row["mask"] for row in good]
        assert len(set(results.namelist())) == 4
        mask = np.asarray(Image.open(io.BytesIO(results.read(good[0]["mask"]))))
    with Image.open(PICTURE) as picture:
        assert mask.shape == picture.size[::-1]
    assert float((mask > 0).mean()) > 0


def test_an_archive_that_is_refused_as_a_whole_is_one_row(tmp_path: Path) -> None:
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.png", bytes(5000))
    refused, good = iterate_given([archive, PICTURE], ArchiveLimits(all_bytes=4000))
    assert refused.source is None
    assert "many.zip" in refused.refusal
    assert good.source == PICTURE


def test_too_many_pictures_are_refused_before_the_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\b3\b.*\b2\b"):
        next(iterate_given([PICTURE] * 3, ArchiveLimits(most_members=2)))


def test_kinds_without_pictures_for_an_answer_give_no_archive() -> None:
    assert MaskArchive("classification").close() is None
