"""Sets of pictures that need no labels, recognised from their folder: fundus sets, split folders, any pictures."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import DatasetSpec, hold_back
from core.data.pairs import FIELD_FOLDERS, PICTURE_ENDINGS, PICTURE_FOLDERS, SPLIT_FOLDERS, find_child, list_folders
from core.data.vessels import MASK_FOLDERS, open_vessels
from core.errors import UserError

TEST_FRACTION = 0.2
EYE = re.compile(r"(.*\d)[ _-]?(?:l|r|left|right|od|os)", re.IGNORECASE)
"""A name whose last letters say which eye of a person it shows, as in ``Image_01L`` and ``10_left``."""


@dataclass(frozen=True)
class PictureItem:
    """One picture, still on disk.

    Attributes:
        name: Its file name without ending, after the folders it lies in.
        group: The person, where the file name tells left from right eyes; else the name.
        image: The picture.
    """

    name: str
    group: str
    image: Path

    def files(self) -> Iterator[Path]:
        """Yield the one file."""
        yield self.image


PictureSet = DatasetSpec[PictureItem]


def open_pictures(folder: Path) -> PictureSet:
    """Recognise a set of pictures; masks are not needed.

    A folder that :func:`core.data.vessels.open_vessels` reads (DRIVE, CHASE_DB1, STARE, pairs with masks) has the same
    pictures in the same splits here, so that runs on both can be held side by side; what it calls ``unlabelled`` for
    want of a mask is tested on as well. Any other folder is taken as it is: ``train/``, ``val/`` and ``test/`` where it
    has them, pictures at most two folders deep, folders of masks left out. Where there is no test split a fifth is set
    aside for it, both eyes of a person together where names tell.

    Raises:
        UserError: If the folder is missing or holds no picture.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds pictures.")
    return _find_fundus_set(folder) or _find_plain(folder)


def _find_fundus_set(folder: Path) -> PictureSet | None:
    try:
        found = open_vessels(folder)
    except UserError:
        return None  # without masks it is no set of vessels, but its pictures are as good as any
    taken = {
        split: tuple(PictureItem(item.name, item.group, item.image) for item in items)
        for split, items in found.splits.items()
    }
    unlabelled = taken.pop("unlabelled", ())
    notes = () if unlabelled else found.notes  # the note says that they cannot be scored, which holds for masks alone
    splits = {split: items + (unlabelled if split == "test" else ()) for split, items in taken.items()}
    return PictureSet(found.title, found.layout, folder, splits, notes)


def _find_plain(folder: Path) -> PictureSet:
    root = next((each for each in (folder, *list_folders(folder)) if find_child(each, SPLIT_FOLDERS["train"])), folder)
    places = {split: find_child(root, names) for split, names in SPLIT_FOLDERS.items()}
    splits = {split: tuple(_items(place)) for split, place in places.items() if place}
    splits = {split: items for split, items in splits.items() if items}
    if not splits.get("train"):
        splits = {"train": tuple(_items(folder))}
    if not splits["train"]:
        raise UserError(f"{folder} holds no pictures; give a folder with {', '.join(PICTURE_ENDINGS)} files.")
    notes: tuple[str, ...] = ()
    if "test" not in splits and len({item.group for item in splits["train"]}) > 1:
        splits["train"], splits["test"] = hold_back(splits["train"], TEST_FRACTION, group=lambda item: item.group)
        notes = ("The folder has no test split of its own: a fifth was set aside for testing.",)
    return PictureSet(folder.name, "plain", folder, splits, notes)


def _items(place: Path) -> Iterator[PictureItem]:
    """Yield the pictures of its folder of images, or else of itself and two levels below."""
    root = find_child(place, PICTURE_FOLDERS) or place
    seen: Counter[str] = Counter()
    for path in sorted(_pictures(root)):
        name = "_".join((*path.relative_to(root).parts[:-1], _stem(path)))
        seen[name] += 1
        name = f"{name}-{seen[name]}" if seen[name] > 1 else name  # as for a.jpg beside a.png
        eye = EYE.fullmatch(name)
        yield PictureItem(name, eye[1] if eye else name, path)


def _pictures(root: Path) -> Iterator[Path]:
    for pattern in ("*", "*/*", "*/*/*"):  # a whole disk is not searched
        for path in root.glob(pattern):
            folders = {each.lower() for each in path.relative_to(root).parts[:-1]}
            hidden = any(each.startswith(".") for each in path.relative_to(root).parts)
            if not hidden and not folders & {*MASK_FOLDERS, *FIELD_FOLDERS} and _is_picture(path):
                yield path


def _is_picture(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(PICTURE_ENDINGS) and path.is_file()


def _stem(path: Path) -> str:
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
