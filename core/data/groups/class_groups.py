"""Pictures with class labels that no split may part: those of one patient, and files that are the same."""

from collections.abc import Callable
from dataclasses import replace

from core.data.groups.duplicates import find_identical, join_groups
from core.data.groups.patients import find_name_groups, say_torn
from core.data.layouts.found_classes import ClassifiedItem, FoundClasses

COMPARED = 20_000
"""Sets of more files are not searched for identical ones: each may have to be opened."""

GroupOf = Callable[[str], str]
Splits = dict[str, list[ClassifiedItem]]


def group_patients(found: FoundClasses, items: Splits, group_of: GroupOf | None) -> tuple[Splits, tuple[str, ...]]:
    """Give pictures of one patient one group, and say where the patients are told and whether splits part them."""
    told = {each.image: each.group for pictures in found.splits.values() for each in pictures if each.group}
    rows = [item for each in items.values() for item in each if item.index is None]
    how = "Pictures of one patient, told by a table, stay together."
    if group_of is not None:
        groups = {item.name: group_of(item.image.stem) for item in rows}
    elif told:
        groups = {item.name: told.get(item.image) or item.name for item in rows}
    else:
        named = find_name_groups([item.name for item in rows])
        groups, how = dict(named.groups), named.how
        if _are_classes(groups, rows):
            return items, ()
    joined = {
        split: [replace(item, group=groups.get(item.name, item.name)) for item in each] for split, each in items.items()
    }
    persons = {group for name, group in groups.items() if group != name}
    if group_of is not None or not persons:
        return joined, ()
    by_split = {split: [item.group for item in each if item.label is not None] for split, each in joined.items()}
    return joined, (how, *say_torn(by_split, persons))


def _are_classes(groups: dict[str, str], rows: list[ClassifiedItem]) -> bool:
    """Say whether what names tell is each picture's class, as in folders ``person1/`` of faces, or ``3_017.png``."""
    of_label: dict[int, set[str]] = {}
    for row in rows:
        if row.label is not None:
            of_label.setdefault(row.label, set()).add(groups[row.name])
    several = len({row.name for row in rows}) > len(of_label) > 1
    alone = all(len(each) == 1 for each in of_label.values())
    return several and alone and len(set().union(*of_label.values())) == len(of_label)


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
