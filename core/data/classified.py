"""Pictures with one class label each, on disk: recognised from their folder, grouped, and divided by class."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.classified_layouts import SINGLE, FoundClasses, FoundPicture, find_classes
from core.data.dataset import DatasetSpec, hold_back, take_share
from core.data.identical import find_identical, join_groups
from core.errors import UserError

TEST_PART = 1 / 5
"""Set aside for testing where a set has no test split; of arrays a sixth, and another sixth for validation."""
COMPARED = 20_000
"""Sets of more files are not searched for identical ones: each may have to be opened."""
PATIENT = re.compile(r"(person\d+)_(?:bacteria|virus)_|((?:NORMAL\d*-)?IM-\d+)-\d")
"""Start of the file names of Kermany et al. (2018), which say the patient."""

GroupOf = Callable[[str], str]


@dataclass(frozen=True)
class ClassifiedItem:
    """One picture and its class.

    Attributes:
        name: Path below the data set's folder; of a row of an array with its number: ``normal.npy[3]``.
        group: The patient, where the file name tells; else the name. Identical files have one group.
        image: The picture's file.
        label: Position of its class; None where nobody told.
        index: Row of the file, where that is a NumPy array.
    """

    name: str
    group: str
    image: Path
    label: int | None
    index: int | None = None

    def files(self) -> Iterator[Path]:
        """Yield the one file."""
        yield self.image


@dataclass(frozen=True)
class ClassifiedSet(DatasetSpec[ClassifiedItem]):
    """A data set of pictures with class labels; those without one are in the split ``unlabelled``.

    Attributes:
        classes: Names in the order of the labels.
        template: The CSV that names the test pictures and takes their predictions, if any; see
            :func:`core.data.label_tables.write_predictions_csv`.
    """

    classes: tuple[str, ...] = ()
    template: Path | None = None

    def describe(self) -> str:
        """Return what it is in a few sentences."""
        shown = [*self.classes[:8], *(["…"] if len(self.classes) > 8 else [])]
        return f"{super().describe()} {len(self.classes)} classes: {', '.join(shown)}."

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change when a file, its name, its label or its split changes."""
        digest, files = hashlib.sha256("\0".join(self.classes).encode()), dict[Path, bytes]()
        for split, items in sorted(self.splits.items()):
            for item in items:
                if item.image not in files:  # an array is the file of many items
                    with item.image.open("rb") as file:
                        files[item.image] = hashlib.file_digest(file, "sha256").digest()
                digest.update(f"\0{split}/{item.name}\0{item.label}\0".encode() + files[item.image])
        return digest.hexdigest()[:16]


