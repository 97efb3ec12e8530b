import doctest
from pathlib import Path

import pytest

from core.data.groups import copies
from core.data.groups.patients import find_name_groups
from core.data.layouts.classes import open_classified, train_and_validation_by_class
from core.data.layouts.pets import open_pets
from tests.data.layouts.labelled_folders import write_picture
from tests.data.layouts.masked_sets import draw_blob, grey, save
from tests.data.layouts.sentences import assert_names

COPIES = [
    "x_aug1",
    "x_aug",
    "x_flip",
    "x_rot90",
    "x-rot_-90",
    "x_hflip_crop2",
    "Copy of x",
    "Copy (2) of x",
    "x (1)",
    "x - Copy",
    "x - Copy (2)",
    "x.rf.0123456789abcdef",
    "x_copy2",
    "flip_x",
    "aug_3_x",
    "x_aug_12",
]


def test_the_examples_hold() -> None:
    assert doctest.testmod(copies).failed == 0


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_of_its_original_s_group(copy: str) -> None:
    found = find_name_groups([f"cat/{copy}.png", "cat/x.png", "cat/y.png", "dog/x.png"])
    assert found.groups[f"cat/{copy}.png"] == found.groups["cat/x.png"]
    assert len(set(found.groups.values())) == 3
    assert_names(found.how, 1, f"{copy}.png")


def test_copies_belong_together_where_the_original_is_missing() -> None:
    groups = find_name_groups(["train/img7_aug1.png", "test/img7_flip.png", "train/img8_aug1.png"]).groups
    assert groups["train/img7_aug1.png"] == groups["test/img7_flip.png"] != groups["train/img8_aug1.png"]


def test_an_original_of_the_same_split_goes_first() -> None:
    groups = find_name_groups(["train/1.png", "train/1_flip.png", "test/1.png", "test/1_flip.png"]).groups
    assert groups["train/1_flip.png"] == groups["train/1.png"] != groups["test/1.png"] == groups["test/1_flip.png"]


@pytest.mark.parametrize(
    "names",
    [
        [f"cat ({number})" for number in range(20)],
        [f"scratch_blur_{number:03}" for number in range(20)],
        ["flip", "aug"],
        ["crop_1", "crop_2", "x_1"],
        ["cat", *(f"cat ({number})" for number in range(1, 20))],
        ["a.jpg", "a.png"],
    ],
)
def test_names_that_count_images_of_a_kind_are_no_copies(names: list[str]) -> None:
    found = find_name_groups(names)
    assert dict(found.groups) == {name: name for name in names}
    assert found.how == ""


def test_copies_show_the_person_that_their_original_shows() -> None:
    groups = find_name_groups(["12_left_flip", "12_right", "13_left", "13_left_aug1"]).groups
    assert groups["12_left_flip"] == groups["12_right"]
    assert groups["13_left"] == groups["13_left_aug1"] != groups["12_right"]


def test_copies_in_other_splits_are_told_and_those_of_one_are_not_torn(tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        for number in range(6):
            for place, end in enumerate(("", "_aug1", "_flip")):
                write_picture(tmp_path / f"train/{name}/{number}{end}.png", seed=100 * label + 10 * number + place)
        write_picture(tmp_path / f"test/{name}/0_rot90.png", seed=1000 + label)
        write_picture(tmp_path / f"test/{name}/77.png", seed=1010 + label)
    found = open_classified(tmp_path)
    assert_names(next(note for note in found.notes if "several splits" in note), "2 of", "train", "test", "cat/0")
    train, val = train_and_validation_by_class(found, 0.3)
    assert len(val) % 3 == 0
    assert not {item.group for item in train} & {item.group for item in val}


def test_copies_of_images_with_masks_are_told_across_splits_and_kept_together(tmp_path: Path) -> None:
    for number in range(8):
        for end in ("", "_flip"):
            pixels, mask = draw_blob(10 * number + len(end))
            save(pixels, tmp_path / f"one/images/im{number}{end}.png")
            save(grey(mask), tmp_path / f"one/masks/im{number}{end}.png")
            split = "train" if number or not end else "test"
            save(pixels, tmp_path / f"two/{split}/images/im{number}{end}.png")
            save(grey(mask), tmp_path / f"two/{split}/masks/im{number}{end}.png")
    groups = [{item.group for item in items} for items in open_pets(tmp_path / "one").splits.values()]
    assert not groups[0] & groups[1]
    assert sum(map(len, groups)) == 8
    notes = open_pets(tmp_path / "two").notes
    assert_names(next(note for note in notes if "subjects or originals" in note), "1 of", "train", "test", "im0")
