import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.data.layouts.classes import ClassifiedSet, open_classified
from tests.data.layouts.labelled_folders import write_class_folders, write_defects, write_picture, write_table
from tests.data.layouts.sentences import assert_names, refuses

LAYOUTS = (".npy", "{class}_{number}.png", "train.csv", "train_images/")
"""What a refusal of a folder without a known layout offers."""


def _sizes(found: ClassifiedSet) -> dict[str, int]:
    return {split: len(items) for split, items in found.splits.items()}


def _words(found: ClassifiedSet, split: str) -> dict[str, str]:
    """Return the class of each picture by its file name."""
    return {item.image.name: found.classes[item.label] for item in found.items(split) if item.label is not None}


def _write_named(place: Path, count: int = 30, *, classes: int = 3, first: int = 0) -> Path:
    for number in range(first, first + count):
        write_picture(place / f"{number % classes}_{number}.png", seed=number)
    return place


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("training", "valid", "testing"), ("Train", "Validation", "Test")]
)
def test_class_folders_keep_the_splits_they_have(tmp_path: Path, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        write_class_folders(tmp_path / name, {"good": 4 - number, "bad": 2}, first=100 * number)
    (tmp_path / ".git").mkdir()
    (tmp_path / "readme.txt").write_text("pictures")
    found = open_classified(tmp_path)
    assert (found.layout, found.title, found.classes) == ("class folders", tmp_path.name, ("bad", "good"))
    assert _sizes(found) == {"train": 6, "val": 5, "test": 4}
    assert found.notes == ()


def test_a_set_may_lie_one_folder_deeper_beside_what_archives_leave(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        write_class_folders(tmp_path / "chest_xray" / split, {"NORMAL": 2, "PNEUMONIA": 2}, first=100 * number)
    (tmp_path / "chest_xray/train/NORMAL/._0000.png").write_bytes(b"what macOS adds")
    (tmp_path / "chest_xray/train/NORMAL/Thumbs.db").write_bytes(b"what Windows adds")
    (tmp_path / "chest_xray/train/.DS_Store").write_bytes(b"")
    (tmp_path / "__MACOSX").mkdir()
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 4, "test": 4}
    assert found.items("train")[0].name == "chest_xray/train/NORMAL/0000.png"


def test_report_r1s_csv_gives_names_to_its_numbers_and_no_labels_for_testing(tmp_path: Path) -> None:
    found = open_classified(write_defects(tmp_path))
    assert found.layout == "table"
    assert found.classes == ("normal", "void", "horizontal defect", "vertical defect", "edge defect", "particle")
    assert _sizes(found) == {"train": 12, "unlabelled": 5}
    assert [item.label for item in found.items("train")] == [number % 6 for number in range(12)]
    assert {item.label for item in found.items("unlabelled")} == {None}
    assert found.template == tmp_path / "test.csv"
    assert_names(found.notes[0], "test.csv", 5)
    with refuses("'test'", "train (12)", "unlabelled (5)"):
        found.items("test")


@pytest.mark.parametrize(
    ("labels", "sizes"),
    [(["0"] * 5, {"train": 12, "unlabelled": 5}), (list("01234"), {"train": 12, "test": 5}),
     (["0", "1", "", "2", ""], {"train": 12, "test": 3, "unlabelled": 2})],
)  # fmt: skip
def test_one_label_for_all_test_pictures_is_a_place_holder(
    tmp_path: Path, labels: list[str], sizes: dict[str, int]
) -> None:
    write_defects(tmp_path)
    write_table(tmp_path / "test.csv", [(f"test_{number:05d}.png", label) for number, label in enumerate(labels)])
    assert _sizes(open_classified(tmp_path)) == sizes


def test_the_truth_of_test_pictures_may_lie_beside_them(tmp_path: Path) -> None:
    write_defects(tmp_path)
    write_table(tmp_path / "test_truth.csv", [(f"test_{number:05d}.png", 5 - number) for number in range(5)])
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 12, "test": 5}
    assert [item.label for item in found.items("test")] == [5, 4, 3, 2, 1]
    assert found.template == tmp_path / "test.csv"


def test_test_pictures_that_were_not_copied_are_left_out(tmp_path: Path) -> None:
    write_defects(tmp_path)
    for path in (tmp_path / "test_images").iterdir():
        path.unlink()
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 12}
    assert_names(found.notes[0], "test.csv")


def test_other_numbers_than_report_r1s_stay_numbers(tmp_path: Path) -> None:
    write_defects(tmp_path, train=16)
    write_table(tmp_path / "train.csv", [(f"train_{number:05d}.png", number % 8) for number in range(16)])
    assert open_classified(tmp_path).classes == tuple("01234567")


