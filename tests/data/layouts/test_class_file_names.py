from pathlib import Path

import pytest

from core.data.layouts.class_file_names import class_in_name
from core.data.layouts.classes import ClassifiedSet, open_classified
from tests.data.layouts.labelled_folders import write_picture, write_table
from tests.data.layouts.sentences import assert_names, refuses


def _sizes(found: ClassifiedSet) -> dict[str, int]:
    return {split: len(items) for split, items in found.splits.items()}


@pytest.mark.parametrize("pattern", ["{}.{}.jpg", "{}_{}.jpg", "{}-{}.jpg", "{} ({}).jpg", "{}{}.jpg", "{} {}.jpg"])
def test_classes_are_read_from_file_names_with_any_separator(tmp_path: Path, pattern: str) -> None:
    for number in range(10):
        for name in ("cat", "great_pyrenees"):
            write_picture(tmp_path / pattern.format(name, number), seed=number + 50 * len(name))
    found = open_classified(tmp_path)
    assert (found.layout, found.classes) == ("named files", ("cat", "great_pyrenees"))
    for item in (*found.items("train"), *found.items("test")):
        assert item.image.name.startswith(found.classes[item.label or 0])


def test_dogs_vs_cats_as_published_has_two_classes_and_unlabelled_test_images(tmp_path: Path) -> None:
    for number in range(6):
        for place, name in enumerate(("cat", "dog")):
            write_picture(tmp_path / f"train/{name}.{number}.jpg", seed=number + 100 * place)
        write_picture(tmp_path / f"test1/{number + 1}.jpg", seed=number + 900)
    write_table(tmp_path / "sampleSubmission.csv", [(number + 1, 0) for number in range(6)], "id,label")
    found = open_classified(tmp_path)
    assert (found.classes, _sizes(found)) == (("cat", "dog"), {"train": 12, "unlabelled": 6})
    assert {item.image.parent.name for item in found.items("unlabelled")} == {"test1"}
    assert_names(found.notes[0], 6)


def test_names_of_test_images_that_say_no_class_of_training_label_nothing(tmp_path: Path) -> None:
    for number in range(6):
        for place, name in enumerate(("cat", "dog")):
            write_picture(tmp_path / f"train/{name}_{number}.jpg", seed=number + 100 * place)
        write_picture(tmp_path / f"test/{('Cat', 'query')[number % 2]}_{number}.jpg", seed=number + 900)
    found = open_classified(tmp_path)
    assert (found.classes, _sizes(found)) == (("cat", "dog"), {"train": 12, "test": 3, "unlabelled": 3})


def test_what_cameras_call_their_files_are_no_classes(tmp_path: Path) -> None:
    for number in range(6):
        write_picture(tmp_path / f"{('IMG', 'DSC')[number % 2]}_{number:04d}.jpg", seed=number)
    with refuses(tmp_path, "6 images"):
        open_classified(tmp_path)


@pytest.mark.parametrize("stem", ["17", "holiday", "(3)", "ab7"])
def test_a_name_without_a_class_or_a_number_says_nothing(stem: str) -> None:
    assert class_in_name(stem) is None
