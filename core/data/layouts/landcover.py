"""Satellite pictures with land cover drawn in seven colours, as in DeepGlobe (Demir et al., 2018, arXiv 1805.06561)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.dataset import DatasetSpec, hold_back, say_left_out
from core.data.groups.image_groups import GroupedImage, find_image_groups
from core.data.image_io.reader import DATASET_LIMITS, read_picture, upright
from core.data.layouts.landcover_colours import CLASSES, COLOURS, UNKNOWN, Labels, read_colours, render_labels
from core.data.layouts.split_folders import SPLIT_WORDS, split_folders
from core.data.layouts.visible_files import is_hidden, is_picture_name, list_folders, may_be_picture, say_elsewhere
from core.data.masks.files import MaskedFile, check_masked_files
from core.data.masks.landcover_numbers import find_label_kind, read_numbers
from core.data.transforms.arrays import Pixels
from core.errors import UserError

__all__ = [
    "CLASSES",
    "COLOURS",
    "UNKNOWN",
    "Labels",
    "LandcoverItem",
    "LandcoverSet",
    "load_landcover",
    "open_landcover",
    "read_colours",
    "render_labels",
]

_PICTURE = re.compile(r"(?P<number>.+)_sat\.(jpg|jpeg|png|tif|tiff)", re.IGNORECASE)
_MASK_ENDINGS = (".png", ".tif", ".tiff", ".gif", ".bmp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class LandcoverItem:
    """One satellite picture.

    Attributes:
        name: The file's number, after the folders it lies in: ``train_0042``, or ``0042`` in the data set's own folder.
        image: The picture.
        mask: Its coloured mask; None where the set does not publish it.
        scene: What other pictures show as well, where names or contents tell; empty where nothing does.
        numbers: Whether the set's masks hold numbers of classes instead of colours.
        orientation: EXIF orientation of the picture, where the mask was drawn on its stored pixels: it is undone on the
            mask, too.
    """

    name: str
    image: Path
    mask: Path | None = None
    scene: str = ""
    numbers: bool = False
    orientation: int = 1

    @property
    def group(self) -> str:
        """Return the scene, or the name where none is known."""
        return self.scene or self.name

    def files(self) -> Iterator[Path]:
        """Yield every file of the item."""
        yield from (path for path in (self.image, self.mask) if path)


LandcoverSet = DatasetSpec[LandcoverItem]


def open_landcover(folder: Path) -> LandcoverSet:
    """Find ``NNNN_sat.jpg`` with ``NNNN_mask.png`` in folders called after splits, or in one folder.

    Where no validation pictures with masks are found, a fifth of the training pictures is set aside for validation.
    Pictures without a mask are listed under ``unlabelled``: they can be predicted, not scored.

    Raises:
        UserError: If the folder is missing or holds fewer than one training picture with a mask, or masks do not fit
            their pictures or hold neither the seven colours nor the classes' numbers.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds NNNN_sat.jpg and NNNN_mask.png.")
    root = _find_root(folder)
    places = {split: named[0] for split, named in split_folders(list_folders(root)).items()}
    found = {split: _find_items(folder, place) for split, place in places.items()}
    if not found.get("train"):
        places["train"], found["train"] = root, _find_items(folder, root)
    found = {split: items for split, items in found.items() if items}
    splits = {split: tuple(item for item in items if item.mask) for split, items in found.items()}
    if not splits.get("train"):
        raise UserError(
            f"{folder} has no training pictures with masks; give NNNN_sat.jpg with NNNN_mask.png, in train/ and "
            f"validation/ or in one folder.{_say_seen(places['train'])}"
        )
    unlabelled = tuple(item for items in found.values() for item in items if not item.mask)
    notes = [each for split, place in places.items() for each in _say_unused(place, found.get(split, ()))]
    notes += say_elsewhere(folder, places.values())
    if unlabelled:
        images = [item.image for item in unlabelled]
        said = say_left_out(
            images, "having no mask: they can be predicted, not scored", of=sum(map(len, found.values()))
        )
        notes.insert(0, said)
    splits, said_of_masks = _read_masks(splits)
    notes += said_of_masks
    if not splits.get("val") and len({item.group for item in splits["train"]}) > 1:
        splits["train"], splits["val"] = hold_back(splits["train"], 0.2, group=lambda item: item.group)
        notes.append("The folder has no validation split of its own: a fifth was set aside for validation.")
    kept = {split: items for split, items in (splits | {"unlabelled": unlabelled}).items() if items}
    ordered = {split: kept[split] for split in (*SPLIT_WORDS, "unlabelled") if split in kept}
    return LandcoverSet("Land cover" if root == folder else root.name, "landcover", folder, ordered, tuple(notes))


