"""Opening the pictures of a data set of pets."""

from dataclasses import replace

import cv2
import numpy as np

from core.data.labelled import LabelledPicture
from core.data.pets import BACKGROUND, BORDER, PET, PetItem
from core.data.pictures import DATASET_LIMITS, read_mask, read_picture
from core.data.raster import Mask
from core.errors import UserError

FOREGROUNDS = ("pet", "pet+border", "border")
BAND = 0.02
"""Width of the border of a plain mask, as a share of the picture's shorter side."""

_MASK_LIMITS = replace(DATASET_LIMITS, min_side=1)


def load_pet(item: PetItem, *, foreground: str) -> LabelledPicture:
    """Open a picture and its mask; scores are counted everywhere in the picture.

    Of a trimap, ``pet`` is the value 1, ``border`` the value 3 and ``pet+border`` both. A plain mask knows no border:
    ``pet+border`` is the mask itself, ``border`` its outermost pixels, as wide as 2 % of the picture's shorter side and
    at least one pixel, and ``pet`` the rest of the mask. Where the picture's edge cuts the pet there is no border. The
    border of a plain mask so lies within the mask, while Oxford's lies on both sides of the outline.

    A plain mask's pixel is on where it is brighter than half the brightest, which also suits masks stored as JPEG.

    Args:
        item: Which picture.
        foreground: ``pet``, ``pet+border`` or ``border``.

    Raises:
        UserError: If a file cannot be read, the mask has another size than its picture, a trimap has other values than
            1, 2 and 3, or the foreground is none of the three.
    """
    if foreground not in FOREGROUNDS:
        raise UserError(f"The foreground cannot be {foreground!r}; choose one of {', '.join(FOREGROUNDS)}.")
    pixels = read_picture(item.image, limits=DATASET_LIMITS).pixels
    mask = _read_trimap(item, foreground) if item.is_trimap else _read_plain(item, foreground)
    if mask.shape != pixels.shape[:2]:
        raise UserError(
            f"The mask {item.mask.name} is {mask.shape[1]}×{mask.shape[0]}, its picture {item.image.name} is "
            f"{pixels.shape[1]}×{pixels.shape[0]}; give masks of the picture's size."
        )
    return LabelledPicture(item.name, pixels, mask, np.ones(mask.shape, np.bool_))


def _read_trimap(item: PetItem, foreground: str) -> Mask:
    labels = read_picture(item.mask, limits=_MASK_LIMITS).pixels[:, :, 0]
    if labels.min() < PET or labels.max() > BORDER:
        raise UserError(
            f"The trimap {item.mask.name} has values from {labels.min()} to {labels.max()}; only {PET} (pet), "
            f"{BACKGROUND} (background) and {BORDER} (border) are allowed."
        )
    if foreground == "pet+border":
        return np.asarray(labels != BACKGROUND)
    return np.asarray(labels == (PET if foreground == "pet" else BORDER))


def _read_plain(item: PetItem, foreground: str) -> Mask:
    mask = read_mask(item.mask, limits=_MASK_LIMITS)
    if foreground == "pet+border":
        return mask
    width = max(1, round(BAND * min(mask.shape)))
    # What lies outside the picture is no background to it, so the picture's edge is no outline
    from_outline = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    band = mask & (from_outline <= width)
    return np.asarray(band if foreground == "border" else mask & ~band)