def open_classified(folder: Path, *, class_order: Sequence[str] = (), group_of: GroupOf | None = None) -> ClassifiedSet:
    """Recognise a data set of pictures with class labels.

    Layouts: a folder per class, with or without ``train/``, ``val/`` (``valid/``) and ``test/``; a ``.npy`` file per
    class, likewise; files ``{class}_{number}.png``, in one folder or in ``train_50/`` and ``val_50/``; ``train.csv``
    and ``test.csv`` beside ``train_images/`` and ``test_images/``; a CSV of file names and labels beside a folder.

    A set without splits, or with a training split and nothing else, has a fifth of every class set aside for testing.
    Of arrays without splits a sixth of every class is for testing, a sixth for validation and the rest for training,
    which makes the 1,600, 400 and 400 of report R5 out of 2,400.

    Args:
        folder: Where the set lies, or the folder around it.
        class_order: Names in the order of the labels. Capitals do not matter, nor whether a name has spaces, dashes or
            underscores. It holds if every class found is in it; a name without pictures keeps its place. Labels that
            are numbers are positions in it. Otherwise classes are in order of their names, numbers by their value.
        group_of: Returns what must not be torn apart, of a file name without its ending; by default the patient in
            file names of Kermany's chest X-rays.

    Raises:
        UserError: If there is no such folder, it is none of the layouts, or something in it is wrong.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds pictures with class labels.")
    found = find_classes(folder)
    if found is None:
        raise UserError(
            f"{folder} is none of the known layouts; give a folder per class (with or without train/, val/, test/), a "
            ".npy file per class, files called {class}_{number}.png, train.csv with train_images/, or one CSV of file "
            "names and labels beside a folder of pictures."
        )
    words = {each.word for pictures in found.splits.values() for each in pictures if each.word is not None}
    classes, labels = _order(words, class_order or tuple(found.meanings.values()))
    items = {
        split: [_item(each, folder, labels, group_of or find_patient) for each in pictures]
        for split, pictures in found.splits.items()
    }
    grouped = any(item.group != item.name for each in items.values() for item in each)
    note = ("Pictures of one patient, told by the file names, stay together.",) * (grouped and group_of is None)
    items, seen = _join_identical(items)
    splits, divided = _divide(found, items)
    kept = {split: tuple(each) for split, each in splits.items()}
    notes = (*found.notes, *divided, *note, *seen)
    return ClassifiedSet(folder.name, found.layout, folder, kept, notes, classes, found.template)


def labels_of(items: Iterable[ClassifiedItem]) -> NDArray[np.int64]:
    """Return the labels of items.

    Raises:
        UserError: If one has none.
    """
    labels = []
    for item in items:
        if item.label is None:
            raise UserError(f"{item.name} has no label, so it cannot be trained on or scored; only predicted.")
        labels.append(item.label)
    return np.array(labels, np.int64)


def find_patient(stem: str) -> str:
    """Return the patient that a file name of Kermany's chest X-rays tells; empty for other names.

    >>> find_patient("person1_bacteria_2"), find_patient("NORMAL2-IM-0007-0001"), find_patient("IM-0429-0001-0002")
    ('person1', 'NORMAL2-IM-0007', 'IM-0429')
    """
    patient = PATIENT.match(stem)
    return (patient[1] or patient[2]) if patient else ""


def train_and_validation_by_class(
    found: ClassifiedSet, fraction: float, share: float = 1.0
) -> tuple[tuple[ClassifiedItem, ...], tuple[ClassifiedItem, ...]]:
    """Return the training items and the held-back ones: the set's own validation split, or a part of every class.

    Args:
        found: The data set.
        fraction: Part of every class to hold back where there is no validation split, 0 to 1.
        share: Part of what is left of every class that is trained on, above 0 to 1.

    Raises:
        UserError: If there is nothing to train on, or it cannot be divided.
    """
    if found.splits.get("val"):
        train, held = found.items("train"), found.items("val")
    else:
        train, held = hold_back_by_class(found.items("train"), fraction)
    return take_share_by_class(train, share), held


def take_share_by_class(items: Sequence[ClassifiedItem], share: float) -> tuple[ClassifiedItem, ...]:
    """Return the same part of every class, as :func:`core.data.dataset.take_share` takes it."""
    if share >= 1:
        return tuple(items)
    taken = set[int]()
    for label in {item.label for item in items}:
        numbers = [number for number, item in enumerate(items) if item.label == label]
        taken.update(take_share(numbers, share, group=lambda number: items[number].group))
    return tuple(item for number, item in enumerate(items) if number in taken)


def hold_back_by_class(
    items: Sequence[ClassifiedItem], fraction: float
) -> tuple[tuple[ClassifiedItem, ...], tuple[ClassifiedItem, ...]]:
    """Split items as :func:`core.data.dataset.hold_back` does, with the same part of every class held back.

    A group with pictures of several classes counts for that of its first picture; it is not torn apart. A class of a
    single group is kept whole.

    Raises:
        UserError: If something is to be held back, and no class has two groups.
    """
    home: dict[str, int | None] = {}
    for item in items:
        home.setdefault(item.group, item.label)
    sizes = Counter(home.values())
    if fraction <= 0 or max(sizes.values(), default=0) < 2:
        return hold_back(items, fraction, group=lambda item: item.group)
    held: set[str] = set()
    for label in (label for label, size in sizes.items() if size > 1):
        groups = [group for group, of in home.items() if of == label]
        held.update(hold_back(groups, fraction, group=str)[1])
    kept = tuple(item for item in items if item.group not in held)
    return kept, tuple(item for item in items if item.group in held)


def at_most_of_each(items: Sequence[ClassifiedItem], per_class: int) -> tuple[ClassifiedItem, ...]:
    """Return at most so many items of each class, spread evenly over them in their order; all of them where it is 0."""
    if not per_class:
        return tuple(items)
    by_class: dict[int | None, list[int]] = {}
    for number, item in enumerate(items):
        by_class.setdefault(item.label, []).append(number)
    chosen = set[int]()
    for numbers in by_class.values():
        step = max(1.0, len(numbers) / per_class)
        chosen.update(numbers[int(place * step)] for place in range(min(per_class, len(numbers))))
    return tuple(item for number, item in enumerate(items) if number in chosen)


def _order(words: set[str], wanted: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the classes in order, and the label of each class word."""
    positions = {_plain(name): number for number, name in enumerate(wanted)}
    if words and {_plain(word) for word in words} <= positions.keys():
        return tuple(wanted), {word: positions[_plain(word)] for word in words}
    numbers = {word: int(word) for word in words if word.isdecimal()}
    if wanted and len(numbers) == len(words) and max(numbers.values(), default=0) < len(wanted):
        return tuple(wanted), numbers
    ordered = sorted(words, key=lambda word: (numbers.get(word, -1) if len(numbers) == len(words) else 0, word))
    return tuple(ordered), {word: number for number, word in enumerate(ordered)}


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _item(found: FoundPicture, folder: Path, labels: Mapping[str, int], group_of: GroupOf) -> ClassifiedItem:
    name = found.image.as_posix().removeprefix(f"{folder.as_posix()}/")  # a tenth of relative_to's time
    label = None if found.word is None else labels[found.word]
    if found.index is not None:
        name = f"{name}[{found.index}]"
        return ClassifiedItem(name, name, found.image, label, found.index)
    return ClassifiedItem(name, group_of(found.image.stem) or name, found.image, label)


