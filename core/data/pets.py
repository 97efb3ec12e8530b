"""Pictures of pets with foreground masks on disk: the Oxford-IIIT layout, or image/mask pairs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.dataset import DatasetSpec
from core.data.pairs import Pair, find_pairs, list_folders, list_pictures
from core.data.pictures import PictureLimits, read_picture
from core.errors import UserError

MASK_FOLDERS = ("masks", "mask", "trimaps", "labels", "label", "annotations", "gt", "segmentations")
LISTS = {"train": "trainval.txt", "test": "test.txt"}
PET, BACKGROUND, BORDER = 1, 2, 3
"""The values of a trimap."""


@dataclass(frozen=True)
class PetItem:
    """One picture and its mask.

    Attributes:
        name: The picture's file name without ending.
        group: The same: no layout tells which pictures show one animal.
        image: The picture.
        mask: A mask, or a trimap of 1 pet, 2 background, 3 border.
        is_trimap: Which of the two.
    """

    name: str
    group: str
    image: Path
    mask: Path
    is_trimap: bool

    def files(self) -> Iterator[Path]:
        """Yield both files."""
        yield from (self.image, self.mask)


PetSet = DatasetSpec[PetItem]


def open_pets(folder: Path) -> PetSet:
    """Recognise a data set of pets.

    Raises:
        UserError: If the folder is missing, is neither layout, or has no training picture with a mask.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds Oxford-IIIT Pet or image/mask pairs.")
    found = _find_oxford(folder) or _find_pairs(folder)
    if found is None:
        raise UserError(
            f"{folder} is neither of the known layouts; give Oxford-IIIT Pet (images, annotations/trimaps, "
            "annotations/trainval.txt, annotations/test.txt) or pairs (images/, masks/ with equal names)."
        )
    if not found.splits.get("train"):
        raise UserError(f"{found.title} in {folder} has no training pictures with masks; add them.")
    return found


def _find_oxford(folder: Path) -> PetSet | None:
    """Oxford-IIIT Pet (Parkhi et al., 2012): 3,680 pictures to train on and 3,669 to test, cats and dogs of 37 breeds.

    The folder may lie one deeper, where torchvision puts it.
    """
    root = next((each for each in (folder, *list_folders(folder)) if (each / "annotations/trimaps").is_dir()), None)
    if root is None:
        return None
    images = {path.stem: path for path in list_pictures(root / "images")}
    trimaps = {path.stem: path for path in list_pictures(root / "annotations/trimaps") if path.name[0] != "."}
    splits, missing = {}, 0
    for split, file in LISTS.items():
        names = _listed(root / "annotations" / file)
        whole = [name for name in names if name in images and name in trimaps]
        splits[split] = tuple(PetItem(name, name, images[name], trimaps[name], True) for name in whole)
        missing += len(names) - len(whole)
    notes = (f"{missing} pictures of the lists lack their picture or their trimap and are left out.",) * bool(missing)
    return PetSet("Oxford-IIIT Pet", "oxford", folder, splits, notes)


def _listed(path: Path) -> list[str]:
    """Return the names in a list of ``name class_id species breed_id`` lines."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(
            f"{path} cannot be read, and it says which pictures belong to the split; take it from the data set's "
            "annotations.tar.gz."
        ) from None
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def _find_pairs(folder: Path) -> PetSet | None:
    """Folders of pictures and of masks with equal names, with or without split folders."""
    found = find_pairs(folder, MASK_FOLDERS)
    if found is None:
        return None
    first = next(pair for pairs in found.splits.values() for pair in pairs)
    trimaps = _looks_like_trimap(first)
    note = ("Its masks are trimaps of 1 pet, 2 background, 3 border, told by the first one.",) * trimaps
    splits = {
        split: tuple(PetItem(pair.name, pair.name, pair.image, pair.mask, trimaps) for pair in pairs)
        for split, pairs in found.splits.items()
    }
    return PetSet(folder.name, "pairs", folder, splits, (*found.notes, *note))


def _looks_like_trimap(pair: Pair) -> bool:
    """Whether all values are 1, 2 and 3 and both pet and background occur; a mask has zeros or bright values."""
    labels = read_picture(pair.mask, limits=PictureLimits(min_side=1)).pixels
    return set(np.unique(labels).tolist()) in ({PET, BACKGROUND}, {PET, BACKGROUND, BORDER})
