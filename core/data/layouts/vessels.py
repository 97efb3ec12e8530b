"""Retinal vessel data sets on disk, recognised from their folder: DRIVE, CHASE_DB1, STARE, image/mask pairs."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.dataset import DatasetSpec, say_left_out
from core.data.layouts.pairs import Pair, find_pairs, say_seen
from core.data.layouts.split_folders import split_folders
from core.data.layouts.visible_files import is_hidden, is_picture_name, list_folders, list_pictures, name_below
from core.data.masks.fields_of_view import are_fields_of_view
from core.data.masks.files import MaskedFile, check_masked_files
from core.data.masks.rule import MaskRule
from core.data.masks.values import FoundRule, find_mask_rule
from core.errors import UserError

MASK_FOLDERS = ("masks", "mask", "labels", "label", "manual", "1st_manual", "annotations", "gt", "vessels")
CHASE_TEST_CHILDREN = 4


@dataclass(frozen=True)
class FundusReading:
    """How the masks of a photograph are read; the rules are those of all masks of the set.

    Attributes:
        vessels: What the values of the first observer's masks mean; None takes each mask alone.
        second: Likewise of the second observer's.
        field_of_view: Likewise of the fields of view.
        turned: Masks that were drawn on the photograph's stored pixels, each with the photograph's EXIF orientation,
            which is undone on them as well.
    """

    vessels: MaskRule | None = None
    second: MaskRule | None = None
    field_of_view: MaskRule | None = None
    turned: tuple[tuple[Path, int], ...] = ()

    def orientation(self, path: Path) -> int:
        """Return the EXIF orientation that is to be undone on a mask; 1 where there is none."""
        return dict(self.turned).get(path, 1)


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
        reading: How the masks are read.
    """

    name: str
    group: str
    image: Path
    vessels: Path | None = None
    second: Path | None = None
    field_of_view: Path | None = None
    reading: FundusReading = FundusReading()

    def files(self) -> Iterator[Path]:
        """Yield every file of the item."""
        yield from (path for path in (self.image, self.vessels, self.second, self.field_of_view) if path)


VesselSet = DatasetSpec[VesselItem]


def open_vessels(folder: Path) -> VesselSet:
    """Recognise a data set of fundus photographs with vessel masks, and find out how its masks are to be read.

    Raises:
        UserError: If the folder is missing or is none of the four layouts, or its masks do not fit their photographs or
            hold more than two levels.
    """
    return read_masks(find_vessels(folder))


def find_vessels(folder: Path) -> VesselSet:
    """Recognise a data set of fundus photographs by its files alone; no mask is judged.

    Raises:
        UserError: If the folder is missing or is none of the four layouts.
    """
    if not folder.is_dir():
        raise UserError(
            f"There is no folder {folder}; give one that holds DRIVE, CHASE_DB1, STARE or image/mask pairs."
        )
    for find in _ways(folder):
        found = find(folder)
        if found is not None:
            if not found.splits.get("train"):
                raise UserError(f"{found.title} in {folder} has no training pictures with vessel masks; add them.")
            return found
    raise UserError(
        f"{folder} is none of the known layouts; give DRIVE (training/images, training/1st_manual), CHASE_DB1 "
        "(Image_01L.jpg, Image_01L_1stHO.png), STARE (im0001.ppm, im0001.ah.ppm) or pairs (images/, masks/ with equal "
        f"names).{say_seen(folder, MASK_FOLDERS, is_field=are_fields_of_view)}"
    )


def _ways(folder: Path) -> tuple[Callable[[Path], VesselSet | None], ...]:
    """Return how sets are recognised; names of CHASE_DB1 and STARE give no splits where folders give some."""
    if {"train", "test"} <= split_folders(list_folders(folder)).keys():
        return _find_drive, _find_pairs, _find_chase, _find_stare
    return _find_drive, _find_chase, _find_stare, _find_pairs


def read_masks(found: VesselSet) -> VesselSet:
    """Return the set with how its masks are read, having held all sizes against each other.

    Raises:
        UserError: As :func:`open_vessels`.
    """
    items = [item for split in found.splits.values() for item in split]
    checked = check_masked_files(
        MaskedFile(item.image, mask) for item in items for mask in item.files() if mask != item.image
    )
    vessels = find_mask_rule([item.vessels for item in items if item.vessels], thin=True)
    second = _certain(find_mask_rule([item.second for item in items if item.second], thin=True), "second observer")
    fields = [item.field_of_view for item in items if item.field_of_view]
    field = _certain(find_mask_rule(fields, light_is_on=True), "field of view")

    def read(item: VesselItem) -> VesselItem:
        turned = tuple((path, checked.turned[path]) for path in item.files() if path in checked.turned)
        return replace(item, reading=FundusReading(vessels.rule, second.rule, field.rule, turned))

    splits = {split: tuple(map(read, each)) for split, each in found.splits.items()}
    return replace(
        found, splits=splits, notes=(*found.notes, *checked.notes, *checked.pages, *vessels.notes, *second.notes)
    )


