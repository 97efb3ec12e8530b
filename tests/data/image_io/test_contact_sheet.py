"""A sheet of small pictures: each in its place, whatever file it is."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.image_io.contact_sheet import MISSING, draw_sheet


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGB", "jpg"), ("L", "png"), ("I;16", "png"), ("RGBA", "png"), ("P", "gif")]
)
def test_pictures_of_every_kind_stand_in_their_place(tmp_path: Path, mode: str, suffix: str) -> None:
    path, values = tmp_path / f"one.{suffix}", np.zeros((90, 120), np.uint16 if mode == "I;16" else np.uint8)
    values[:, 60:] = 60_000 if mode == "I;16" else 230
    picture = Image.fromarray(values)
    (picture if mode in ("L", "I;16") else picture.convert(mode)).save(path)
    (tmp_path / "no.png").write_text("no picture")
    sheet = draw_sheet([None, path, tmp_path / "no.png", tmp_path / "gone.png"], side=40, columns=3)
    with Image.open(io.BytesIO(sheet)) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    assert pixels.shape == (80, 120, 3)
    assert pixels[20, 45].mean() < 30
    assert pixels[20, 75].mean() > 200
    for row, column in ((20, 20), (20, 100), (60, 20)):
        assert np.abs(pixels[row, column] - MISSING).max() < 8
