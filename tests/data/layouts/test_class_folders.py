from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from core.data.layouts.classes import ClassifiedSet, open_classified, say_untrained, train_and_validation_by_class
from core.data.layouts.split_folders import split_of
from tests.data.layouts.labelled_folders import write_class_folders, write_picture, write_table
from tests.data.layouts.sentences import assert_names, refuses


def _of_class(found: ClassifiedSet) -> dict[str, int]:
    counts = Counter(item.label for items in found.splits.values() for item in items)
    return {name: counts[number] for number, name in enumerate(found.classes)}


def _sizes(found: ClassifiedSet) -> dict[str, int]:
    return {split: len(items) for split, items in found.splits.items()}


def _note(found: ClassifiedSet, *values: object) -> None:
    """Fail unless one of the set's notes names all these values."""
    fitting = [note for note in found.notes if all(str(value) in note for value in values)]
    assert fitting, f"{values} in none of {found.notes}"


@pytest.mark.parametrize("place", ["", "train"])
def test_figures_beside_class_folders_are_named_and_left_out(tmp_path: Path, place: str) -> None:
    write_class_folders(tmp_path / place, {"cat": 10, "dog": 10})
    if place:
        write_class_folders(tmp_path / "test", {"cat": 2, "dog": 2}, first=5000)
    for name in ("roc_0", "roc_1", "confusion_0", "confusion_1"):
        write_picture(tmp_path / place / f"{name}.png", seed=77)
    found = open_classified(tmp_path)
    assert (found.layout, found.classes) == ("class folders", ("cat", "dog"))
    _note(found, 4, "confusion_0.png")


def test_images_deeper_in_a_class_are_used_and_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"cat": 6, "dog/day0": 3, "dog/day1": 2, "owl": 2, "owl/more/deep": 5})
    found = open_classified(tmp_path)
    assert _of_class(found) == {"cat": 6, "dog": 5, "owl": 7}
    _note(found, "dog", "5 of 5", "dog/day0", "dog/day1")
    _note(found, "owl", "5 of 7", "owl/more/deep")


def test_images_and_masks_in_folders_of_each_class_are_told_apart(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {f"{name}/{kind}": 5 for name in ("COVID", "Normal") for kind in ("images", "masks")})
    found = open_classified(tmp_path)
    assert _of_class(found) == {"COVID": 5, "Normal": 5}
    assert {item.image.parent.name for items in found.splits.values() for item in items} == {"images"}
    _note(found, 10, "masks", "COVID/masks/0000.png")


def test_a_split_folder_in_each_class_is_a_split(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"cat/train": 6, "cat/test": 3, "dog/train": 6, "dog/test": 3})
    found = open_classified(tmp_path)
    assert (found.classes, _sizes(found)) == (("cat", "dog"), {"train": 12, "test": 6})


def test_folders_two_deep_that_may_be_classes_themselves_are_refused_with_their_names(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {f"{domain}/{name}": 3 for domain in ("art", "photo") for name in ("cat", "dog")})
    with refuses(tmp_path, "art/", "photo/", "6 images"):
        open_classified(tmp_path)


def test_a_folder_that_holds_the_classes_once_more_is_no_class(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"ill": 5, "well": 5})
    write_class_folders(tmp_path / "cell_images", {"ill": 5, "well": 5})
    found = open_classified(tmp_path)
    assert found.classes == ("ill", "well")
    _note(found, "cell_images")


