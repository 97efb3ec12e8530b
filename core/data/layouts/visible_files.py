"""What a folder holds for people: files that systems leave behind, pipes and devices are never taken for images."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import name_some, say_left_out

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".ppm", ".pgm", ".webp")
SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "icon\r"})
"""What Windows, macOS and network drives write beside one's files, in lower case."""
TEXT_ENDINGS = (
    ".txt",
    ".csv",
    ".tsv",
    ".json",
    ".md",
    ".rst",
    ".xml",
    ".html",
    ".htm",
    ".yaml",
    ".yml",
    ".log",
    ".py",
    ".ipynb",
)
"""Files about images, which nobody takes for images."""


def is_hidden(name: str) -> bool:
    """Say whether a file or folder is none of the user's, by its name without folders.

    >>> [is_hidden(name) for name in ("._eye.png", ".DS_Store", "Thumbs.db", "__MACOSX", "eye.png")]
    [True, True, True, True, False]
    """
    return name.startswith((".", "__MACOSX")) or name.lower() in SYSTEM_NAMES


def is_picture_name(name: str) -> bool:
    """Say whether a visible file's ending is that of an image that can be read."""
    return name.lower().endswith(PICTURE_ENDINGS) and not is_hidden(name)


def may_be_picture(name: str) -> bool:
    """Say whether a visible file may be meant as an image, readable or not."""
    return not is_hidden(name) and not name.lower().endswith(TEXT_ENDINGS)


@dataclass(frozen=True)
class Visible:
    """What a folder holds for people, each in order.

    Attributes:
        folders: Folders that no system made.
        pictures: Files whose ending is that of an image.
        others: All else, texts and pipes among it.
    """

    folders: list[Path]
    pictures: list[Path]
    others: list[Path]


def list_visible(folder: Path) -> Visible:
    """List a folder; nothing where there is none, or where it may not be read.

    Folders hold thousands; asking the folder what is a file spares asking each of them.
    """
    folders, pictures, others = list[str](), list[str](), list[str]()
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            if is_hidden(each.name):
                continue
            kind = others
            with suppress(OSError):  # a link into what may not be read
                kind = folders if each.is_dir() else pictures if _is_picture(each) else others
            if kind is not folders or not each.name.startswith("__"):
                kind.append(each.name)
    return Visible(*([folder / name for name in sorted(names)] for names in (folders, pictures, others)))


def list_folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, in order."""
    return list_visible(folder).folders


def list_pictures(folder: Path) -> list[Path]:
    """Return the visible files in a folder whose ending is that of an image, in order."""
    return list_visible(folder).pictures


def list_others(folder: Path) -> list[Path]:
    """Return what is visible in a folder and is no image that can be read, but may be one, in order.

    Folders are not listed, nor texts and tables, but ``.dcm``, ``.nii.gz`` and pipes are.
    """
    return [path for path in list_visible(folder).others if may_be_picture(path.name)]


def list_deep(place: Path, levels: int = 2) -> Visible:
    """List a folder and so many levels below it, their folders among the rest; no whole disk is searched."""
    seen = list_visible(place)
    for folder in list(seen.folders) if levels else ():
        more = list_deep(folder, levels - 1)
        seen = Visible(seen.folders + more.folders, seen.pictures + more.pictures, seen.others + more.others)
    return seen


def list_deeper_pictures(folder: Path) -> list[Path]:
    """Return the images that lie one or two folders deeper, in order; a whole disk is not searched."""
    return sorted(path for each in list_folders(folder) for path in list_deep(each, 1).pictures)


def say_elsewhere(folder: Path, read: Iterable[Path], levels: int = 4) -> list[str]:
    """Return the sentence on the images in a folder, or so many levels below it, that lie in none of those read."""
    places = list(dict.fromkeys(read))
    elsewhere = [path for path in list_deep(folder, levels).pictures if path.parent not in places]
    if not elsewhere:
        return []
    shown = [f"{each.relative_to(folder).as_posix()}/" for each in places if each != folder]
    where = (
        f"in none of the folders that are read ({name_some(shown)})" if shown else "in folders that are not searched"
    )
    return [say_left_out(name_below(elsewhere, folder), where)]


def name_below(paths: Sequence[Path], folder: Path) -> list[str]:
    """Return the paths as they are called within a folder."""
    return [path.relative_to(folder).as_posix() for path in paths]


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return is_picture_name(entry.name) and entry.is_file()
