"""Folders of pictures and of masks that belong together by name, with or without split folders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import hold_back

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".ppm", ".pgm", ".webp")
PICTURE_FOLDERS = ("images", "image", "imgs", "img")
FIELD_FOLDERS = ("fov", "field_of_view")
SPLIT_FOLDERS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}


@dataclass(frozen=True)
class Pair:
    """A picture and the pictures that belong to it.

    Attributes:
        name: The picture's file name without ending.
        image: The picture.
        mask: Its mask.
        field: Mask of the part of the picture that counts, if any.
    """

    name: str
    image: Path
    mask: Path
    field: Path | None = None


@dataclass(frozen=True)
class FoundPairs:
    """The pairs of a folder.

    Attributes:
        splits: Pairs by split. ``train`` alone where the folder holds a single pair.
        notes: Sentences on how the splits were made.
    """

    splits: Mapping[str, tuple[Pair, ...]]
    notes: tuple[str, ...] = ()


def find_pairs(folder: Path, masks: tuple[str, ...]) -> FoundPairs | None:
    """Find pairs in a folder of pictures beside a folder of masks, or in such folders within split folders.

    Names must be equal, endings need not be; a mask's name may go on after a separator (``a_mask.png`` for ``a.jpg``).
    Where there is a training split alone, a fifth of it is set aside for testing.

    Args:
        folder: Holds ``images/`` and a folder of masks, or split folders that do.
        masks: What a folder of masks may be called, in lower case.

    Returns:
        None where there is no pair.
    """
    splits: dict[str, tuple[Pair, ...]] = {}
    for split, names in SPLIT_FOLDERS.items():
        place = find_child(folder, names)
        pairs = tuple(_pairs(place, masks)) if place else ()
        if pairs:
            splits[split] = pairs
    if not splits:
        splits = {"train": tuple(_pairs(folder, masks))}
    if splits == {"train": ()}:
        return None
    only = splits.get("train", ())
    if len(only) < 2 or len(splits) > 1:
        return FoundPairs(splits)
    train, test = hold_back(only, 0.2, group=_name)
    note = "The folder has no test split of its own: a fifth was set aside for testing."
    return FoundPairs({"train": train, "test": test}, (note,))


def list_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, in order."""
    return sorted(each for each in folder.iterdir() if each.is_dir())


def list_pictures(folder: Path) -> list[Path]:
    """Return the files in a folder whose ending is that of a picture, in order; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS and path.is_file())


def find_child(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first folder in a folder with one of these names, given in lower case."""
    return next((each for each in list_folders(folder) if each.name.lower() in names), None)


def _pairs(place: Path, masks: tuple[str, ...]) -> Iterator[Pair]:
    pictures, labels = find_child(place, PICTURE_FOLDERS), find_child(place, masks)
    if pictures and labels:
        images = list_pictures(pictures)
        stems = {image.stem for image in images}
        owned = _by_owner(list_pictures(labels), stems)
        beside = find_child(place, FIELD_FOLDERS)
        fields = _by_owner(list_pictures(beside) if beside else (), stems)
        for image in images:
            if image.stem in owned:
                yield Pair(image.stem, image, owned[image.stem], fields.get(image.stem))


def _by_owner(paths: Iterable[Path], stems: set[str]) -> dict[str, Path]:
    """Return files by the picture they belong to; of several, the one with the shortest name.

    ``a_2_mask`` belongs to ``a_2`` where there is such a picture, and to ``a`` only where there is not.
    """
    owned: dict[str, Path] = {}
    for path in sorted(paths, key=lambda each: (len(each.stem), each.name)):
        ends = [end for end in range(len(path.stem), 0, -1) if not path.stem[end : end + 1].isalnum()]
        owner = next((path.stem[:end] for end in ends if path.stem[:end] in stems), None)
        if owner is not None:
            owned.setdefault(owner, path)
    return owned


def _name(pair: Pair) -> str:
    return pair.name
