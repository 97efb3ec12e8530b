"""What a layout of pictures with class labels holds, whichever it is, and how its folders are read."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.data.pairs import PICTURE_ENDINGS

SINGLE = "all"
"""Split of a layout that has none."""
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
"""What systems put into folders unasked."""


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


def visible_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder that no system made, in order; none where it may not be read."""
    return [folder / name for name, is_folder in _entries(folder) if is_folder and not name.startswith("__")]


def visible_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return a folder's pictures in order, and its other files; without what systems add, which holds nothing."""
    names = [name for name, is_folder in _entries(folder) if not is_folder and name.lower() not in SYSTEM_FILES]
    pictures = [folder / name for name in names if name.lower().endswith(PICTURE_ENDINGS)]
    return pictures, [folder / name for name in names if not name.lower().endswith(PICTURE_ENDINGS)]


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Return the names of a folder's folders and files in order, and which are folders; no hidden ones, no devices.

    Class folders hold thousands; asking the folder what is a file spares asking each of them.
    """
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            with suppress(OSError):  # a link into what may not be read
                if not each.name.startswith(".") and ((is_folder := each.is_dir()) or each.is_file()):
                    found.append((each.name, is_folder))
    return sorted(found)


def visible_pictures(folder: Path) -> list[Path]:
    """Return a folder's pictures in order."""
    return visible_files(folder)[0]


def deep_files(place: Path, levels: int = 2) -> tuple[list[Path], list[Path]]:
    """Return the pictures of a folder and of so many levels below, and the other files; no whole disk is searched."""
    pictures, others = visible_files(place)
    for folder in visible_folders(place) if levels else ():
        more, rest = deep_files(folder, levels - 1)
        pictures, others = pictures + more, others + rest
    return pictures, others


def below(paths: Sequence[Path], folder: Path) -> list[str]:
    """Return the paths as they are called within a folder."""
    return [path.relative_to(folder).as_posix() for path in paths]
