"""Opening the pictures of a data set of pets."""

import cv2
import numpy as np

from core.data.image_io.reader import DATASET_LIMITS, read_picture, read_samples, upright
from core.data.layouts.pets import BACKGROUND, BORDER, PET, PetItem
from core.data.masks.samples import MASK_LIMITS
from core.data.masks.values import read_set_mask
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import Mask
from core.errors import UserError

FOREGROUNDS = ("pet", "pet+border", "border")
BAND = 0.02
"""Width of the border of a plain mask, as a share of the picture's shorter side."""


def load_pet(item: PetItem, *, foreground: str) -> LabelledPicture:
    """Open a picture and its mask; scores are counted everywhere in the picture where the mask says anything.

    Of a trimap, ``pet`` is the value 1, ``border`` the value 3 and ``pet+border`` both. A plain mask knows no border:
    ``pet+border`` is the mask itself, ``border`` its outermost pixels, as wide as 2 % of the picture's shorter side and
    at least one pixel, and ``pet`` the rest of the mask. Where the picture's edge cuts the pet there is no border. The
    border of a plain mask so lies within the mask, while Oxford's lies on both sides of the outline.

    What the values of a plain mask mean is the same for all masks of its set, see :mod:`core.data.masks.values`.

    Args:
        item: Which picture.
        foreground: ``pet``, ``pet+border`` or ``border``.

    Raises:
        UserError: If a file cannot be read, the mask has another size than its picture, it has other values than those
            of its set, or the foreground is none of the three.
    """
    if foreground not in FOREGROUNDS:
        raise UserError(f"The foreground cannot be {foreground!r}; choose one of {', '.join(FOREGROUNDS)}.")
    pixels = read_picture(item.image, limits=DATASET_LIMITS).pixels
    mask, known = (_read_trimap if item.is_trimap else _read_plain)(item, foreground)
    if mask.shape != pixels.shape[:2]:
        raise UserError(
            f"The mask {item.mask.name} is {mask.shape[1]}×{mask.shape[0]}, its picture {item.image.name} is "
            f"{pixels.shape[1]}×{pixels.shape[0]}; give masks of the picture's size."
        )
    inside = np.ones(mask.shape, np.bool_) if known is None else known
    return LabelledPicture(item.name, pixels, mask, inside, known=known)


def _read_trimap(item: PetItem, foreground: str) -> tuple[Mask, None]:
    labels = upright(read_samples(item.mask, limits=MASK_LIMITS).numbers(), item.orientation)
    shift = PET - item.trimap_start
    pet, background, border = (value - shift for value in (PET, BACKGROUND, BORDER))
    if labels.min() < pet or labels.max() > border:
        raise UserError(
            f"The trimap {item.mask.name} has values from {labels.min():g} to {labels.max():g}; only {pet} (pet), "
            f"{background} (background) and {border} (border) are allowed."
        )
    if foreground == "pet+border":
        return np.asarray(labels != background), None
    return np.asarray(labels == (pet if foreground == "pet" else border)), None


def _read_plain(item: PetItem, foreground: str) -> tuple[Mask, Mask | None]:
    mask, known = read_set_mask(item.mask, item.rule, orientation=item.orientation)
    if foreground == "pet+border":
        return mask, known
    width = max(1, round(BAND * min(mask.shape)))
    # What lies outside the picture is no background to it, so the picture's edge is no outline
    from_outline = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    band = mask & (from_outline <= width)
    return np.asarray(band if foreground == "border" else mask & ~band), known
