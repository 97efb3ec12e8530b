"""Retinal vessel data sets on disk, recognised from their folder: DRIVE, CHASE_DB1, STARE, image/mask pairs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import DatasetSpec
from core.data.pairs import Pair, find_pairs, list_folders, list_pictures
from core.errors import UserError

MASK_FOLDERS = ("masks", "mask", "labels", "label", "manual", "1st_manual", "annotations", "gt", "vessels")
CHASE_TEST_CHILDREN = 4


@dataclass(frozen=True)
class VesselItem:
    """One fundus photograph and the pictures that belong to it.

    Attributes:
        name: The photograph's file name without ending.
        group: The person, where the file name tells; else the name.
        image: The photograph.
        vessels: The first observer's mask; None where the set does not publish it.
        second: The second observer's mask, if any.
        field_of_view: Mask of the round part that shows the retina, if any.
    """

    name: str
    group: str
    image: Path
    vessels: Path | None = None
    second: Path | None = None
    field_of_view: Path | None = None

    def files(self) -> Iterator[Path]:
        """Yield every file of the item."""
        yield from (path for path in (self.image, self.vessels, self.second, self.field_of_view) if path)


VesselSet = DatasetSpec[VesselItem]


def open_vessels(folder: Path) -> VesselSet:
    """Recognise a data set of fundus photographs with vessel masks.

    Raises:
        UserError: If the folder is missing or is none of the four layouts.
    """
    if not folder.is_dir():
        raise UserError(
            f"There is no folder {folder}; give one that holds DRIVE, CHASE_DB1, STARE or image/mask pairs."
        )
    for find in (_find_drive, _find_chase, _find_stare, _find_pairs):
        found = find(folder)
        if found is not None:
            if not found.splits.get("train"):
                raise UserError(f"{found.title} in {folder} has no training pictures with vessel masks; add them.")
            return found
    raise UserError(
        f"{folder} is none of the known layouts; give DRIVE (training/images, training/1st_manual), CHASE_DB1 "
        "(Image_01L.jpg, Image_01L_1stHO.png), STARE (im0001.ppm, im0001.ah.ppm) or pairs (images/, masks/ with equal "
        "names)."
    )


def _find_drive(folder: Path) -> VesselSet | None:
    """DRIVE (Staal et al., 2004): 20 training and 20 test photographs, 565×584."""
    root = next((each for each in (folder, *list_folders(folder)) if (each / "training" / "1st_manual").is_dir()), None)
    if root is None:
        return None
    splits = {name: tuple(_drive_items(root / place)) for name, place in (("train", "training"), ("test", "test"))}
    unlabelled = [item.name for item in splits["test"] if item.vessels is None]
    notes = (f"{len(unlabelled)} test pictures have no 1st_manual and can be predicted, not scored.",) * bool(
        unlabelled
    )
    splits["train"] = tuple(item for item in splits["train"] if item.vessels)
    return VesselSet("DRIVE", "drive", folder, _labelled_test(splits), notes)


def _drive_items(root: Path) -> Iterator[VesselItem]:
    for image in list_pictures(root / "images"):
        number = re.match(r"\d+", image.stem)
        if number:
            beside = {place: _starting(root / place, f"{number[0]}_") for place in ("1st_manual", "2nd_manual", "mask")}
            yield VesselItem(
                image.stem, image.stem, image, beside["1st_manual"], beside["2nd_manual"], beside["mask"]
            )  # fmt: skip


def _find_chase(folder: Path) -> VesselSet | None:
    """CHASE_DB1 (Fraz et al., 2012): both eyes of 14 children, 999×960; the last 4 children are the test split.

    Training on children 1 to 10 and testing on 11 to 14 is the split of most papers; a child's two eyes stay together.
    """
    files = {path.name.lower(): path for path in _files(folder)}
    items = []
    for name, path in files.items():
        photograph = re.fullmatch(r"image_(\d+)([lr])\.(jpg|jpeg|png|tif)", name)
        if photograph:
            eye = f"{photograph[1]}{photograph[2]}"
            beside = (files.get(f"image_{eye}_1stho.png"), files.get(f"image_{eye}_2ndho.png"))
            items.append(VesselItem(path.stem, photograph[1], path, *beside, files.get(f"mask_{eye}.png")))
    items = [item for item in items if item.vessels]
    children = sorted({item.group for item in items})
    if not children:
        return None
    held = set(children[-CHASE_TEST_CHILDREN:]) if len(children) > CHASE_TEST_CHILDREN else set(children[-1:])
    note = f"Split by child: {len(children) - len(held)} for training, {', '.join(sorted(held))} for testing."
    splits = {
        "train": tuple(item for item in items if item.group not in held),
        "test": tuple(item for item in items if item.group in held),
    }
    return VesselSet("CHASE_DB1", "chase", folder, splits, (note,))


def _find_stare(folder: Path) -> VesselSet | None:
    """STARE (Hoover et al., 2000): 20 photographs, 700×605, two observers, also gzipped; no official split."""
    files = {path.name.lower().removesuffix(".gz"): path for path in _files(folder)}
    items = []
    for name, path in files.items():
        photograph = re.fullmatch(r"(im\d{4})\.(ppm|png|jpg|tif)", name)
        if photograph:
            stem, ending = photograph[1], photograph[2]
            observers = (files.get(f"{stem}.ah.{ending}"), files.get(f"{stem}.vk.{ending}"))
            items.append(VesselItem(stem, stem, path, *observers))
    items = [item for item in items if item.vessels]
    if not items:
        return None
    half = (len(items) + 1) // 2
    note = "STARE has no official split: the first half by name is for training, the rest for testing."
    return VesselSet("STARE", "stare", folder, {"train": tuple(items[:half]), "test": tuple(items[half:])}, (note,))


def _find_pairs(folder: Path) -> VesselSet | None:
    """Folders of photographs and of masks with equal names, with or without split folders."""
    found = find_pairs(folder, MASK_FOLDERS)
    if found is None:
        return None
    splits = {split: tuple(_item(pair) for pair in pairs) for split, pairs in found.splits.items()}
    return VesselSet(folder.name, "pairs", folder, splits, found.notes)


def _item(pair: Pair) -> VesselItem:
    return VesselItem(pair.name, pair.name, pair.image, pair.mask, None, pair.field)


def _labelled_test(splits: dict[str, tuple[VesselItem, ...]]) -> dict[str, tuple[VesselItem, ...]]:
    """Name a test split without labels ``unlabelled``, so that it is never scored by mistake."""
    labelled = tuple(item for item in splits["test"] if item.vessels)
    rest = tuple(item for item in splits["test"] if not item.vessels)
    return {"train": splits["train"], "test": labelled} | ({"unlabelled": rest} if rest else {})


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder and of two levels below, in order; a whole disk is not searched."""
    return sorted(path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern) if path.is_file())


def _starting(folder: Path, start: str) -> Path | None:
    """Return the picture whose stem is ``start`` or continues it after a separator."""
    pattern = re.compile(re.escape(start.rstrip("_")) + r"(?![A-Za-z0-9]).*")
    fitting = [path for path in list_pictures(folder) if pattern.fullmatch(path.stem)]
    return min(fitting, key=lambda path: (len(path.stem), path.name), default=None)
