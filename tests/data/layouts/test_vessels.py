import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.layouts.vessels import VesselSet, open_vessels
from core.data.torch_datasets.fundus import load_labelled
from tests.data.layouts.sentences import assert_names, find_note, refuses

SIZE = (48, 40)


def _picture(path: Path, *, size: tuple[int, int] = SIZE, seed: int = 0) -> Path:
    """Write a photograph; Pillow knows the format by the ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(60, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def _mask(path: Path, *, size: tuple[int, int] = SIZE, row: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask[row : row + 3] = 255
    Image.fromarray(mask).save(path)
    return path


def _make_drive(root: Path, *, labelled_test: bool = True) -> Path:
    for number in (21, 22, 23):
        _picture(root / f"training/images/{number}_training.tif", seed=number)
        _mask(root / f"training/1st_manual/{number}_manual1.gif")
        _mask(root / f"training/mask/{number}_training_mask.gif", row=5)
    for number in ("01", "02"):
        _picture(root / f"test/images/{number}_test.tif", seed=int(number))
        _mask(root / f"test/mask/{number}_test_mask.gif", row=5)
        if labelled_test:
            _mask(root / f"test/1st_manual/{number}_manual1.gif")
            _mask(root / f"test/2nd_manual/{number}_manual2.gif", row=11)
    return root


def _make_chase(root: Path, *, children: int = 14, foldered: bool = False) -> Path:
    places = ("images", "labels1", "labels2") if foldered else (".", ".", ".")
    for child in range(1, children + 1):
        for eye in "LR":
            name = f"Image_{child:02d}{eye}"
            _picture(root / places[0] / f"{name}.jpg")
            _mask(root / places[1] / f"{name}_1stHO.png")
            _mask(root / places[2] / f"{name}_2ndHO.png", row=11)
    return root


def _make_pairs(root: Path, count: int, *, images: str = "images", masks: str = "masks", suffix: str = "") -> Path:
    for number in range(count):
        _picture(root / images / f"eye{number}.png", seed=zlib.crc32(f"{root.name} {number}".encode()))
        _mask(root / masks / f"eye{number}{suffix}.png")
    return root


def _names(found: VesselSet, split: str) -> list[str]:
    return [item.name for item in found.items(split)]


def test_drive_is_recognised_with_all_that_belongs_to_a_photograph(tmp_path: Path) -> None:
    found = open_vessels(_make_drive(tmp_path))
    assert (found.title, found.layout, found.notes) == ("DRIVE", "drive", ())
    assert _names(found, "train") == ["21_training", "22_training", "23_training"]
    assert _names(found, "test") == ["01_test", "02_test"]
    item = found.items("test")[1]
    places = ["images/02_test.tif", "1st_manual/02_manual1.gif", "2nd_manual/02_manual2.gif", "mask/02_test_mask.gif"]
    assert list(item.files()) == [tmp_path / "test" / place for place in places]
    assert found.items("train")[0].second is None


def test_drive_may_lie_one_folder_deeper(tmp_path: Path) -> None:
    _make_drive(tmp_path / "DRIVE")
    (tmp_path / "__MACOSX").mkdir()
    found = open_vessels(tmp_path)
    assert found.layout == "drive"
    assert len(found.items("train")) == 3
    assert len(found.fingerprint()) == 16


def test_drive_without_test_labels_is_never_scored_on_them(tmp_path: Path) -> None:
    found = open_vessels(_make_drive(tmp_path, labelled_test=False))
    assert len(found.items("unlabelled")) == 2
    assert_names(found.notes[0], 2, "1st_manual")
    with refuses("'test'", "train (3)", "unlabelled (2)"):
        found.items("test")
    with refuses("01_test.tif"):
        load_labelled(found.items("unlabelled")[0])


def test_a_training_photograph_of_drive_without_a_mask_is_left_out(tmp_path: Path) -> None:
    _make_drive(tmp_path)
    (tmp_path / "training/1st_manual/22_manual1.gif").unlink()
    assert _names(open_vessels(tmp_path), "train") == ["21_training", "23_training"]


def test_a_photograph_is_opened_with_its_masks(tmp_path: Path) -> None:
    picture = load_labelled(open_vessels(_make_drive(tmp_path)).items("test")[0])
    assert picture.pixels.shape == (*SIZE, 3)
    assert picture.second is not None
    for mask, row in ((picture.mask, 10), (picture.second, 11), (picture.inside, 5)):
        expected = np.zeros(SIZE, bool)
        expected[row : row + 3] = True
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("foldered", [False, True])
def test_chase_is_split_by_child(tmp_path: Path, foldered: bool) -> None:
    found = open_vessels(_make_chase(tmp_path, foldered=foldered))
    assert found.layout == "chase"
    groups = {split: {item.group for item in found.items(split)} for split in ("train", "test")}
    assert groups["test"] == {"11", "12", "13", "14"}
    assert groups["train"] == {f"{child:02d}" for child in range(1, 11)}
    assert (len(found.items("train")), len(found.items("test"))) == (20, 8)
    for split in ("train", "test"):
        for item in found.items(split):
            assert item.name[6:8] == item.group
            assert item.vessels is not None
            assert item.vessels.name == f"{item.name}_1stHO.png"
            assert item.second is not None
            assert item.second.name == f"{item.name}_2ndHO.png"


@pytest.mark.parametrize("children", [2, 4, 5])
def test_few_children_are_still_not_torn_apart(tmp_path: Path, children: int) -> None:
    found = open_vessels(_make_chase(tmp_path, children=children))
    train, test = ({item.group for item in found.items(split)} for split in ("train", "test"))
    assert train
    assert test
    assert not train & test


def test_stare_is_recognised_plain_and_gzipped(tmp_path: Path) -> None:
    for number in range(1, 6):
        for name, draw in ((f"im{number:04d}", _picture), (f"im{number:04d}.ah", _mask), (f"im{number:04d}.vk", _mask)):
            plain = draw(tmp_path / f"{name}.ppm", **({"row": 12} if name.endswith("vk") else {}))
            if number > 2:
                plain.with_name(f"{name}.ppm.gz").write_bytes(gzip.compress(plain.read_bytes()))
                plain.unlink()
    found = open_vessels(tmp_path)
    assert found.layout == "stare"
    assert _names(found, "train") == ["im0001", "im0002", "im0003"]
    assert _names(found, "test") == ["im0004", "im0005"]
    for item in (*found.items("train"), *found.items("test")):
        picture = load_labelled(item)
        assert picture.pixels.shape == (*SIZE, 3)
        assert picture.mask[10:13].all()
        assert not picture.mask[13:].any()
        assert picture.second is not None
        assert picture.second[12:15].all()
        assert not picture.second[:12].any()


@pytest.mark.parametrize(("images", "masks", "suffix"), [
    ("images", "masks", ""), ("Image", "labels", "_mask"), ("imgs", "1st_manual", "-manual1"),
])  # fmt: skip
def test_pairs_without_splits_set_a_fifth_aside(tmp_path: Path, images: str, masks: str, suffix: str) -> None:
    found = open_vessels(_make_pairs(tmp_path, 10, images=images, masks=masks, suffix=suffix))
    assert (found.layout, len(found.items("train")), len(found.items("test"))) == ("pairs", 8, 2)
    assert not set(_names(found, "train")) & set(_names(found, "test"))
    assert [note in found.describe() for note in found.notes] == [True]


def test_pairs_keep_the_splits_they_have(tmp_path: Path) -> None:
    for split, count in (("training", 4), ("valid", 2), ("test", 3)):
        _make_pairs(tmp_path / split, count)
    found = open_vessels(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 4, "val": 2, "test": 3}
    assert found.notes == ()


def test_pairs_with_a_training_split_alone_set_a_fifth_aside(tmp_path: Path) -> None:
    _make_pairs(tmp_path / "train", 5)
    found = open_vessels(tmp_path)
    assert (len(found.items("train")), len(found.items("test"))) == (4, 1)
    assert [note in found.describe() for note in found.notes] == [True]


def test_a_single_pair_can_be_trained_on_and_has_no_test_split(tmp_path: Path) -> None:
    found = open_vessels(_make_pairs(tmp_path, 1))
    assert len(found.items("train")) == 1
    with refuses("'test'", "train (1)"):
        found.items("test")


def test_a_mask_belongs_to_the_photograph_with_the_longest_fitting_name(tmp_path: Path) -> None:
    for name in ("a", "a_2", "a_3", "b1", "b12", "c1"):
        _picture(tmp_path / f"images/{name}.png")
    for name in ("a_2_mask", "a_3", "b12", "c12"):
        _mask(tmp_path / f"masks/{name}.png")
    found = open_vessels(tmp_path)
    items = sorted((*found.items("train"), *found.items("test")), key=lambda item: item.name)
    assert {item.name: item.vessels.stem for item in items if item.vessels} == {
        "a_2": "a_2_mask", "a_3": "a_3", "b12": "b12",
    }  # fmt: skip


def test_a_mask_of_the_same_name_is_preferred(tmp_path: Path) -> None:
    _make_pairs(tmp_path, 2)
    _mask(tmp_path / "masks/eye0_second.png")
    found = open_vessels(tmp_path)
    items = (*found.items("train"), *found.items("test"))
    assert all(item.vessels and item.vessels.stem == item.name for item in items)


def test_pairs_may_bring_their_field_of_view(tmp_path: Path) -> None:
    _make_pairs(tmp_path, 2)
    _mask(tmp_path / "fov/eye0.png", row=20)
    found = open_vessels(tmp_path)
    fields = {item.name: item.field_of_view for item in (*found.items("train"), *found.items("test"))}
    assert fields == {"eye0": tmp_path / "fov/eye0.png", "eye1": None}


LAYOUTS = ("DRIVE", "training/1st_manual", "Image_01L_1stHO.png", "im0001.ah.ppm", "masks/")
"""What a refusal of a folder without a known layout offers."""


def _load_all(folder: Path) -> None:
    for item in open_vessels(folder).items("train"):
        load_labelled(item)


def test_a_folder_of_something_else_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with refuses(tmp_path, *LAYOUTS):
        open_vessels(tmp_path)
    _picture(tmp_path / "holiday.jpg")
    with refuses(tmp_path, *LAYOUTS):
        open_vessels(tmp_path)
    _picture(tmp_path / "images/a.png")
    _mask(tmp_path / "masks/b.png")
    with refuses(tmp_path, *LAYOUTS):
        open_vessels(tmp_path)


def test_a_missing_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with refuses(tmp_path / "nowhere", "DRIVE", "CHASE_DB1", "STARE"):
        open_vessels(tmp_path / "nowhere")


def test_a_set_without_training_masks_is_refused(tmp_path: Path) -> None:
    _make_pairs(tmp_path / "test", 3)
    with refuses(tmp_path) as caught:
        open_vessels(tmp_path)
    assert "DRIVE" not in str(caught.value), "its layout is known"


def test_a_mask_of_another_size_is_refused_in_one_sentence(tmp_path: Path) -> None:
    _make_pairs(tmp_path, 2)
    for number in range(2):
        _mask(tmp_path / f"masks/eye{number}.png", size=(30, 20))
    with refuses("20×30", "40×48", "eye"):
        _load_all(tmp_path)


def test_a_field_of_view_that_is_all_black_is_refused(tmp_path: Path) -> None:
    _make_pairs(tmp_path, 2)
    for number in range(2):
        _mask(tmp_path / f"fov/eye{number}.png", row=1000)
    with refuses("eye"):
        _load_all(tmp_path)


@pytest.mark.parametrize("stray", ["clinic_1.jpg", "clinic_1_1stHO.png"])
def test_images_of_other_names_beside_a_published_set_are_told(tmp_path: Path, stray: str) -> None:
    for make, name, place in ((_make_chase, "chase", ""), (_make_drive, "drive", "training/images")):
        make(tmp_path / name)
        _picture(tmp_path / name / place / stray)
        found = open_vessels(tmp_path / name)
        assert found.layout == name
        find_note(found, 1, stray)


def test_folders_of_splits_hold_against_the_names_of_a_published_set(tmp_path: Path) -> None:
    for split, children in (("train", (11, 12, 13)), ("test", (1, 2))):
        for child in children:
            _picture(tmp_path / split / "images" / f"Image_{child:02d}L.jpg", seed=child)
            _mask(tmp_path / split / "masks" / f"Image_{child:02d}L_1stHO.png")
    found = open_vessels(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 3, "test": 2}