def _certain(found: FoundRule, whose: str) -> FoundRule:
    """Refuse pixels that do not count where nothing can leave them out."""
    if found.rule.ignored is not None:
        raise UserError(f"Masks of the {whose} hold 0, 1 and 255; only two levels are allowed there: write 0 and 255.")
    return found


def _find_drive(folder: Path) -> VesselSet | None:
    """DRIVE (Staal et al., 2004): 20 training and 20 test photographs, 565×584."""
    root = next((each for each in (folder, *list_folders(folder)) if (each / "training" / "1st_manual").is_dir()), None)
    if root is None:
        return None
    splits = {name: tuple(_drive_items(root / place)) for name, place in (("train", "training"), ("test", "test"))}
    unlabelled = [item.name for item in splits["test"] if item.vessels is None]
    notes = [f"{len(unlabelled)} test pictures have no 1st_manual and can be predicted, not scored."] * bool(unlabelled)
    if without := [item.image for item in splits["train"] if not item.vessels]:
        notes.append(say_left_out(without, "without a mask in 1st_manual", of=len(splits["train"])))
    notes += _say_strays(folder, splits, [])
    splits["train"] = tuple(item for item in splits["train"] if item.vessels)
    return VesselSet("DRIVE", "drive", folder, _labelled_test(splits), tuple(notes))


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
    without = [item.image for item in items if not item.vessels]
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
    notes = (note, *_say_without(without, len(items)), *_say_strays(folder, splits, without))
    return VesselSet("CHASE_DB1", "chase", folder, splits, notes)


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
    without = [item.image for item in items if not item.vessels]
    items = [item for item in items if item.vessels]
    if not items:
        return None
    half = (len(items) + 1) // 2
    note = "STARE has no official split: the first half by name is for training, the rest for testing."
    splits = {"train": tuple(items[:half]), "test": tuple(items[half:])}
    notes = (note, *_say_without(without, len(items)), *_say_strays(folder, splits, without))
    return VesselSet("STARE", "stare", folder, splits, notes)


def _say_without(without: list[Path], complete: int) -> tuple[str, ...]:
    return (say_left_out(without, "without a mask", of=complete + len(without)),) if without else ()


def _say_strays(folder: Path, splits: Mapping[str, Sequence[VesselItem]], told: Sequence[Path]) -> list[str]:
    """Return the sentence on images that are not called as those of a published set."""
    used = {path for items in splits.values() for item in items for path in item.files()} | {*told}
    strays = [path for path in _files(folder) if path not in used and is_picture_name(path.name.removesuffix(".gz"))]
    why = "not being called as the set's own images and masks are"
    return [say_left_out(name_below(strays, folder), why)] if strays else []


def _find_pairs(folder: Path) -> VesselSet | None:
    """Folders of photographs and of masks with equal names, with or without split folders."""
    found = find_pairs(folder, MASK_FOLDERS, is_field=are_fields_of_view)
    if found is None:
        return None
    splits = {split: tuple(_item(pair) for pair in pairs) for split, pairs in found.splits.items()}
    return VesselSet(folder.name, "pairs", folder, splits, found.notes)


def _item(pair: Pair) -> VesselItem:
    return VesselItem(pair.name, pair.group, pair.image, pair.mask, pair.second, pair.field)


def _labelled_test(splits: dict[str, tuple[VesselItem, ...]]) -> dict[str, tuple[VesselItem, ...]]:
    """Name a test split without labels ``unlabelled``, so that it is never scored by mistake."""
    labelled = tuple(item for item in splits["test"] if item.vessels)
    rest = tuple(item for item in splits["test"] if not item.vessels)
    return {"train": splits["train"], "test": labelled} | ({"unlabelled": rest} if rest else {})


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder and of two levels below, in order; a whole disk is not searched."""
    places = [folder, *(inner for outer in list_folders(folder) for inner in (outer, *list_folders(outer)))]
    return sorted(path for place in places for path in place.iterdir() if not is_hidden(path.name) and path.is_file())


def _starting(folder: Path, start: str) -> Path | None:
    """Return the picture whose stem is ``start`` or continues it after a separator."""
    pattern = re.compile(re.escape(start.rstrip("_")) + r"(?![A-Za-z0-9]).*")
    fitting = [path for path in list_pictures(folder) if pattern.fullmatch(path.stem)]
    return min(fitting, key=lambda path: (len(path.stem), path.name), default=None)
