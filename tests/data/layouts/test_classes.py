import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.data.layouts.classes import (
    ClassifiedSet,
    hold_back_by_class,
    labels_of,
    open_classified,
    train_and_validation_by_class,
)
from core.data.layouts.found_classes import ClassifiedItem
from core.paths import PROJECT
from tests.data.layouts.labelled_folders import write_class_folders, write_defects, write_picture, write_table
from tests.data.layouts.sentences import assert_names, refuses

REAL = PROJECT.parent / "shared" / "data"


def _items(groups: dict[int, list[str]]) -> list[ClassifiedItem]:
    return [
        ClassifiedItem(f"{label}/{group}/{number}", group, Path("x"), label)
        for label, names in groups.items()
        for number, group in enumerate(names)
    ]


def _counts(found: ClassifiedSet, split: str) -> Counter[int | None]:
    return Counter(item.label for item in found.items(split))


def test_classes_are_in_order_of_their_names(tmp_path: Path) -> None:
    found = open_classified(write_class_folders(tmp_path, {"dog": 5, "ant": 5, "cat": 5}))
    assert found.classes == ("ant", "cat", "dog")
    for item in (*found.items("train"), *found.items("test")):
        assert item.label is not None
        assert item.name == f"{found.classes[item.label]}/{item.image.name}"
        assert item.group == item.name
        assert list(item.files()) == [tmp_path / item.name]


def test_classes_that_are_numbers_are_in_order_of_their_values(tmp_path: Path) -> None:
    found = open_classified(write_class_folders(tmp_path, {"10": 2, "9": 2, "100": 2}))
    assert found.classes == ("9", "10", "100")


@pytest.mark.parametrize("order", [("void", "normal", "edge defect"), ("Void", "NORMAL", "Edge-Defect")])
def test_a_given_order_holds_whatever_the_spelling(tmp_path: Path, order: tuple[str, ...]) -> None:
    found = open_classified(write_class_folders(tmp_path, {"edge_defect": 5, "normal": 5}), class_order=order)
    assert found.classes == order
    assert {item.label for item in found.items("train")} == {1, 2}
    assert {item.image.parent.name for item in found.items("train") if item.label == 2} == {"edge_defect"}


def test_an_order_that_does_not_know_a_class_is_not_used(tmp_path: Path) -> None:
    found = open_classified(write_class_folders(tmp_path, {"b": 5, "a": 5}), class_order=("b", "c"))
    assert found.classes == ("a", "b")


def test_numbers_are_positions_in_a_given_order_unless_they_are_its_names(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"1": 5, "0": 5})
    found = open_classified(tmp_path, class_order=("ant", "bee"))
    assert found.classes == ("ant", "bee")
    assert all(item.image.parent.name == str(item.label) for item in found.items("train"))
    turned = open_classified(tmp_path, class_order=("1", "0"))
    assert {item.image.parent.name: item.label for item in turned.items("train")} == {"1": 0, "0": 1}
    assert open_classified(tmp_path, class_order=("only",)).classes == ("0", "1")


def test_a_fifth_of_every_class_is_set_aside_where_there_is_no_test_split(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"many": 50, "few": 5})
    found = open_classified(tmp_path)
    assert _counts(found, "train") == {0: 4, 1: 40}
    assert _counts(found, "test") == {0: 1, 1: 10}
    assert len(found.notes) == 1
    assert found.notes[0] in found.describe()
    assert all(name in found.describe() for name in ("44", "11", "few", "many"))
    again = open_classified(tmp_path)
    assert again.splits == found.splits


def test_a_validation_split_of_the_sets_own_is_used_as_such(tmp_path: Path) -> None:
    for split, count, first in (("training", 6, 0), ("valid", 2, 100)):
        write_class_folders(tmp_path / split, {"a": count, "b": count}, first=first)
    found = open_classified(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 12, "val": 4}
    assert [note in found.describe() for note in found.notes] == [True]
    assert train_and_validation_by_class(found, 0.5) == (found.items("train"), found.items("val"))