def _read_masks(splits: dict[str, tuple[LandcoverItem, ...]]) -> tuple[dict[str, tuple[LandcoverItem, ...]], list[str]]:
    """Return the items with how their masks are read and which belong together, and sentences on both."""
    items = [(split, item) for split, each in splits.items() for item in each]
    pairs = [MaskedFile(item.image, item.mask) for _, item in items if item.mask]
    checked = check_masked_files(pairs)
    numbers, said = find_label_kind([pair.mask for pair in pairs])
    groups, together = find_image_groups({item.image: GroupedImage(split, item.name) for split, item in items})

    def finish(item: LandcoverItem) -> LandcoverItem:
        orientation = checked.turned.get(item.mask, 1) if item.mask else 1
        return replace(item, scene=groups[item.image], numbers=numbers, orientation=orientation)

    return {split: tuple(map(finish, each)) for split, each in splits.items()}, [
        *checked.notes,
        *checked.pages,
        *said,
        *together,
    ]


def load_landcover(item: LandcoverItem) -> tuple[Pixels, Labels]:
    """Open a picture and its mask.

    Returns:
        ``(H, W, 3)`` RGB, and ``(H, W)`` class numbers with ``UNKNOWN``.

    Raises:
        UserError: If a file cannot be read, there is no mask, or it is of another size or holds numbers, not colours.
    """
    if item.mask is None:
        raise UserError(f"{item.image.name} has no mask, so it cannot be trained on or scored; only predicted.")
    pixels = read_picture(item.image, limits=DATASET_LIMITS).pixels
    if item.numbers:
        labels = upright(read_numbers(item.mask), item.orientation)
        _check_size(item, labels.shape, pixels.shape)
        return pixels, labels
    colours = upright(read_picture(item.mask, limits=DATASET_LIMITS).pixels, item.orientation)
    _check_size(item, colours.shape, pixels.shape)
    if 0 < colours.max() < len(COLOURS):
        raise UserError(
            f"The mask {item.mask.name} holds numbers up to {colours.max()} instead of colours; draw it in the seven "
            "colours, cyan for urban, yellow for agriculture and so on."
        )
    return pixels, read_colours(colours)


def _check_size(item: LandcoverItem, mask: tuple[int, ...], picture: tuple[int, ...]) -> None:
    if mask[:2] != picture[:2]:
        name = "" if item.mask is None else item.mask.name
        raise UserError(
            f"The mask {name} is {mask[1]}×{mask[0]}, its picture {item.image.name} is {picture[1]}×{picture[0]}; give "
            "masks of the picture's size."
        )


def _find_root(folder: Path) -> Path:
    """Return the folder itself, or the one folder in it that holds the layout."""
    if _has_train(folder) or _holds_pictures(folder):
        return folder
    inner = [each for each in list_folders(folder) if _has_train(each) or _holds_pictures(each)]
    return inner[0] if len(inner) == 1 else folder


def _has_train(folder: Path) -> bool:
    return "train" in split_folders(list_folders(folder))


def _holds_pictures(folder: Path) -> bool:
    return any(_PICTURE.fullmatch(path.name) for path in folder.iterdir() if not is_hidden(path.name))


def _find_items(top: Path, folder: Path) -> tuple[LandcoverItem, ...]:
    files = _files(folder)
    masks = {path.stem.lower(): path for path in reversed(files) if path.suffix.lower() in _MASK_ENDINGS}
    items = []
    for path in files:
        picture = _PICTURE.fullmatch(path.name)
        if picture:
            name = "_".join((*folder.relative_to(top).parts, picture["number"]))
            items.append(LandcoverItem(name, path, masks.get(f"{picture['number']}_mask".lower())))
    return tuple(items)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not is_hidden(path.name) and path.is_file())


def _say_unused(folder: Path, items: Sequence[LandcoverItem]) -> list[str]:
    """Return sentences on the files of a folder that are neither pictures nor their masks."""
    used = {path for item in items for path in item.files()}
    rest = [path for path in _files(folder) if path not in used]
    images = [path for path in rest if is_picture_name(path.name)]
    others = [path for path in rest if path not in images and may_be_picture(path.name)]
    said = [say_left_out(images, "being neither NNNN_sat nor the mask of one")] if images else []
    return said + ([say_left_out(others, "of a kind that is not read", what="file")] if others else [])


def _say_seen(folder: Path) -> str:
    said = _say_unused(folder, [])
    return f" {' '.join(said)}" if said else ""
