"""How pictures with class labels lie on disk: folders, arrays, a CSV or file names tell the class."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from core.data.dataset import NAMED, name_some, say_left_out
from core.data.layouts.class_file_names import find_named_files
from core.data.layouts.class_folders import (
    MASK_FOLDERS,
    SIDECARS,
    count_endings,
    find_arrays,
    find_class_folders,
    list_arrays,
)
from core.data.layouts.class_names import plain_class
from core.data.layouts.class_tables import DEFECT_CLASSES, find_single_table, find_split_tables
from core.data.layouts.found_classes import SINGLE, FoundClasses, FoundPicture
from core.data.layouts.split_folders import split_of
from core.data.layouts.visible_files import list_deep, list_folders, list_pictures, list_visible, name_below
from core.errors import UserError

__all__ = ["DEFECT_CLASSES", "SINGLE", "FoundClasses", "FoundPicture", "find_classes", "say_seen"]

MOST_BESIDE = 8
"""Among so many folders the one that holds classes is looked for."""
AGREEING = 0.9
"""From this share of a folder's pictures with the same label in a table on, the two say the same classes."""


def find_classes(folder: Path) -> FoundClasses | None:
    """Recognise a layout in a folder, or in the one folder in it; None where it is none.

    The order and its reason: folders (and arrays) first, because a place says the class of every file in it, while
    tables and names of files lie in many sets for other ends. A table comes before folders only where its own column of
    labels says plainly other classes, as where folders are the parts of a download. Names of files come last: every
    camera counts its files.

    Raises:
        UserError: If it is one and something in it is wrong.
    """
    by_place = find_class_folders(folder) or find_arrays(folder)
    if by_place is not None:
        return _unless_a_table_differs(by_place, folder)
    for find in (find_split_tables, find_single_table, find_named_files):
        found = find(folder)
        if found is not None:
            return found
    return _find_inside(folder)


def _find_inside(folder: Path) -> FoundClasses | None:
    """Return the classes of the one folder in a folder that holds some, beside masks and other things."""
    inner = list_folders(folder)
    if len(inner) == 1:
        return find_classes(inner[0])
    found = {each: classes for each in _candidates(inner) if (classes := find_classes(each))}
    if len(found) != 1:
        return None
    ((place, classes),) = found.items()
    beside = [path for each in inner if each != place for path in list_deep(each).pictures] + list_pictures(folder)
    said = (say_left_out(name_below(beside, folder), f"beside {place.name}/"),) if beside else ()
    return replace(classes, notes=(*classes.notes, *said))


def _candidates(inner: list[Path]) -> list[Path]:
    """Return the folders that may be a set of classes; none where they are splits, which belong together."""
    if len(inner) > MOST_BESIDE or any(split_of(each.name) for each in inner):
        return []
    return [each for each in inner if each.name.lower() not in MASK_FOLDERS]


def _unless_a_table_differs(by_place: FoundClasses, folder: Path) -> FoundClasses:
    """Return the classes of folders, or those of a table of labels that the folders do not agree with."""
    try:
        table = find_split_tables(folder) or find_single_table(folder, guess=False)
    except UserError:
        return by_place  # it is about something else, or about part of these pictures
    if table is None:
        return by_place
    labels = {each.image: each.word for pictures in table.splits.values() for each in pictures if each.word}
    pictures = [each for split in by_place.splits.values() for each in split if each.word]
    told = [each for each in pictures if each.image in labels]
    if 2 * len(told) < len(pictures):
        return by_place
    label_of = _label_by_folder(told, labels)
    other = [each for each in told if labels[each.image] != label_of[plain_class(each.word or "")]]
    if len(set(label_of.values())) == len(label_of) and len(other) <= (1 - AGREEING) * len(told):
        return replace(by_place, notes=(*by_place.notes, *_say_other(other, labels, folder)))
    words = sorted({each.word for each in pictures if each.word})
    note = f"A table tells the classes; the folders {', '.join(words[:NAMED])} say others and do not count."
    return replace(table, notes=(*table.notes, note))


def _label_by_folder(told: list[FoundPicture], labels: Mapping[Path, str]) -> dict[str, str]:
    counts: dict[str, Counter[str]] = {}
    for each in told:
        counts.setdefault(plain_class(each.word or ""), Counter())[labels[each.image]] += 1
    return {name: labelled.most_common(1)[0][0] for name, labelled in counts.items()}


def _say_other(other: list[FoundPicture], labels: Mapping[Path, str], folder: Path) -> list[str]:
    if not other:
        return []
    first = other[0].image
    name = name_below([first], folder)[0]
    return [
        f"A table labels {len(other)} images otherwise than their folders, such as {name} as {labels[first]}; the "
        "folders count."
    ]


def say_seen(folder: Path) -> str:
    """Return what a folder without a known layout holds, as part of a sentence; empty where it holds nothing."""
    own = list_visible(folder)
    pictures, others = own.pictures, own.others
    seen = [f"{len(pictures):,} image{'s' * (len(pictures) != 1)}, whose names show no classes"] * bool(pictures)
    inside = {each.name: list_deep(each, 1) for each in own.folders}
    with_pictures = [(name, len(each.pictures)) for name, each in inside.items() if each.pictures]
    if with_pictures:
        shown = ", ".join(f"{name}/ ({count:,} image{'s' * (count != 1)})" for name, count in with_pictures[:8])
        only = "only the folder " if len(with_pictures) == 1 else "the folders "
        seen.append(only + shown + (" and more" if len(with_pictures) > 8 else ""))
    unread = [*others, *(path for each in inside.values() for path in each.others)]
    unread = [path for path in unread if path.suffix.lower() not in SIDECARS]
    if unread:
        seen.append(f"{count_endings(unread)}, which are not read as images")
    if arrays := list_arrays(folder):
        seen.append(f"{name_some(arrays)}, whose names are no classes")
    seen += [f"{path.name}, in which no column is known to tell classes" for path in others
             if path.suffix.lower() in {".csv", ".tsv"}][:1]  # fmt: skip
    return " and ".join(seen)
