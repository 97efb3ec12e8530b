"""Pictures with class labels that no split may part: those of one patient, and files that are the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from core.data.dataset import NAMED
from core.data.found_classes import FoundClasses
from core.data.identical import find_identical, join_groups
from core.data.patients import find_groups

if TYPE_CHECKING:
    from core.data.classified import ClassifiedItem

COMPARED = 20_000
"""Sets of more files are not searched for identical ones: each may have to be opened."""

GroupOf = Callable[[str], str]
Splits = dict[str, "list[ClassifiedItem]"]


def group_patients(found: FoundClasses, items: Splits, group_of: GroupOf | None) -> tuple[Splits, tuple[str, ...]]:
    """Give pictures of one patient one group, and say where the patients are told and whether splits part them."""
    told = {each.image: each.group for pictures in found.splits.values() for each in pictures if each.group}
    rows = [item for each in items.values() for item in each if item.index is None]
    if group_of is not None:
        groups = {item.name: group_of(item.image.stem) for item in rows}
    elif told:
        groups = {item.name: told.get(item.image, "") for item in rows}
    else:
        groups = dict(find_groups([item.name for item in rows]))
    joined = {
        split: [replace(item, group=group) if (group := groups.get(item.name)) else item for item in each]
        for split, each in items.items()
    }
    if group_of is not None or not any(groups.values()):
        return joined, ()
    where = "a table" if told else "the file names"
    return joined, (f"Pictures of one patient, told by {where}, stay together.", *_say_parted(joined, where))


def _say_parted(items: Splits, where: str) -> tuple[str, ...]:
    """Return a sentence on patients of whom several of the set's own splits have pictures."""
    splits_of: dict[str, set[str]] = {}
    for split, each in items.items():
        for item in each:
            if item.label is not None and item.group != item.name:
                splits_of.setdefault(item.group, set()).add(split)
    parted = sorted(group for group, splits in splits_of.items() if len(splits) > 1)
    if not parted:
        return ()
    splits = sorted({split for group in parted for split in splits_of[group]})
    shown = ", ".join(parted[:NAMED]) + (f" and {len(parted) - NAMED:,} more" if len(parted) > NAMED else "")
    return (f"By {where}, {len(parted):,} of {len(splits_of):,} patients have pictures in several splits "
            f"({', '.join(splits)}), which would make scores look better than they are: {shown}.",)  # fmt: skip


def join_identical(items: Splits) -> tuple[Splits, tuple[str, ...]]:
    """Give byte-identical labelled files one group, so that no split is made between them, and say how many there are.

    Rows of arrays are not compared, nor the files of large sets.
    """
    labels = {item.image: item.label for each in items.values() for item in each if item.label is not None}
    split_of = {item.image: split for split, each in items.items() for item in each}
    group_of = {item.image: item.group for each in items.values() for item in each}
    name_of = {item.image: item.name for each in items.values() for item in each}
    rows = any(item.index is not None for each in items.values() for item in each)
    same = [] if rows or len(labels) > COMPARED else find_identical(labels)
    if not same:
        return items, ()
    leaders = join_groups([{group_of[path] for path in paths} for paths in same])
    joined = {
        split: [replace(item, group=leaders.get(item.group, item.group)) for item in each]
        for split, each in items.items()
    }
    notes = [f"Byte-identical files, {len(same)} {'group' if len(same) == 1 else 'groups'} of them, stay together."]
    for what, values in (("in several splits", split_of), ("labelled differently", labels)):
        torn = [paths for paths in same if len({values[path] for path in paths}) > 1]
        if torn:
            example = " and ".join(name_of[path] for path in torn[0][:2])
            notes.append(f"Of these groups, {len(torn)} {'is' if len(torn) == 1 else 'are'} {what}, such as {example}.")
    return joined, tuple(notes)
