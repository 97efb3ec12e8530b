"""Sets of pictures that need no labels, recognised from their folder: fundus sets, split folders, any pictures."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.dataset import DatasetSpec, hold_back, say_left_out
from core.data.groups.image_groups import GroupedImage, find_image_groups
from core.data.image_io.headers import read_headers, say_own_ranges, say_pages
from core.data.layouts.name_matching import part_masks
from core.data.layouts.pair_folders import FIELD_FOLDERS, MANUAL, PICTURE_FOLDERS, find_child, says_masks
from core.data.layouts.split_folders import split_folders
from core.data.layouts.vessels import MASK_FOLDERS, find_vessels
from core.data.layouts.visible_files import (
    PICTURE_ENDINGS,
    list_folders,
    list_pictures,
    may_be_picture,
    name_below,
    say_elsewhere,
)
from core.errors import UserError

TEST_FRACTION = 0.2


@dataclass(frozen=True)
class PictureItem:
    """One picture, still on disk.

    Attributes:
        name: Its file name without ending, after the folders it lies in.
        group: The person, where file names tell; else the name. Identical files have one group.
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

    A folder that :func:`core.data.layouts.vessels.find_vessels` reads (DRIVE, CHASE_DB1, STARE, pairs with masks)
    has the same pictures in the same splits here, so that runs on both can be held side by side; what it calls
    ``unlabelled`` for want of a mask is tested on as well. Any other folder is taken as it is: ``train/``, ``val/`` and
    ``test/`` where it has them, pictures at most two folders deep, folders of masks left out. Where there is no test
    split a fifth is set aside for it, both eyes of a person together where names tell.

    Raises:
        UserError: If the folder is missing or holds no picture.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds pictures.")
    found = _find_fundus_set(folder) or _find_plain(folder)
    images = [item.image for items in found.splits.values() for item in items]
    told = (*say_pages(read_headers(images), images), *say_own_ranges(images))
    return replace(found, notes=(*found.notes, *told))


def _find_fundus_set(folder: Path) -> PictureSet | None:
    try:
        found = find_vessels(folder)
    except UserError:
        return None  # without masks it is no set of vessels, but its pictures are as good as any
    if any(
        item.vessels and found.layout == "pairs" and item.vessels.parent == item.image.parent
        for items in found.splits.values()
        for item in items
    ):
        return None  # the masks are left out below, and pictures without one are as good as any
    taken = {
        split: tuple(PictureItem(item.name, item.group, item.image) for item in items)
        for split, items in found.splits.items()
    }
    unlabelled = taken.pop("unlabelled", ())
    notes = found.notes[bool(unlabelled) :]  # the first says that they cannot be scored, which holds for masks alone
    splits = {split: items + (unlabelled if split == "test" else ()) for split, items in taken.items()}
    return PictureSet(found.title, found.layout, folder, splits, notes)


def _find_plain(folder: Path) -> PictureSet:
    named = (split_folders(_open_folders(each)) for each in (folder, *list_folders(folder)))
    places = {split: each[0] for split, each in next((each for each in named if "train" in each), {}).items()}
    splits = {split: items for split, place in places.items() if (items := tuple(_items(place)))}
    searched = [*places.values()]
    if not splits.get("train"):
        splits, searched = {"train": tuple(_items(folder))}, [folder]
    others = [path for place in searched for path in _files(place) if not _is_picture(path)]
    masks = [path for place in searched for path in (*sorted(_masks(_files(place))), *_closed_pictures(place))]
    read = {path.parent for path in (*masks, *(item.image for items in splits.values() for item in items))}
    elsewhere = say_elsewhere(folder, sorted(read))
    if not splits["train"]:
        seen = [say_left_out(others, "of a kind that is not read", what="file")] if others else []
        said = f"{folder} holds no pictures; give a folder with {', '.join(PICTURE_ENDINGS)} files."
        raise UserError(" ".join([said, *seen, *elsewhere]))
    splits, notes = _group(folder, splits)
    notes += elsewhere
    if others:
        notes.append(say_left_out(others, "of a kind that is not read", what="file"))
    if masks:
        notes.append(say_left_out(name_below(masks, folder), "masks of others by their names or folders"))
    if "test" not in splits and len({item.group for item in splits["train"]}) > 1:
        splits["train"], splits["test"] = hold_back(splits["train"], TEST_FRACTION, group=lambda item: item.group)
        notes.append("The folder has no test split of its own: a fifth was set aside for testing.")
    return PictureSet(folder.name, "plain", folder, splits, tuple(notes))


def _group(
    folder: Path, splits: Mapping[str, Sequence[PictureItem]]
) -> tuple[dict[str, tuple[PictureItem, ...]], list[str]]:
    """Give pictures their groups, and return what is to be said about them."""
    groups, notes = find_image_groups(
        {
            item.image: GroupedImage(split, item.name, f"{split}/{item.image.relative_to(folder).as_posix()}")
            for split, each in splits.items()
            for item in each
        }
    )
    grouped = {split: tuple(replace(item, group=groups[item.image]) for item in each) for split, each in splits.items()}
    return grouped, list(notes)


def _items(place: Path) -> Iterator[PictureItem]:
    """Yield the pictures of its folder of images, or else of itself and two levels below."""
    root = find_child(place, PICTURE_FOLDERS) or place
    seen: Counter[str] = Counter()
    files = _files(place)
    masks = _masks(files)
    for path in (each for each in files if _is_picture(each) and each not in masks):
        name = "_".join((*path.relative_to(root).parts[:-1], _stem(path)))
        seen[name] += 1
        name = f"{name}-{seen[name]}" if seen[name] > 1 else name  # as for a.jpg beside a.png
        yield PictureItem(name, name, path)


def _files(place: Path) -> list[Path]:
    """Return the visible files of a folder's folder of images, or else of itself and two levels below, in order.

    Folders of masks are left out; a whole disk is not searched.
    """
    root = find_child(place, PICTURE_FOLDERS) or place
    folders = [root, *(inner for outer in _open_folders(root) for inner in (outer, *_open_folders(outer)))]
    return sorted(
        path for each in folders for path in each.iterdir() if may_be_picture(path.name) and not path.is_dir()
    )


def _masks(files: Sequence[Path]) -> set[Path]:
    """Return the masks among files, which lie beside their images."""
    by_folder: dict[Path, list[Path]] = {}
    for path in filter(_is_picture, files):
        by_folder.setdefault(path.parent, []).append(path)
    return {mask for together in by_folder.values() for mask in part_masks(together)}


def _open_folders(place: Path) -> list[Path]:
    return [each for each in list_folders(place) if not _is_closed(each)]


def _is_closed(folder: Path) -> bool:
    """Say whether a folder is called as those of masks are."""
    name = folder.name.lower()
    return name in {*MASK_FOLDERS, *FIELD_FOLDERS} or bool(MANUAL.fullmatch(name)) or says_masks(folder.name)


def _closed_pictures(place: Path) -> list[Path]:
    """Return the pictures in folders of masks within what is searched."""
    root = find_child(place, PICTURE_FOLDERS) or place
    folders = [root, *_open_folders(root)]
    return [
        path for each in folders for inner in list_folders(each) if _is_closed(inner) for path in list_pictures(inner)
    ]


def _is_picture(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(PICTURE_ENDINGS) and path.is_file()


def _stem(path: Path) -> str:
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