def test_tables_of_words_name_pictures_in_folders_of_their_own(tmp_path: Path) -> None:
    words = ["Couch", "Alarm_Clock", "Couch", "Pen"]
    for split, first in (("train", 0), ("val", 100)):
        rows = []
        for number, word in enumerate(words * 3):
            write_picture(tmp_path / split / f"{number:05d}.jpg", seed=first + number)
            rows.append((number, f"{number:05d}.jpg", word))
        write_table(tmp_path / f"{split}.csv", rows, "id,filename,label")
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 12, "val": 12}
    assert found.classes == ("Alarm_Clock", "Couch", "Pen")
    assert _words(found, "val") == {f"{number:05d}.jpg": word for number, word in enumerate(words * 3)}


@pytest.mark.parametrize("named", ["images/{}.png", "{}.png", "{}", "./images/{}.png", "images\\{}.png"])
def test_one_table_beside_a_folder_sets_a_fifth_aside(tmp_path: Path, named: str) -> None:
    for number in range(20):
        write_picture(tmp_path / f"images/p{number}.png", seed=number)
    rows = [(named.format(f"p{number}"), "ant" if number % 2 else "bee") for number in range(20)]
    write_table(tmp_path / "labels.csv", rows, "filename,label")
    found = open_classified(tmp_path)
    assert (found.layout, found.classes) == ("table", ("ant", "bee"))
    assert _sizes(found) == {"train": 16, "test": 4}
    words = _words(found, "train") | _words(found, "test")
    assert words == {f"p{number}.png": "ant" if number % 2 else "bee" for number in range(20)}


def test_a_table_does_not_reach_out_of_its_folder(tmp_path: Path) -> None:
    write_defects(tmp_path / "set")
    write_picture(tmp_path / "secret.png")
    rows = [*((f"train_{number:05d}.png", number % 6) for number in range(12)), ("../../secret.png", 0)]
    write_table(tmp_path / "set/train.csv", rows)
    with refuses("1 ", 13, "train.csv", "train_images/", "../../secret.png"):
        open_classified(tmp_path / "set")


def test_a_missing_label_is_named(tmp_path: Path) -> None:
    write_defects(tmp_path)
    rows = [(f"train_{number:05d}.png", number % 6 if number != 4 else "") for number in range(12)]
    write_table(tmp_path / "train.csv", rows)
    with refuses("train.csv", "train_00004.png"):
        open_classified(tmp_path)


def test_two_labels_for_one_picture_are_refused(tmp_path: Path) -> None:
    write_defects(tmp_path)
    rows = [*((f"train_{number:05d}.png", number % 6) for number in range(12)), ("train_00004.png", 2)]
    write_table(tmp_path / "train.csv", rows)
    with refuses("train.csv", "train_00004.png", "'4'", "'2'"):
        open_classified(tmp_path)


def test_arrays_are_divided_as_report_r5_divided_them(tmp_path: Path) -> None:
    for name in ("normal", "pneumonia"):
        np.save(tmp_path / f"{name}.npy", np.zeros((1200, 2, 2), np.uint8))
    found = open_classified(tmp_path)
    assert (found.layout, found.classes) == ("arrays", ("normal", "pneumonia"))
    assert _sizes(found) == {"train": 1600, "val": 400, "test": 400}
    for split, count in (("train", 800), ("val", 200), ("test", 200)):
        assert Counter(item.label for item in found.items(split)) == {0: count, 1: count}
    item = found.items("test")[0]
    assert item.name == f"{item.image.name}[{item.index}]"
    everything = [item.name for split in found.splits for item in found.items(split)]
    assert len(set(everything)) == 2400
    assert open_classified(tmp_path).splits == found.splits


@pytest.mark.parametrize(("counts", "sizes"), [
    ((60, 120), {"train": 120, "val": 30, "test": 30}), ((7, 9), {"train": 11, "val": 3, "test": 2}),
])  # fmt: skip
def test_other_numbers_of_rows_are_divided_in_the_same_parts(
    tmp_path: Path, counts: tuple[int, int], sizes: dict[str, int]
) -> None:
    for name, count in zip(("a", "b"), counts, strict=True):
        np.save(tmp_path / f"{name}.npy", np.zeros((count, 2, 2), np.uint8))
    found = open_classified(tmp_path)
    assert sum(_sizes(found).values()) == sum(counts)
    for split, expected in sizes.items():
        assert abs(_sizes(found)[split] - expected) <= 1
        assert {item.label for item in found.items(split)} == {0, 1}


def test_arrays_keep_the_splits_they_have(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("test", 3)):
        (tmp_path / split).mkdir()
        for name in ("normal", "pneumonia"):
            np.save(tmp_path / split / f"{name}.npy", np.zeros((count, 2, 2), np.uint8))
    assert _sizes(open_classified(tmp_path)) == {"train": 12, "test": 6}