def test_an_empty_class_folder_and_files_that_are_not_read_are_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"cat": 5, "dog": 5})
    (tmp_path / "owl").mkdir()
    for name in ("scan/1.dcm", "scan/2.dcm", "dog/3.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "dog" / "Thumbs.db").write_bytes(b"x")
    found = open_classified(tmp_path)
    assert found.classes == ("cat", "dog")
    _note(found, "owl")
    _note(found, "scan", "2 .dcm")
    _note(found, "1 .heic", "dog/3.heic")
    assert not any("Thumbs" in note or ".db" in note for note in found.notes)


def test_a_refusal_says_what_was_seen(tmp_path: Path) -> None:
    for number in range(3):
        for name in ("ill", "well"):
            (tmp_path / "scans" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "scans" / name / f"{number}.dcm").write_bytes(b"x")
    with refuses(tmp_path / "scans", "6 .dcm files"):
        open_classified(tmp_path / "scans")
    write_class_folders(tmp_path / "one", {"cat": 4})
    with refuses(tmp_path / "one", "cat/", "4 images"):
        open_classified(tmp_path / "one")


@pytest.mark.parametrize("header", ["file_name,caption", "image,width,height", "id,price", "filename,label"])
def test_a_table_that_tells_no_classes_does_not_beat_class_folders(tmp_path: Path, header: str) -> None:
    write_class_folders(tmp_path, {"cat": 10, "dog": 10})
    values = ",".join("40" for _ in header.split(",")[1:])
    names = [f"{name}/{number:04d}.png" for name in ("cat", "dog") for number in range(10)]
    (tmp_path / "metadata.csv").write_text("\n".join([header, *(f"{name},{values}" for name in names)]))
    found = open_classified(tmp_path)
    assert (found.layout, _of_class(found)) == ("class folders", {"cat": 10, "dog": 10})


def test_a_table_of_labels_beats_folders_that_are_parts_of_a_download(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"part_1": 10, "part_2": 10})
    names = [f"part_{part}/{number:04d}.png" for part in (1, 2) for number in range(10)]
    write_table(
        tmp_path / "metadata.csv", [(name, ("nv", "mel")[n % 2]) for n, name in enumerate(names)], "image_id,dx"
    )
    found = open_classified(tmp_path)
    assert (found.layout, _of_class(found)) == ("table", {"mel": 10, "nv": 10})
    _note(found, "part_1", "part_2")


def test_folders_hold_against_a_few_other_labels_of_a_table_and_that_is_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"cat": 10, "dog": 10})
    rows = [(f"{name}/{n:04d}.png", "dog" if n == 3 else name) for name in ("cat", "dog") for n in range(10)]
    write_table(tmp_path / "labels.csv", rows, "file,label")
    found = open_classified(tmp_path)
    assert _of_class(found) == {"cat": 10, "dog": 10}
    _note(found, 1, "cat/0003.png", "dog")


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test1"), ("Training Set", "Test Set"), ("seg_train/seg_train", "seg_test/seg_test")]
)
def test_split_folders_are_known_by_many_names(tmp_path: Path, train: str, test: str) -> None:
    write_class_folders(tmp_path / train, {"cat": 5, "dog": 5})
    write_class_folders(tmp_path / test, {"cat": 2, "dog": 2}, first=7000)
    found = open_classified(tmp_path)
    assert (found.classes, _sizes(found)) == (("cat", "dog"), {"train": 10, "test": 4})


def test_a_flat_test_folder_beside_class_folders_is_predicted_and_not_scored(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", {"cat": 5, "dog": 5})
    write_class_folders(tmp_path, {"test1": 3}, first=7000)
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 10, "unlabelled": 3}
    _note(found, 3, "test1")
    alone = tmp_path / "alone"
    write_class_folders(alone, {"cat": 5, "dog": 5, "test": 3})
    found = open_classified(alone)
    assert (found.classes, _sizes(found)) == (("cat", "dog"), {"train": 8, "test": 2, "unlabelled": 3})


def test_what_lies_beside_split_folders_is_told(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        write_class_folders(tmp_path / split, {"cat": 2, "dog": 2}, first=1000 * number)
    write_class_folders(tmp_path, {"extra/cat": 3}, first=9000)
    _note(open_classified(tmp_path), 3, "train/", "extra/cat/0000.png")


def test_flat_split_folders_are_never_classes(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"train": 4, "test": 4})
    with refuses(tmp_path, "train/ (4 images)", "test/ (4 images)"):
        open_classified(tmp_path)


def test_a_train_may_be_a_class_among_vehicles(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"bus": 5, "car": 5, "train": 5})
    assert open_classified(tmp_path).classes == ("bus", "car", "train")


