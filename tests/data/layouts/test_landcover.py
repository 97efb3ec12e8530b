from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.data.layouts.landcover import (
    CLASSES,
    COLOURS,
    UNKNOWN,
    LandcoverItem,
    LandcoverSet,
    load_landcover,
    open_landcover,
    read_colours,
    render_labels,
)
from tests.data.layouts.sentences import assert_names, find_note, refuses

SIZE = (24, 32)


def _labels(seed: int = 0) -> NDArray[np.int64]:
    """Return blocks of 4×4 pixels of random classes, unknown among them."""
    coarse = np.random.default_rng(seed).integers(0, 7, (SIZE[0] // 4, SIZE[1] // 4))
    return np.where(coarse == 6, UNKNOWN, coarse).repeat(4, 0).repeat(4, 1)


def _write(folder: Path, number: str, *, seed: int = 0, mask: bool = True, ending: str = "jpg") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{number}_sat.{ending}")
    if mask:
        Image.fromarray(render_labels(_labels(seed))).save(folder / f"{number}_mask.png")


def _make(root: Path, *, train: int = 3, validation: int = 2) -> Path:
    for place, count in (("train", train), ("validation", validation)):
        for number in range(count):
            _write(root / place, f"{number:04d}", seed=number + 100 * (place == "validation"))
    return root


def _names(found: LandcoverSet) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in found.splits.items()}


def test_the_colours_are_those_of_the_report() -> None:
    assert CLASSES == ("urban", "agriculture", "rangeland", "forest", "water", "barren")
    strip = np.array([list(COLOURS.values())], np.uint8)
    assert strip.tolist() == [
        [[0, 255, 255], [255, 255, 0], [255, 0, 255], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]
    ]
    np.testing.assert_array_equal(read_colours(strip), [[0, 1, 2, 3, 4, 5, UNKNOWN]])


def test_what_is_rendered_is_read_again() -> None:
    np.testing.assert_array_equal(read_colours(render_labels(_labels())), _labels())


def test_numbers_that_are_no_class_are_rendered_black() -> None:
    assert not render_labels(np.array([[-1, 6, UNKNOWN, -100]])).any()


def test_colours_that_are_a_little_off_are_read_and_red_is_unknown() -> None:
    rng = np.random.default_rng(0)
    exact = render_labels(_labels()).astype(int)
    off = exact + np.where(exact > 0, -1, 1) * rng.integers(0, 110, exact.shape)
    np.testing.assert_array_equal(read_colours(off.astype(np.uint8)), _labels())
    np.testing.assert_array_equal(read_colours(np.array([[[255, 0, 0], [140, 90, 20]]], np.uint8)), [[UNKNOWN] * 2])


def test_train_and_validation_are_recognised(tmp_path: Path) -> None:
    found = open_landcover(_make(tmp_path))
    assert _names(found) == {
        "train": ["train_0000", "train_0001", "train_0002"],
        "val": ["validation_0000", "validation_0001"],
    }
    assert found.notes == ()
    assert list(found.items("val")[1].files()) == [
        tmp_path / "validation/0001_sat.jpg",
        tmp_path / "validation/0001_mask.png",
    ]


def test_the_layout_may_lie_one_folder_deeper(tmp_path: Path) -> None:
    _make(tmp_path / "p2_data")
    (tmp_path / "__MACOSX").mkdir()
    found = open_landcover(tmp_path)
    assert found.title == "p2_data"
    assert len(found.items("train")) == 3


def test_of_one_folder_a_fifth_is_set_aside(tmp_path: Path) -> None:
    for number in range(10):
        _write(tmp_path, f"{number}", seed=number)
    found = open_landcover(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 8, "val": 2}
    assert not {item.name for item in found.items("train")} & {item.name for item in found.items("val")}
    assert [note in found.describe() for note in found.notes] == [True]
    assert _names(open_landcover(tmp_path)) == _names(found)


def test_pictures_without_masks_are_listed_and_never_scored(tmp_path: Path) -> None:
    _make(tmp_path, train=5, validation=0)
    _write(tmp_path / "valid", "77", mask=False)
    found = open_landcover(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 4, "val": 1, "unlabelled": 1}
    assert_names(found.notes[0], 1)
    with refuses("77_sat.jpg"):
        load_landcover(found.items("unlabelled")[0])


def test_names_are_unique_over_the_splits(tmp_path: Path) -> None:
    found = open_landcover(_make(tmp_path))
    names = [item.name for items in found.splits.values() for item in items]
    assert len(set(names)) == len(names)


def test_the_fingerprint_follows_a_mask(tmp_path: Path) -> None:
    before = open_landcover(_make(tmp_path)).fingerprint()
    Image.fromarray(render_labels(_labels(9))).save(tmp_path / "train/0001_mask.png")
    assert open_landcover(tmp_path).fingerprint() != before


def test_a_picture_and_its_classes_are_opened(tmp_path: Path) -> None:
    _write(tmp_path, "0000", ending="png")
    pixels, labels = load_landcover(LandcoverItem("0000", tmp_path / "0000_sat.png", tmp_path / "0000_mask.png"))
    expected = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(labels, _labels())
    assert labels.dtype == np.int64


@pytest.mark.parametrize("kind", ["palette", "jpeg", "alpha"])
def test_masks_of_other_kinds_are_read(tmp_path: Path, kind: str) -> None:
    _write(tmp_path, "0000", mask=False)
    mask = Image.fromarray(render_labels(_labels()))
    path = tmp_path / f"0000_mask.{'jpg' if kind == 'jpeg' else 'png'}"
    if kind == "jpeg":
        mask.save(path, quality=95, subsampling=0)
    else:
        (mask.quantize(16) if kind == "palette" else mask.convert("RGBA")).save(path)
    _, labels = load_landcover(LandcoverItem("0000", tmp_path / "0000_sat.jpg", path))
    assert (labels == _labels()).mean() > (0.99 if kind == "jpeg" else 0.999999)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0000")
    Image.fromarray(render_labels(_labels()[:-4])).save(tmp_path / "0000_mask.png")
    with refuses("0000_mask.png", "32×20", "0000_sat.jpg", "32×24"):
        load_landcover(LandcoverItem("0000", tmp_path / "0000_sat.jpg", tmp_path / "0000_mask.png"))


def test_a_mask_of_numbers_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0000", mask=False)
    Image.fromarray((_labels() % 7).astype(np.uint8)).save(tmp_path / "0000_mask.png")
    with refuses("0000_mask.png", 5, "cyan"):
        load_landcover(LandcoverItem("0000", tmp_path / "0000_sat.jpg", tmp_path / "0000_mask.png"))


@pytest.mark.parametrize("content", ["missing", "empty", "no masks"])
def test_a_folder_without_training_pictures_is_refused(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "land"
    if content != "missing":
        folder.mkdir()
    if content == "no masks":
        _write(folder / "train", "0000", mask=False)
    with refuses(folder, "NNNN_sat.jpg", "NNNN_mask.png"):
        open_landcover(folder)


def test_split_folders_may_have_any_of_their_usual_names(tmp_path: Path) -> None:
    for place, count in (("train_images", 4), ("val_set", 2), ("test1", 2)):
        for number in range(count):
            _write(tmp_path / place, f"{number}", seed=number + 10 * len(place))
    found = open_landcover(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 4, "val": 2, "test": 2}
    assert found.notes == ()


@pytest.mark.parametrize("place", ["", "train/tile2", "holdout", "archive/more/deeper"])
def test_images_in_folders_that_are_not_read_are_told(tmp_path: Path, place: str) -> None:
    _make(tmp_path)
    _write(tmp_path / place, "77", seed=77)
    found = open_landcover(tmp_path)
    assert sum(map(len, found.splits.values())) == 5
    find_note(found, 2, (Path(place) / "77_sat.jpg").as_posix(), "train/", "validation/")