def test_a_part_of_training_is_held_back_where_there_is_no_validation_split(tmp_path: Path) -> None:
    for split, first in (("train", 0), ("test", 100)):
        write_class_folders(tmp_path / split, {"a": 10, "b": 20}, first=first)
    found = open_classified(tmp_path)
    train, val = train_and_validation_by_class(found, 0.1)
    assert Counter(item.label for item in val) == {0: 1, 1: 2}
    assert sorted(item.name for item in (*train, *val)) == [item.name for item in found.items("train")]


def test_pictures_of_a_patient_are_never_torn_apart(tmp_path: Path) -> None:
    normal = [f"IM-{patient:04d}-0001{view}" for patient in range(12) for view in ("", "-0001", "-0002")]
    normal += [f"NORMAL2-IM-{patient:04d}-0001{view}" for patient in range(12) for view in ("", "-0001")]
    ill = [f"person{patient}_{germ}_{patient + 7}" for patient in range(20) for germ in ("bacteria", "virus")]
    for seed, (name, stems) in enumerate((("NORMAL", normal), ("PNEUMONIA", ill))):
        for number, stem in enumerate(stems):
            write_picture(tmp_path / "train" / name / f"{stem}.jpeg", seed=1000 * seed + number, side=16)
    found = open_classified(tmp_path)
    items = (*found.items("train"), *found.items("test"))
    assert {item.group for item in items} == (
        {f"IM-{patient:04d}" for patient in range(12)} | {f"NORMAL2-IM-{patient:04d}" for patient in range(12)}
        | {f"person{patient}" for patient in range(20)}
    )  # fmt: skip
    train, val = train_and_validation_by_class(found, 0.25)
    parts = [{item.group for item in part} for part in (train, val, found.items("test"))]
    assert all(parts)
    assert sum(map(len, parts)) == 44
    told = open_classified(tmp_path, group_of=lambda stem: stem)
    assert len(set(found.notes) - set(told.notes)) == 1, "only what was read from the names is told"


def test_groups_may_be_told_by_the_caller(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"a": 40, "b": 40})
    found = open_classified(tmp_path, group_of=lambda stem: stem[:-1])
    train, test = ({item.group for item in found.items(split)} for split in ("train", "test"))
    assert train | test == {"000", "001", "002", "003"}
    assert not train & test


def test_identical_files_stay_together_and_are_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", {"a": 40, "b": 40})
    write_class_folders(tmp_path / "test", {"a": 1, "b": 2}, first=500)
    for source, copy in (("a/0000", "a/0007"), ("a/0007", "a/0011"), ("a/0001", "a/0002"), ("b/0003", "a/0039")):
        shutil.copy(tmp_path / f"train/{source}.png", tmp_path / f"train/{copy}.png")
    shutil.copy(tmp_path / "train/b/0005.png", tmp_path / "test/b/0000.png")
    found = open_classified(tmp_path)
    group = {item.name.removesuffix(".png"): item.group for item in found.items("train")}
    assert group["train/a/0000"] == group["train/a/0007"] == group["train/a/0011"] != group["train/a/0001"]
    assert group["train/a/0001"] == group["train/a/0002"]
    assert group["train/b/0003"] == group["train/a/0039"]
    assert len(set(group.values())) == 80 - 4
    assert len(found.notes) == 3
    for note, count in zip(found.notes, (4, 1, 1), strict=True):
        assert_names(note, count)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_the_same_part_of_every_class_is_held_back(fraction: float) -> None:
    items = _items({0: [f"p{n}" for n in range(100)] * 2, 1: [f"q{n}" for n in range(10)] * 5})
    kept, held = hold_back_by_class(items, fraction)
    assert Counter(item.label for item in held) == {0: 200 * fraction, 1: 50 * fraction}
    assert not {item.group for item in kept} & {item.group for item in held}
    assert [item for item in items if item in held] == list(held)


