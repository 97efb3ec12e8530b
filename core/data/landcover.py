"""Satellite pictures with land cover drawn in seven colours, as in DeepGlobe (Demir et al., 2018, arXiv 1805.06561)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import DatasetSpec, hold_back
from core.data.pictures import DATASET_LIMITS, read_picture
from core.data.raster import Pixels
from core.errors import UserError

Labels = NDArray[np.int64]
"""``(H, W)``: 0 to 5 by :data:`CLASSES`, and :data:`UNKNOWN`."""

UNKNOWN = 255
"""Label of pixels that nobody could name; they are neither trained on nor scored."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "urban": (0, 255, 255),
    "agriculture": (255, 255, 0),
    "rangeland": (255, 0, 255),
    "forest": (0, 255, 0),
    "water": (0, 0, 255),
    "barren": (255, 255, 255),
    "unknown": (0, 0, 0),
}
"""RGB by name; all corners of the colour cube but red."""
CLASSES = tuple(name for name in COLOURS if name != "unknown")

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_PICTURE = re.compile(r"(?P<number>.+)_sat\.(jpg|jpeg|png|tif|tiff)", re.IGNORECASE)
_MASK_ENDINGS = (".png", ".tif", ".tiff", ".gif", ".bmp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class LandcoverItem:
    """One satellite picture.

    Attributes:
        name: The file's number, after the folders it lies in: ``train_0042``, or ``0042`` in the data set's own folder.
        image: The picture.
        mask: Its coloured mask; None where the set does not publish it.
    """

    name: str
    image: Path
    mask: Path | None = None

    @property
    def group(self) -> str:
        """Return the name: which pictures show neighbouring ground is not known."""
        return self.name

    def files(self) -> Iterator[Path]:
        """Yield every file of the item."""
        yield from (path for path in (self.image, self.mask) if path)


LandcoverSet = DatasetSpec[LandcoverItem]


def open_landcover(folder: Path) -> LandcoverSet:
    """Find ``NNNN_sat.jpg`` with ``NNNN_mask.png`` in ``train/`` and ``validation/``, or in one folder.

    Where no validation pictures with masks are found, a fifth of the training pictures is set aside for validation.
    Pictures without a mask are listed under ``unlabelled``: they can be predicted, not scored.

    Raises:
        UserError: If the folder is missing, or holds fewer than one training picture with a mask.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}; give one that holds NNNN_sat.jpg and NNNN_mask.png.")
    root = _find_root(folder)
    found = {split: _find_items(folder, _child(root, names)) for split, names in SPLIT_FOLDERS.items()}
    if not found["train"]:
        found["train"] = _find_items(folder, root)
    splits = {split: tuple(item for item in items if item.mask) for split, items in found.items()}
    if not splits["train"]:
        raise UserError(
            f"{folder} has no training pictures with masks; give NNNN_sat.jpg with NNNN_mask.png, in train/ and "
            "validation/ or in one folder."
        )
    unlabelled = tuple(item for items in found.values() for item in items if not item.mask)
    notes = [f"{len(unlabelled)} pictures have no mask and can be predicted, not scored."] if unlabelled else []
    if not splits["val"] and len(splits["train"]) > 1:
        splits["train"], splits["val"] = hold_back(splits["train"], 0.2, group=_name)
        notes.append("The folder has no validation split of its own: a fifth was set aside for validation.")
    kept = {split: items for split, items in (splits | {"unlabelled": unlabelled}).items() if items}
    return LandcoverSet("Land cover" if root == folder else root.name, "landcover", folder, kept, tuple(notes))


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
    colours = read_picture(item.mask, limits=DATASET_LIMITS).pixels
    if colours.shape != pixels.shape:
        raise UserError(
            f"The mask {item.mask.name} is {colours.shape[1]}×{colours.shape[0]}, its picture {item.image.name} is "
            f"{pixels.shape[1]}×{pixels.shape[0]}; give masks of the picture's size."
        )
    if 0 < colours.max() < len(COLOURS):
        raise UserError(
            f"The mask {item.mask.name} holds numbers up to {colours.max()} instead of colours; draw it in the seven "
            "colours, cyan for urban, yellow for agriculture and so on."
        )
    return pixels, read_colours(colours)


def read_colours(mask: Pixels) -> Labels:
    """Return the classes of a coloured mask: those of each pixel's nearest corner of the colour cube.

    Slightly wrong colours, such as JPEG leaves, are put right; between two classes an anti-aliased edge may pass a
    third one's corner, a pixel wide. Red belongs to no class and is unknown.

    Args:
        mask: ``(H, W, 3)`` RGB, 0 to 255.
    """
    on = mask >= 128
    corners = 4 * on[..., 0].astype(np.int64) + 2 * on[..., 1] + on[..., 2]
    labels: Labels = _corner_labels()[corners]
    return labels


def render_labels(labels: NDArray[np.integer[Any]]) -> Pixels:
    """Return the colours of class numbers, ``(H, W)`` to ``(H, W, 3)`` RGB; all but 0 to 5 are black, unknown."""
    table = np.array([COLOURS[name] for name in (*CLASSES, "unknown")], np.uint8)
    known = (labels >= 0) & (labels < len(CLASSES))
    return table[np.where(known, labels, len(CLASSES))]


def _corner_labels() -> Labels:
    """Return the class of each corner of the cube, counted 4·red + 2·green + blue: ``(8,)``."""
    table = np.full(8, UNKNOWN, np.int64)
    for number, name in enumerate(CLASSES):
        red, green, blue = (channel // 255 for channel in COLOURS[name])
        table[4 * red + 2 * green + blue] = number
    return table


def _find_root(folder: Path) -> Path:
    """Return the folder itself, or the one folder in it that holds the layout."""
    inner = [each for each in _folders(folder) if _child(each, SPLIT_FOLDERS["train"]) or _holds_pictures(each)]
    if _child(folder, SPLIT_FOLDERS["train"]) or _holds_pictures(folder) or len(inner) != 1:
        return folder
    return inner[0]


def _holds_pictures(folder: Path) -> bool:
    return any(_PICTURE.fullmatch(path.name) for path in folder.iterdir())


def _find_items(top: Path, folder: Path | None) -> tuple[LandcoverItem, ...]:
    if folder is None:
        return ()
    files = sorted(path for path in folder.iterdir() if path.is_file())
    masks = {path.stem.lower(): path for path in reversed(files) if path.suffix.lower() in _MASK_ENDINGS}
    items = []
    for path in files:
        picture = _PICTURE.fullmatch(path.name)
        if picture:
            name = "_".join((*folder.relative_to(top).parts, picture["number"]))
            items.append(LandcoverItem(name, path, masks.get(f"{picture['number']}_mask".lower())))
    return tuple(items)


def _folders(folder: Path) -> Iterable[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir())


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((each for each in _folders(folder) if each.name.lower() in names), None)


def _name(item: LandcoverItem) -> str:
    return item.name
