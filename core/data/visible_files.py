"""What a folder holds for people: files that systems leave behind, pipes and devices are never taken for images."""

import os
from pathlib import Path

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".ppm", ".pgm", ".webp")
SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"})
"""What Windows, macOS and network drives write beside one's files, in lower case."""
TEXT_ENDINGS = (
    ".txt", ".csv", ".tsv", ".json", ".md", ".rst", ".xml", ".html", ".htm", ".yaml", ".yml", ".log", ".py", ".ipynb",
)  # fmt: skip
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


def list_folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, in order."""
    with os.scandir(folder) as entries:
        return sorted(folder / each.name for each in entries if not is_hidden(each.name) and each.is_dir())


def list_pictures(folder: Path) -> list[Path]:
    """Return the visible files in a folder whose ending is that of an image, in order; none where there is no folder.

    Folders hold thousands; asking the folder what is a file spares asking each of them.
    """
    return _list(folder, pictures=True)


def list_others(folder: Path) -> list[Path]:
    """Return what is visible in a folder and is no image that can be read, but may be one, in order.

    Folders are not listed, nor texts and tables, but ``.dcm``, ``.nii.gz`` and pipes are.
    """
    return _list(folder, pictures=False)


def list_deeper_pictures(folder: Path) -> list[Path]:
    """Return the images that lie one or two folders deeper, in order; a whole disk is not searched."""
    if not folder.is_dir():
        return []
    places = [inner for outer in list_folders(folder) for inner in (outer, *list_folders(outer))]
    return sorted(path for place in places for path in list_pictures(place))


def _list(folder: Path, *, pictures: bool) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [
            each.name
            for each in entries
            if not is_hidden(each.name)
            and not each.is_dir()
            and (_is_picture(each) if pictures else may_be_picture(each.name) and not _is_picture(each))
        ]
    return [folder / name for name in sorted(names)]


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return is_picture_name(entry.name) and entry.is_file()