def test_the_names_of_arrays_may_say_the_split(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("test", 3)):
        for name in ("normal", "pneumonia"):
            np.save(tmp_path / f"{name}_{split}.npy", np.zeros((count, 2, 2), np.uint8))
    found = open_classified(tmp_path)
    assert (found.classes, _sizes(found)) == (("normal", "pneumonia"), {"train": 12, "test": 6})


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test"),
        ("X_train", "X_test"),
        ("X_train", "y_train", "X_test", "y_test"),
        ("images", "labels"),
    ],
)
def test_arrays_called_after_splits_or_parts_of_a_set_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        np.save(tmp_path / f"{name}.npy", np.zeros((6,) if name[0] in "yl" else (6, 2, 2), np.uint8))
    with refuses(f"{sorted(names)[0]}.npy", ".npy file per class"):
        open_classified(tmp_path)


def test_file_names_tell_the_class_in_one_folder(tmp_path: Path) -> None:
    found = open_classified(_write_named(tmp_path, 60, classes=12))
    assert (found.layout, found.classes) == ("named files", tuple(str(number) for number in range(12)))
    assert _sizes(found) == {"train": 48, "test": 12}
    for split in ("train", "test"):
        assert all(name.split("_")[0] == word for name, word in _words(found, split).items())


@pytest.mark.parametrize("header", ["image_id,label", ""])
@pytest.mark.parametrize("ending", [".png", ""])
def test_report_r3s_folders_take_their_validation_labels_from_a_table(tmp_path: Path, header: str, ending: str) -> None:
    _write_named(tmp_path / "train_50")
    for number in range(6):
        write_picture(tmp_path / f"val_50/{number:04d}.png", seed=900 + number)
    assert _sizes(open_classified(tmp_path)) == {"train": 30, "unlabelled": 6}
    write_table(tmp_path / "val_gt.csv", [(f"{number:04d}{ending}", number % 3) for number in range(6)], header)
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 30, "val": 6}
    assert [item.label for item in found.items("val")] == [0, 1, 2, 0, 1, 2]


def test_report_r3s_folders_need_no_table(tmp_path: Path) -> None:
    _write_named(tmp_path / "train_50")
    _write_named(tmp_path / "val_50", 9, first=500)
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 30, "val": 9}
    assert all(name.split("_")[0] == word for name, word in _words(found, "val").items())


def test_what_is_no_set_of_classes_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with refuses(tmp_path, *LAYOUTS):
        open_classified(tmp_path)
    write_picture(tmp_path / "holiday.jpg")
    with refuses(tmp_path, *LAYOUTS):
        open_classified(tmp_path)
    write_class_folders(tmp_path, {"only": 3})
    with refuses(tmp_path, *LAYOUTS):
        open_classified(tmp_path)
    with refuses(tmp_path / "nowhere"):
        open_classified(tmp_path / "nowhere")


@pytest.mark.parametrize("split", ["", "train"])
def test_pictures_with_masks_are_not_taken_for_classes(tmp_path: Path, split: str) -> None:
    write_class_folders(tmp_path / split, {"images": 4, "masks": 4})
    with refuses(tmp_path, *LAYOUTS):
        open_classified(tmp_path)


def test_names_of_photographs_are_not_taken_for_classes(tmp_path: Path) -> None:
    for number in range(6):
        write_picture(tmp_path / f"place{number}_{number}.png", seed=number)
    with refuses(tmp_path, *LAYOUTS):
        open_classified(tmp_path)


def test_an_array_that_holds_no_pictures_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "normal.npy", np.zeros((3, 4, 4), np.uint8))
    np.save(tmp_path / "pneumonia.npy", np.array([{}, {}]), allow_pickle=True)
    with refuses("pneumonia.npy", "numpy.save"):
        open_classified(tmp_path)


@pytest.mark.parametrize("folder", ["/", "/proc", "/sys/class"])
def test_the_systems_own_folders_are_refused_at_once(folder: str) -> None:
    with refuses(folder):
        open_classified(Path(folder))


def test_a_class_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_class_folders(tmp_path, {"cat": 5, "dog": 5, "owl": 5})
    scan = os.scandir

    def refuse(path: object) -> object:
        if isinstance(path, Path) and path.name == "owl":
            raise PermissionError(13, "Permission denied")
        return scan(path)  # type: ignore[call-overload]

    monkeypatch.setattr("core.data.layouts.visible_files.os.scandir", refuse)
    found = open_classified(tmp_path)
    assert found.classes == ("cat", "dog")
    assert any("owl" in note for note in found.notes)
