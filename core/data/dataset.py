"""What a data set is, before any picture is opened: which files, in which split, from where, under which terms."""

import hashlib
import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from core.errors import UserError


class Item(Protocol):
    """One picture with what is known about it."""

    @property
    def name(self) -> str:
        """Short name, unique in the data set."""

    @property
    def group(self) -> str:
        """What must not be torn apart by a split: a patient, a child, a scene."""

    def files(self) -> Iterable[Path]:
        """All files of the item."""


NAMED = 3
"""So many of the files that are left out are named."""

ItemT = TypeVar("ItemT", bound=Item)
AnyT = TypeVar("AnyT")


@dataclass(frozen=True)
class DatasetSpec(Generic[ItemT]):
    """A data set as found on disk.

    Attributes:
        title: Name for people.
        layout: Which layout was recognised.
        folder: Where it lies.
        splits: Items by split: ``train`` and ``test``, and ``val`` where the set has its own.
        notes: Sentences on how the splits were made and what is missing.
    """

    title: str
    layout: str
    folder: Path
    splits: Mapping[str, tuple[ItemT, ...]]
    notes: tuple[str, ...] = ()

    def items(self, split: str) -> tuple[ItemT, ...]:
        """Return a split's items.

        Raises:
            UserError: If there is no such split, or it is empty.
        """
        if not self.splits.get(split):
            held = ", ".join(f"{name} ({len(items)})" for name, items in self.splits.items() if items)
            raise UserError(f"{self.title} has no pictures in a split called {split!r}; it has {held}.")
        return self.splits[split]

    def describe(self) -> str:
        """Return what it is in a sentence or two."""
        held = ", ".join(f"{len(items)} {name}" for name, items in self.splits.items())
        return " ".join([f"{self.title}: {held} pictures.", *self.notes])

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change when a file, its name or its split changes."""
        digest = hashlib.sha256()
        for split, items in sorted(self.splits.items()):
            for item in items:
                for path in item.files():
                    digest.update(f"{split}/{path.relative_to(self.folder).as_posix()}\0".encode())
                    with path.open("rb") as file:
                        digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:16]


def say_left_out(paths: Sequence[Path | str], why: str, *, of: int | None = None, what: str = "image") -> str:
    """Return the sentence about files that are not used.

    >>> say_left_out(["a.png", "b.png", "c.png", "d.png"], "without a mask", of=10)
    '4 of 10 images are left out, without a mask: a.png, b.png, c.png and 1 more.'

    Args:
        paths: Of the files, or their names; at least one.
        why: Completes "3 images are left out, …", such as "without a mask"; it is the same for one and for many.
        of: How many files of this kind there are in all; not said if None.
        what: The kind of file, in the singular.
    """
    one = len(paths) == 1
    count = f"{len(paths):,} {what}{'' if one else 's'}" if of is None else f"{len(paths):,} of {of:,} {what}s"
    return f"{count} {'is' if one else 'are'} left out, {why}: {name_some(paths)}."


def name_some(paths: Sequence[Path | str]) -> str:
    """Return the names of the first few files, and how many more there are; of a path its last part.

    >>> name_some(["a.png", "b.png", "c.png", "d.png"])
    'a.png, b.png, c.png and 1 more'
    """
    named = ", ".join(Path(each).name if isinstance(each, Path) else each for each in paths[:NAMED])
    return f"{named} and {len(paths) - NAMED:,} more" if len(paths) > NAMED else named


def train_and_validation(
    found: DatasetSpec[ItemT], fraction: float, share: float = 1.0
) -> tuple[tuple[ItemT, ...], tuple[ItemT, ...]]:
    """Return the training items and the held-back ones: the set's own validation split, or a part of training.

    Args:
        found: The data set.
        fraction: Part of the training split to hold back where there is no validation split, 0 to 1.
        share: Part of what is left that is trained on, above 0 to 1.

    Raises:
        UserError: If there is nothing to train on, or it cannot be divided.
    """
    if found.splits.get("val"):
        train, held = found.items("train"), found.items("val")
    else:
        train, held = hold_back(found.items("train"), fraction, group=lambda item: item.group)
    return take_share(train, share, group=lambda item: item.group), held


def take_share(items: Sequence[AnyT], share: float, *, group: Callable[[AnyT], Hashable]) -> tuple[AnyT, ...]:
    """Return a part of the items, whole groups at a time and at least one; a smaller part lies within a larger one.

    Args:
        items: What to choose from; order is kept.
        share: Part of the groups, above 0 to 1.
        group: Returns the group of an item.
    """
    if share >= 1:
        return tuple(items)
    groups = sorted({group(item) for item in items}, key=str)
    random.Random(1).shuffle(groups)
    taken = set(groups[: max(1, round(share * len(groups)))])
    return tuple(item for item in items if group(item) in taken)


def hold_back(
    items: Sequence[AnyT], fraction: float, *, group: Callable[[AnyT], Hashable]
) -> tuple[tuple[AnyT, ...], tuple[AnyT, ...]]:
    """Split items into kept and held back, never tearing a group apart.

    The choice depends on the groups alone, so that runs with different seeds are validated on the same pictures.

    Args:
        items: What to split; order is kept in both parts.
        fraction: Part of the groups to hold back, 0 to 1. Above 0 at least one group is held back and one is kept.
        group: Returns the group of an item.

    Raises:
        UserError: If something is to be held back of a single group.
    """
    groups = sorted({group(item) for item in items}, key=str)
    if fraction <= 0:
        return tuple(items), ()
    if len(groups) < 2:
        raise UserError(_say_undivided(len(items), groups))
    count = min(max(1, round(fraction * len(groups))), len(groups) - 1)
    held = set(random.Random(0).sample(groups, count))
    kept = tuple(item for item in items if group(item) not in held)
    return kept, tuple(item for item in items if group(item) in held)


def _say_undivided(count: int, groups: Sequence[Hashable]) -> str:
    """Say why items of one group, or none at all, cannot be divided."""
    seen = f"{count:,} image{'' if count == 1 else 's'}"
    if count > 1:
        seen += f", of 1 subject or scene by their names and contents ({groups[0]}),"
    return f"{seen} cannot be divided into training and validation; give at least 2, or set validation to 0."