def test_a_group_with_several_classes_is_not_torn_apart() -> None:
    items = _items({0: ["x", "y", "z", "w"], 1: ["x", "y", "u", "v"]})
    kept, held = hold_back_by_class(items, 0.5)
    assert not {item.group for item in kept} & {item.group for item in held}
    assert {item.label for item in kept} == {item.label for item in held} == {0, 1}


def test_a_class_of_one_group_is_kept_whole() -> None:
    kept, held = hold_back_by_class(_items({0: ["x"] * 4, 1: ["p", "q", "r"]}), 0.3)
    assert Counter(item.label for item in kept) == {0: 4, 1: 2}
    assert len(held) == 1
    items = _items({0: ["x"] * 4, 1: ["y"]})
    assert [len(part) for part in hold_back_by_class(items, 0.5)] in ([4, 1], [1, 4])
    assert hold_back_by_class(items, 0.0) == (tuple(items), ())
    with refuses(1, 2):
        hold_back_by_class(_items({0: ["x"] * 4}), 0.5)


def test_labels_of_pictures_without_any_are_refused(tmp_path: Path) -> None:
    found = open_classified(write_defects(tmp_path))
    np.testing.assert_array_equal(labels_of(found.items("train")), np.arange(12) % 6)
    with refuses("test_00000.png"):
        labels_of(found.items("unlabelled"))


def test_the_fingerprint_changes_with_content_label_split_and_order_of_classes(tmp_path: Path) -> None:
    write_defects(tmp_path)
    before = open_classified(tmp_path).fingerprint()
    assert len(before) == 16
    assert open_classified(tmp_path).fingerprint() == before
    assert open_classified(tmp_path, class_order=tuple("abcdef")).fingerprint() != before
    shutil.copytree(tmp_path, tmp_path / "copy" / "elsewhere")
    elsewhere = tmp_path / "copy" / "elsewhere"
    assert open_classified(elsewhere).fingerprint() == before
    write_picture(elsewhere / "train_images/train_00003.png", seed=77)
    changed = open_classified(elsewhere).fingerprint()
    rows = [(f"train_{number:05d}.png", (number + (number == 2)) % 6) for number in range(12)]
    write_table(elsewhere / "train.csv", rows)
    assert len({before, changed, open_classified(elsewhere).fingerprint()}) == 3


def test_the_fingerprint_of_an_array_reads_its_file_once_and_sees_a_changed_row(tmp_path: Path) -> None:
    for number, name in enumerate(("normal", "pneumonia")):
        np.save(tmp_path / f"{name}.npy", np.full((300, 4, 4), number, np.uint8))
    found = open_classified(tmp_path)
    before = found.fingerprint()
    array = np.load(tmp_path / "normal.npy", mmap_mode="r+")
    array[7, 1, 1] = 9
    array.flush()
    assert found.fingerprint() != before


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "splits", "classes", "groups"),
    [("chest_kermany", {"train": 5216, "test": 624}, 2, 2846), ("aoi_neu", {"train": 1770, "val": 30}, 6, 1769),
     pytest.param("objects_cifar10", {"train": 5000, "test": 1000}, 10, 5000, marks=pytest.mark.exhaustive)],
)  # fmt: skip
def test_real_sets_are_recognised(name: str, splits: dict[str, int], classes: int, groups: int) -> None:
    if not (REAL / name).is_dir():
        pytest.skip(f"there is no {REAL / name}")
    found = open_classified(REAL / name)
    assert {split: len(items) for split, items in found.splits.items()} == splits
    assert len(found.classes) == classes
    assert len({item.group for item in found.items("train")}) == groups
    train, val = train_and_validation_by_class(found, 0.1)
    assert not {item.group for item in train} & {item.group for item in val}
