"""Layouts in which the file's name tells the class: ``cat_1.png``, ``cat.1.jpg``, ``cat-1``, ``cat (1).jpg``."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.data.dataset import say_left_out
from core.data.layouts.class_names import plain_class
from core.data.layouts.found_classes import SINGLE, FoundClasses, FoundPicture
from core.data.layouts.image_index import PictureIndex
from core.data.layouts.label_csv import read_label_table
from core.data.layouts.split_folders import SPLIT_WORDS, split_folders
from core.data.layouts.visible_files import list_folders, list_pictures, name_below

TRUTHS = ("truth", "gt")
"""What follows a split's name in the name of a CSV that holds its labels."""
CLASS_NAMES = "class_names.txt"
NUMBERED = re.compile(r"(.+?)(?:[\s._-]+\d+|[\s._-]*\(\d+\)|(?<=[^\W\d_]{3})\d+)")
"""A class, and what counts its pictures."""
COUNTED = frozenset(
    {"img", "image", "images", "pic", "picture", "photo", "dsc", "dscn", "dscf", "p", "frame", "scan", "file", "page",
     "screenshot", "sample", "patient", "subject", "case", "person", "mask", "train", "test", "val", "im", "dcim",
     "gopr", "whatsapp image", "pxl", "mvimg"}
)  # fmt: skip
"""What cameras and people call any picture; no class."""


def find_named_files(folder: Path) -> FoundClasses | None:
    """Files ``{class}_{number}.png`` in one folder, or in ``train/`` and ``test/``, ``train_50/`` and ``val_50/``.

    A CSV with the columns ``image_id,label`` may say a split's labels instead: ``val_gt.csv``. Where classes are
    numbers, ``class_names.txt`` may say what they are called, a name on each line, that of class 0 first.
    """
    places = {split: folders[0] for split, folders in split_folders(list_folders(folder)).items()}
    places = {split: place for split, place in places.items() if list_pictures(place)}
    splits: dict[str, list[FoundPicture]] = {}
    known: set[str] = set()
    for split, place in (places if "train" in places else {SINGLE: folder}).items():
        pictures = [FoundPicture(path, class_in_name(path.stem)) for path in list_pictures(place)]
        if split in {SINGLE, "train"}:
            if not are_classes([picture.word for picture in pictures]):
                return None
            known = {plain_class(each.word or "") for each in pictures}
        splits[split] = with_truth([_if_known(each, known) for each in pictures], folder, split)
    unknown = [each for pictures in splits.values() for each in pictures if not each.word]
    splits = {split: [each for each in pictures if each.word] for split, pictures in splits.items()}
    notes = (f"{len(unknown)} pictures have no label; they are predicted, not scored.",) * bool(unknown)
    if SINGLE in splits and (deeper := [path for each in list_folders(folder) for path in list_pictures(each)]):
        names = name_below(deeper, folder)
        notes = (*notes, say_left_out(names, "in folders beside images whose names tell the class"))
    splits = {split: pictures for split, pictures in (splits | {"unlabelled": unknown}).items() if pictures}
    return FoundClasses("named files", splits, notes, _named_numbers(folder, splits))


def class_in_name(stem: str) -> str | None:
    """Return what a file's name says before a number; None where it says nothing.

    >>> [class_in_name(stem) for stem in ("cat.0", "great_pyrenees_12", "dog (3)", "0_17", "owl7", "17")]
    ['cat', 'great_pyrenees', 'dog', '0', 'owl', None]
    """
    named = NUMBERED.fullmatch(stem)
    return named[1] if named else None


def are_classes(words: Sequence[str | None]) -> bool:
    """Say whether the starts of file names can be classes: all files have one, and on average two share it."""
    found = {plain_class(word or "") for word in words}
    return None not in words and 1 < len(found) <= len(words) / 2 and not found & COUNTED


def _if_known(picture: FoundPicture, known: set[str]) -> FoundPicture:
    """Take the word from a picture where training has no such class: a test picture's name may say anything."""
    return picture if picture.word and plain_class(picture.word) in known else FoundPicture(picture.image, None)


def _named_numbers(folder: Path, splits: Mapping[str, list[FoundPicture]]) -> Mapping[str, str]:
    """Return what numbered classes are called; nothing where no file says so of all of them."""
    path = folder / CLASS_NAMES
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = {str(number): line.strip() for number, line in enumerate(lines) if line.strip()}
    words = {each.word for pictures in splits.values() for each in pictures if each.word}
    return names if words <= names.keys() else {}


def with_truth(pictures: list[FoundPicture], folder: Path, split: str) -> list[FoundPicture]:
    """Give pictures the labels of ``test_truth.csv`` or ``val_gt.csv``, where somebody published them later."""
    path = next((path for end in TRUTHS if (path := folder / f"{split}_{end}.csv").is_file()), None)
    table = read_label_table(path) if path else None
    if table is None:
        return pictures
    index = PictureIndex(folder, [picture.image for picture in pictures])
    words = {index.find(name): word for name, word in table.labels().items() if word}
    return [FoundPicture(each.image, words.get(each.image, each.word), group=each.group) for each in pictures]


def is_truth(path: Path) -> bool:
    """Say whether a CSV is called as one that holds the labels of a split alone."""
    split, _, end = path.stem.lower().rpartition("_")
    return end in TRUTHS and any(split in words for words in SPLIT_WORDS.values())
