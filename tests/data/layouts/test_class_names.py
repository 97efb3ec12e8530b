import unicodedata
from pathlib import Path

import pytest

from core.data.layouts.class_names import positive_class
from core.data.layouts.classes import ClassifiedSet, open_classified, with_classes
from tests.data.layouts.labelled_folders import write_class_folders
from tests.data.layouts.sentences import assert_names, refuses


def _two_splits(root: Path, train: tuple[str, ...], test: tuple[str, ...]) -> ClassifiedSet:
    for number, (split, names) in enumerate((("train", train), ("test", test))):
        write_class_folders(root / split, dict.fromkeys(names, 4), first=10_000 * number)
    return open_classified(root)


def _counts(found: ClassifiedSet, split: str) -> dict[str, int]:
    labels = [item.label for item in found.items(split)]
    return {name: labels.count(number) for number, name in enumerate(found.classes)}


@pytest.mark.parametrize(
    ("train", "test"),
    [("Cat", "cat"), ("hot dog", "Hot_Dog"), ("Café", unicodedata.normalize("NFD", "café")),
     ("edge-defect", "Edge defect"), ("1", "1.0")],
)  # fmt: skip
def test_one_class_may_be_written_in_two_ways_in_two_splits(tmp_path: Path, train: str, test: str) -> None:
    found = _two_splits(tmp_path, (train, "owl"), (test, "owl"))
    assert set(found.classes) == {train, "owl"}
    assert _counts(found, "test") == {train: 4, "owl": 4}
    assert_names(next(note for note in found.notes if test in note), train)


def test_names_that_one_split_has_both_of_are_two_classes_and_that_is_told(tmp_path: Path) -> None:
    found = _two_splits(tmp_path, ("A", "a"), ("A", "a"))
    assert found.classes == ("A", "a")
    assert _counts(found, "test") == {"A": 4, "a": 4}
    assert_names(found.notes[0], "A", "a", 2)


def test_a_word_that_could_be_either_of_two_classes_is_refused(tmp_path: Path) -> None:
    with refuses("'CAT'", "'Cat'", "'cat'", "test"):
        _two_splits(tmp_path, ("Cat", "cat"), ("CAT",))


def test_a_class_that_one_split_lacks_is_told(tmp_path: Path) -> None:
    found = _two_splits(tmp_path, ("ant", "bee", "cow"), ("bee", "cow", "dog"))
    assert found.classes == ("ant", "bee", "cow", "dog")
    unknown, absent = found.notes
    assert_names(unknown, "dog", "test", "train")
    assert_names(absent, "ant", "test", "train")


def test_spellings_that_a_given_order_unites_are_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"Normal": 5, "NORMAL": 5, "PNEUMONIA": 5})
    found = open_classified(tmp_path, class_order=("NORMAL", "PNEUMONIA"))
    assert len([item for item in found.items("train") if item.label == 0]) == 8
    assert any("Normal" in note and "NORMAL" in note for note in found.notes)


def test_folders_called_by_numbers_are_places_in_a_given_order(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"0.0": 5, "1.0": 5})
    found = open_classified(tmp_path, class_order=("NORMAL", "PNEUMONIA"))
    assert found.classes == ("NORMAL", "PNEUMONIA")
    assert {item.image.parent.name for item in found.items("train") if item.label == 1} == {"1.0"}


@pytest.mark.parametrize(
    ("classes", "place"),
    [(("NORMAL", "PNEUMONIA"), 1), (("Pneumonia", "zero"), 0), (("COVID", "NORMAL", "Viral Pneumonia"), 2),
     (("covid", "healthy"), 0), (("no pneumonia", "pneumonia"), 1), (("No Pneumonia", "Viral pneumonia"), 1),
     (("a", "b"), 1), (("normal", "nodule", "tuberculosis"), 1), (("0", "1"), 1), (("normal", "healthy"), 1)],
)  # fmt: skip
def test_a_positive_class_is_found_whatever_the_classes_are(classes: tuple[str, ...], place: int) -> None:
    assert positive_class(classes, "pneumonia") == place
    assert positive_class(classes, "") is None


def test_a_set_takes_the_labels_of_a_network_whose_classes_it_has_part_of(tmp_path: Path) -> None:
    found = _two_splits(tmp_path, ("cat", "Owl"), ("cat", "Owl"))
    taken = with_classes(found, ("ant", "CAT", "owl"))
    assert taken.classes == ("ant", "CAT", "owl")
    assert [item.label for item in taken.items("test")] == [
        1 if "/cat/" in item.name else 2 for item in taken.items("test")
    ]
    with refuses("Owl", "ant, cat"):
        with_classes(found, ("ant", "cat"))
