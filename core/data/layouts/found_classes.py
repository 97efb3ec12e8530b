"""What a layout of pictures with class labels holds, whichever it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SINGLE = "all"
"""Split of a layout that has none."""


@dataclass(frozen=True)
class FoundPicture:
    """A picture and what the layout says of it.

    Attributes:
        image: The file.
        word: Tells its class; None where nothing does.
        index: Its row, where the file is an array.
        group: The patient, where a table says so.
    """

    image: Path
    word: str | None
    index: int | None = None
    group: str = ""


@dataclass(frozen=True)
class FoundClasses:
    """What a layout holds.

    Attributes:
        layout: ``class folders``, ``arrays``, ``named files`` or ``table``.
        splits: Pictures by split; ``all`` where the layout has no splits.
        notes: Sentences on what is missing.
        meanings: What class words stand for, where the layout defines them.
        template: The CSV that names the test pictures and takes their predictions, if any.
    """

    layout: str
    splits: Mapping[str, list[FoundPicture]]
    notes: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    template: Path | None = None

    def words(self) -> set[str]:
        """Return all words that tell classes."""
        return {each.word for pictures in self.splits.values() for each in pictures if each.word is not None}


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
