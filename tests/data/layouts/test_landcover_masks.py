"""Masks of land cover as people have them: colours, numbers of the classes, and what is neither."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.layouts.landcover import UNKNOWN, load_landcover, open_landcover, render_labels
from tests.data.layouts.masked_sets import save
from tests.data.layouts.sentences import find_note, refuses


def _land(root: Path, encode: Callable[[np.ndarray], np.ndarray], count: int = 5, *, most: int = 6) -> None:
    for number in range(count):
        fields = np.random.default_rng(number).integers(0, most, (4, 4)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
        save(np.dstack([fields * 30, 255 - fields * 30, fields * 17]), root / f"train/{number:04}_sat.png")
        save(encode(fields), root / f"train/{number:04}_mask.png")


@pytest.mark.parametrize("kind", ["grey", "colour channels", "16 bit", "palette"])
def test_numbers_of_the_classes_are_read_and_said(tmp_path: Path, kind: str) -> None:
    def encode(fields: np.ndarray) -> np.ndarray:
        numbers = np.where(fields == 6, 255, fields)
        return {"colour channels": np.dstack([numbers] * 3), "16 bit": numbers.astype(np.uint16)}.get(kind, numbers)

    _land(tmp_path, encode, most=7)
    if kind == "palette":
        for path in (tmp_path / "train").glob("*_mask.png"):
            image = Image.open(path).convert("P")
            image.putpalette([17 * number % 200 for number in range(768)])
            image.save(path)
    found = open_landcover(tmp_path)
    find_note(found, "0 urban", "5 barren", "5 of 5")
    for items in found.splits.values():
        for item in items:
            pixels, labels = load_landcover(item)
            fields = pixels[..., 0] // 30
            np.testing.assert_array_equal(labels, np.where(fields == 6, UNKNOWN, fields))


@pytest.mark.parametrize(
    ("encode", "told"),
    [
        (lambda fields: fields + np.uint8(1), (1, 6)),
        (lambda fields: np.where(fields == 0, 7, fields).astype(np.uint8), (1, 5, 7)),
        (lambda fields: (fields + 1) * np.uint8(30), (30, 60, 180)),
        (np.zeros_like, (0,)),
        (lambda fields: np.dstack([fields * 40, fields * 0 + 90, fields * 0 + 90]).astype(np.uint8), ("(0, 90, 90)",)),
    ],
)
def test_masks_that_do_not_tell_the_classes_are_refused_with_what_they_hold(
    tmp_path: Path, encode: Callable[[np.ndarray], np.ndarray], told: tuple[object, ...]
) -> None:
    _land(tmp_path, encode)
    with refuses(*told, "5 of 5", "0000_mask.png", "(0, 255, 255) urban", "5 barren"):
        open_landcover(tmp_path)


def test_a_number_that_no_other_mask_has_is_refused_when_it_is_read(tmp_path: Path) -> None:
    _land(tmp_path, lambda fields: fields, 40)
    path = tmp_path / "train/0001_mask.png"
    save(np.full((32, 32), 9, np.uint8), path)
    items = [item for items in open_landcover(tmp_path).splits.values() for item in items]
    with refuses("0001_mask.png", 9):
        load_landcover(next(item for item in items if item.mask == path))


def test_the_colours_are_read_as_before_and_strays_are_told(tmp_path: Path) -> None:
    _land(tmp_path, lambda fields: render_labels(fields.astype(np.int64)))
    save(np.zeros((8, 8), np.uint8), tmp_path / "train/holiday.png")
    (tmp_path / "train/0009_sat.dcm").write_bytes(b"x")
    (tmp_path / "train/._0000_sat.png").write_bytes(b"x")
    (tmp_path / "train/0001_mask.png").unlink()
    found = open_landcover(tmp_path)
    for item in found.items("train"):
        pixels, labels = load_landcover(item)
        np.testing.assert_array_equal(labels, pixels[..., 0] // 30)
    find_note(found, "holiday.png")
    find_note(found, "0009_sat.dcm")
    find_note(found, "1 of 5", "0001_sat.png")
    assert "._" not in found.describe()
