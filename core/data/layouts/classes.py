"""Pictures with one class label each, on disk: recognised from their folder, grouped, and divided by class."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import DatasetSpec, hold_back, take_share
from core.data.groups.class_groups import GroupOf, group_patients, join_identical
from core.data.image_io.headers import say_own_ranges, say_pages_of, say_unreadable
from core.data.layouts.class_layouts import find_classes, say_seen
from core.data.layouts.class_names import name_classes, plain_class, say_list, say_lone_classes
from core.data.layouts.found_classes import SINGLE, ClassifiedItem, FoundClasses, FoundPicture
from core.errors import UserError

TEST_PART = 1 / 5
"""Set aside for testing where a set has no test split; of arrays a sixth, and another sixth for validation."""
SYSTEM_PLACES = (("proc",), ("sys",), ("dev",))
"""Folders that hold no files of anybody, and no end of them."""


@dataclass(frozen=True)
class ClassifiedSet(DatasetSpec[ClassifiedItem]):
    """A data set of pictures with class labels; those without one are in the split ``unlabelled``.

    Attributes:
        classes: Names in the order of the labels.
        template: The CSV that names the test pictures and takes their predictions, if any; see
            :func:`core.data.layouts.label_csv.write_predictions_csv`.
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
    class, likewise; ``train.csv`` and ``test.csv`` beside ``train_images/`` and ``test_images/``; a CSV of file names
    and labels beside a folder; files ``{class}_{number}.png`` or ``{class}.{number}.jpg``, in one folder or in
    ``train/`` and ``test/``. :func:`core.data.layouts.class_layouts.find_classes` gives their order and its reason.

    Classes whose names differ in capitals, Unicode form or separators alone are one, see
    :func:`core.data.layouts.class_names.unite_spellings`. What is left out, and what splits share, stands in the notes.

    A set without splits, or with a training split and nothing else, has a fifth of every class set aside for testing.
    Of arrays without splits a sixth of every class is for testing, a sixth for validation and the rest for training,
    which makes the 1,600, 400 and 400 of report R5 out of 2,400.

    Args:
        folder: Where the set lies, or the folder around it.
        class_order: Names in the order of the labels. Capitals do not matter, nor whether a name has spaces, dashes or
            underscores. It holds if every class found is in it; a name without pictures keeps its place. Labels that
            are numbers are positions in it. Otherwise classes are in order of their names, numbers by their value.
        group_of: Returns what must not be torn apart, of a file name without its ending; by default the patient whom
            a table's column or the file's path tells, see :func:`core.data.groups.patients.find_name_groups`.

    Raises:
        UserError: If there is no such folder, it is none of the layouts, or something in it is wrong.
    """
    _refuse_place(folder)
    found = find_classes(folder)
    if found is None:
        raise _unknown(folder)
    words_of = {split: {each.word for each in pictures if each.word} for split, pictures in found.splits.items()}
    classes, labels, named = name_classes(words_of, class_order or tuple(found.meanings.values()))
    if len(classes) < 2:
        raise _unknown(folder)
    items = {
        split: [_item(each, folder, labels) for each in pictures if each.word is None or each.word in labels]
        for split, pictures in found.splits.items()
    }
    items, grouped = group_patients(found, items, group_of)
    items, seen_twice = join_identical(items)
    splits, divided = _divide(found, items)
    kept = {split: tuple(each) for split, each in splits.items()}
    lone = say_lone_classes({split: {classes[each.label] for each in items if each.label is not None}
                             for split, items in kept.items()})  # fmt: skip
    images = [item.image for each in kept.values() for item in each]
    told = (*say_pages_of(images), *say_own_ranges(images))
    unread = say_unreadable(kept.get("test", ()), "test")  # of the others, training tells
    notes = (*found.notes, *named, *divided, *grouped, *seen_twice, *lone, *told, *unread)
    return ClassifiedSet(folder.name, found.layout, folder, kept, notes, classes, found.template)


def _refuse_place(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds pictures with class labels.")
    if folder == Path(folder.anchor) or folder.parts[1:2] in SYSTEM_PLACES:
        raise UserError(f"{folder} belongs to the system; give a folder of pictures with class labels.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UserError(f"The folder {folder} may not be read; allow it, or give another.")


def _unknown(folder: Path) -> UserError:
    seen = say_seen(folder)
    return UserError(
        f"{folder} is none of the known layouts{f', as it holds {seen}' if seen else ''}; give at least two folders "
        "called after classes (with or without train/, val/, test/), a .npy file per class, files called "
        "{class}_{number}.png, train.csv with train_images/, or one CSV of file names and labels beside a folder of "
        "pictures."
    )


def with_classes(found: ClassifiedSet, classes: Sequence[str]) -> ClassifiedSet:
    """Return a data set with the labels of a network's classes, compared as :func:`plain_class` writes them.

    Raises:
        UserError: If it has a class that the network does not know.
    """
    positions = {plain_class(name): number for number, name in enumerate(classes)}
    if found.classes == tuple(classes):
        return found
    if not {plain_class(name) for name in found.classes} <= positions.keys():
        raise UserError(
            f"{found.title} has the classes {', '.join(found.classes)}, but this network tells {', '.join(classes)} "
            "apart; give data with the same classes."
        )
    places = [positions[plain_class(name)] for name in found.classes]
    splits = {
        split: tuple(replace(item, label=None if item.label is None else places[item.label]) for item in items)
        for split, items in found.splits.items()
    }
    return replace(found, classes=tuple(classes), splits=splits)


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
        _refuse_too_few(found, fraction)
        train, held = hold_back_by_class(found.items("train"), fraction)
    return take_share_by_class(train, share), held


def _refuse_too_few(found: ClassifiedSet, fraction: float) -> None:
    """Refuse a training split of which nothing can be held back, and say what was seen."""
    items = found.items("train")
    if fraction <= 0 or len({item.group for item in items}) > 1:
        return
    tested = len(found.splits.get("test", ()))
    raise UserError(
        f"{found.title} has {len(items)} image{'s' * (len(items) != 1)} of one group to train on "
        f"({_count_by_class(found, items)}) beside {tested} to test on, which cannot be divided into training and "
        "validation; give at least 3 images of each class, or set validation to 0."
    )


def say_untrained(found: ClassifiedSet, training: Sequence[ClassifiedItem]) -> tuple[str, ...]:
    """Return a sentence on classes of which all images of the training split were held back; mostly none."""
    counts, kept = Counter(item.label for item in found.items("train")), {item.label for item in training}
    lost = [name for label, name in enumerate(found.classes) if counts[label] and label not in kept]
    if not lost:
        return ()
    return (f"All images of {say_list(lost)} are held back to validate on, so nothing is learned of them: the training "
            f"split has {_count_by_class(found, found.items('train'))}.",)  # fmt: skip


def _count_by_class(found: ClassifiedSet, items: Sequence[ClassifiedItem]) -> str:
    counts = Counter(item.label for item in items)
    return say_list([f"{name} {counts[label]}" for label, name in enumerate(found.classes) if counts[label]])


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


def _item(found: FoundPicture, folder: Path, labels: Mapping[str, int]) -> ClassifiedItem:
    name = found.image.as_posix().removeprefix(f"{folder.as_posix()}/")  # a tenth of relative_to's time
    label = None if found.word is None else labels[found.word]
    if found.index is not None:
        name = f"{name}[{found.index}]"
    return ClassifiedItem(name, name, found.image, label, found.index)


Splits = dict[str, list[ClassifiedItem]]


def _divide(found: FoundClasses, items: Splits) -> tuple[Mapping[str, Sequence[ClassifiedItem]], tuple[str, ...]]:
    """Return the splits, with something set aside for testing where the layout has a training split alone."""
    rest = {"unlabelled": items["unlabelled"]} if "unlabelled" in items else {}
    labelled = {split: each for split, each in items.items() if split not in rest}
    if list(labelled) != [SINGLE] and (list(items) != ["train"] or found.template):
        note = "It has no test split with labels: scores are those of validation."
        return items, () if items.get("test") else (note,)
    ((split, whole),) = labelled.items()
    if found.layout == "arrays" and split == SINGLE:
        kept, test = hold_back_by_class(whole, 1 / 6)
        train, val = hold_back_by_class(kept, 1 / 5)
        note = "The arrays have no splits of their own: a sixth of every class is for testing, a sixth for validation."
        return {"train": train, "val": val, "test": test}, (note,)
    train, test = hold_back_by_class(whole, TEST_PART)
    note = "The folder has no test split of its own: a fifth of every class was set aside for testing."
    return {"train": train, "test": test, **rest}, (note,)