Splits = dict[str, list[ClassifiedItem]]


def _divide(found: FoundClasses, items: Splits) -> tuple[Mapping[str, Sequence[ClassifiedItem]], tuple[str, ...]]:
    """Return the splits, with something set aside for testing where the layout has a training split alone."""
    if list(items) not in ([SINGLE], ["train"]) or found.template:
        note = "It has no test split with labels: scores are those of validation."
        return items, () if items.get("test") else (note,)
    ((split, whole),) = items.items()
    if found.layout == "arrays" and split == SINGLE:
        rest, test = hold_back_by_class(whole, 1 / 6)
        train, val = hold_back_by_class(rest, 1 / 5)
        note = "The arrays have no splits of their own: a sixth of every class is for testing, a sixth for validation."
        return {"train": train, "val": val, "test": test}, (note,)
    train, test = hold_back_by_class(whole, TEST_PART)
    note = "The folder has no test split of its own: a fifth of every class was set aside for testing."
    return {"train": train, "test": test}, (note,)


def _join_identical(items: Splits) -> tuple[Splits, tuple[str, ...]]:
    """Give byte-identical labelled files one group, so that no split is made between them, and say how many there are.

    Rows of arrays are not compared, nor the files of large sets.
    """
    labels = {item.image: item.label for each in items.values() for item in each if item.label is not None}
    split_of = {item.image: split for split, each in items.items() for item in each}
    group_of = {item.image: item.group for each in items.values() for item in each}
    rows = any(item.index is not None for each in items.values() for item in each)
    same = [] if rows or len(labels) > COMPARED else find_identical(labels)
    if not same:
        return items, ()
    leaders = join_groups([{group_of[path] for path in paths} for paths in same])
    joined = {
        split: [replace(item, group=leaders.get(item.group, item.group)) for item in each]
        for split, each in items.items()
    }
    notes = [f"Byte-identical files, {len(same)} groups of them, stay together."]
    for what, values in (("in several splits", split_of), ("labelled differently", labels)):
        torn = sum(len({values[path] for path in paths}) > 1 for paths in same)
        notes += [f"Of these groups, {torn} are {what}."] * bool(torn)
    return joined, tuple(notes)
