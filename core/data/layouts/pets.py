"""Pictures of pets with foreground masks on disk: the Oxford-IIIT layout, or image/mask pairs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.dataset import DatasetSpec, name_some, say_left_out
from core.data.layouts.pairs import find_pairs, say_seen
from core.data.layouts.visible_files import list_folders, list_pictures
from core.data.masks.files import MaskedFile, check_masked_files
from core.data.masks.rule import MaskRule
from core.data.masks.trimaps import find_trimaps
from core.data.masks.values import find_mask_rule
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
        group: The animal, where names of pairs tell; else the name.
        image: The picture.
        mask: A mask, or a trimap of 1 pet, 2 background, 3 border.
        is_trimap: Which of the two.
        rule: What the values of the set's masks mean; None takes each mask alone.
        trimap_start: 1, or 0 where a trimap's values are 0 pet, 1 background, 2 border.
        orientation: EXIF orientation of the picture, where the mask was drawn on its stored pixels: it is undone on the
            mask, too.
    """

    name: str
    group: str
    image: Path
    mask: Path
    is_trimap: bool
    rule: MaskRule | None = None
    trimap_start: int = 1
    orientation: int = 1

    @property
    def reading(self) -> str:
        """Say all that decides what is read of the mask, besides its file."""
        return f"{self.rule} {self.trimap_start} {self.orientation}"

    def files(self) -> Iterator[Path]:
        """Yield both files."""
        yield from (self.image, self.mask)


PetSet = DatasetSpec[PetItem]


def open_pets(folder: Path) -> PetSet:
    """Recognise a data set of pets, and find out how its masks are to be read.

    Raises:
        UserError: If the folder is missing, is neither layout, or has no training picture with a mask; or its masks do
            not fit their pictures or hold numbers that stand for no mask and no trimap.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds Oxford-IIIT Pet or image/mask pairs.")
    found = _find_oxford(folder) or _find_pairs(folder)
    if found is None:
        raise UserError(
            f"{folder} is neither of the known layouts; give Oxford-IIIT Pet (images, annotations/trimaps, "
            "annotations/trainval.txt, annotations/test.txt) or pairs (images/, masks/ with equal "
            f"names).{say_seen(folder, MASK_FOLDERS)}"
        )
    if not found.splits.get("train"):
        raise UserError(f"{found.title} in {folder} has no training pictures with masks; add them.")
    return _read_masks(found)


def _read_masks(found: PetSet) -> PetSet:
    """Return the set with how its masks are read, having held all sizes against each other."""
    items = [item for split in found.splits.values() for item in split]
    checked = check_masked_files(MaskedFile(item.image, item.mask) for item in items)
    masks = [item.mask for item in items]
    trimaps = find_trimaps(masks, certain=found.layout == "oxford")
    start, rule, notes = trimaps.start, None, [*checked.notes, *checked.pages, *trimaps.notes]
    is_trimap = start is not None or found.layout == "oxford"
    if not is_trimap:
        read = find_mask_rule(masks)
        rule = read.rule
        notes += read.notes
    elif (found.layout != "oxford" or start == 0) and not trimaps.notes:
        values = [each - PET + (PET if start is None else start) for each in (PET, BACKGROUND, BORDER)]
        notes.append(
            f"Its masks are trimaps of {values[0]} pet, {values[1]} background, {values[2]} border, told by several."
        )

    def finish(item: PetItem) -> PetItem:
        return replace(
            item, is_trimap=is_trimap, rule=rule, trimap_start=PET if start is None else start,
            orientation=checked.turned.get(item.mask, 1),
        )  # fmt: skip

    splits = {split: tuple(map(finish, each)) for split, each in found.splits.items()}
    return replace(found, splits=splits, notes=(*found.notes, *notes))


def _find_oxford(folder: Path) -> PetSet | None:
    """Oxford-IIIT Pet (Parkhi et al., 2012): 3,680 pictures to train on and 3,669 to test, cats and dogs of 37 breeds.

    The folder may lie one deeper, where torchvision puts it.
    """
    root = next((each for each in (folder, *list_folders(folder)) if (each / "annotations/trimaps").is_dir()), None)
    if root is None:
        return None
    images = {path.stem: path for path in list_pictures(root / "images")}
    trimaps = {path.stem: path for path in list_pictures(root / "annotations/trimaps")}
    splits, missing, unlisted = {}, list[str](), set(images)
    for split, file in LISTS.items():
        names = _listed(root / "annotations" / file)
        whole = [name for name in names if name in images and name in trimaps]
        splits[split] = tuple(PetItem(name, name, images[name], trimaps[name], True) for name in whole)
        missing += sorted(set(names) - set(whole))
        unlisted -= set(names)
    notes = [
        f"{len(missing):,} pictures of the lists lack their picture or their trimap and are left out: "
        f"{name_some(missing)}."
    ] * bool(missing)
    if unlisted:
        without = [images[name] for name in sorted(unlisted)]
        notes.append(say_left_out(without, "named in none of the lists", of=len(images)))
    return PetSet("Oxford-IIIT Pet", "oxford", folder, splits, tuple(notes))


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
    splits = {
        split: tuple(PetItem(pair.name, pair.group, pair.image, pair.mask, is_trimap=False) for pair in pairs)
        for split, pairs in found.splits.items()
    }
    return PetSet(folder.name, "pairs", folder, splits, found.notes)