@pytest.mark.parametrize("name", ["cat", "trains", "contest", "testimonial", "train_test", "devices", "0"])
def test_other_names_say_no_split(name: str) -> None:
    assert split_of(name) is None


def test_too_few_images_are_refused_with_what_was_seen(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "few", {"cat": 1, "dog": 1})
    found = open_classified(tmp_path / "few")
    with refuses("few", "validation to 0", "1 image", "cat 1", "1 to test"):
        train_and_validation_by_class(found, 0.2)
    assert [len(part) for part in train_and_validation_by_class(found, 0.0)] == [1, 0]


def test_a_class_that_is_held_back_whole_is_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"cat": 2, "dog": 2})
    found = open_classified(tmp_path)
    (kept,), (held,) = train_and_validation_by_class(found, 0.2)
    assert_names(*say_untrained(found, [kept]), found.classes[held.label or 0], "cat 1", "dog 1")
    assert say_untrained(found, [kept, held]) == ()


def test_class_folders_beside_other_things_are_found_one_folder_deeper(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "images", {"ill": 5, "well": 5})
    write_class_folders(tmp_path / "annotations", {"ill": 5, "well": 5}, first=9000)
    (tmp_path / "docs").mkdir()
    found = open_classified(tmp_path)
    assert (found.layout, found.classes) == ("class folders", ("ill", "well"))
    _note(found, 10, "images/", "annotations/ill/0000.png")


def test_masks_beside_the_images_of_a_class_are_left_out_and_told(tmp_path: Path) -> None:
    for place, name in enumerate(("benign", "normal")):
        for number in range(6):
            write_picture(tmp_path / name / f"{name} ({number}).png", seed=100 * place + number)
            write_picture(tmp_path / name / f"{name} ({number})_mask.png", seed=100 * place + 50 + number)
        write_picture(tmp_path / name / f"{name} (0)_mask_1.png", seed=100 * place + 99)
        write_picture(tmp_path / name / "lung masks" / "a.png", seed=100 * place + 98)
        write_picture(tmp_path / name / "no_mask.png", seed=100 * place + 97)
    found = open_classified(tmp_path)
    names = [item.name for items in found.splits.values() for item in items]
    assert len(names) == 2 * 7
    assert not [name for name in names if "mask" in name and "no_mask" not in name]
    assert [note for note in found.notes if "16" in note and "_mask" in note]


@pytest.mark.parametrize("name", ["thumbnails", "Preview", "augmented"])
def test_folders_of_what_programs_made_are_no_class_and_told(tmp_path: Path, name: str) -> None:
    write_class_folders(tmp_path, {"cat": 5, "dog": 5, name: 4})
    found = open_classified(tmp_path)
    assert found.classes == ("cat", "dog")
    _note(found, 4, f"{name}/0000.png")


def test_such_a_name_is_a_class_where_there_is_but_one_other(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"original": 5, "augmented": 5})
    assert open_classified(tmp_path).classes == ("augmented", "original")


@pytest.mark.parametrize("place", ["archive", "archive/v2"])
@pytest.mark.parametrize("beside", ["docs", ""])
def test_a_set_with_splits_is_found_beside_folders_of_other_images(tmp_path: Path, place: str, beside: str) -> None:
    write_class_folders(tmp_path / place / "train", {"cat": 5, "dog": 5})
    write_class_folders(tmp_path / place / "test", {"cat": 2, "dog": 2}, first=9000)
    write_class_folders(tmp_path / "docs", {beside: 1}, first=20000)
    found = open_classified(tmp_path)
    assert found.classes == ("cat", "dog")
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 10, "test": 4}
    _note(found, 1, "docs/")


def test_files_of_several_pages_are_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"cat": 5, "dog": 5})
    pages = [Image.open(tmp_path / f"cat/000{number}.png") for number in range(3)]
    pages[0].save(tmp_path / "cat/stack.tif", save_all=True, append_images=pages[1:])
    _note(open_classified(tmp_path), 1, 3, "stack.tif")
