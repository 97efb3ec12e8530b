"""Whether masks were drawn on an image's stored pixels or on the image as its EXIF orientation shows it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from core.data.image_io.reader import DATASET_LIMITS, read_picture, read_samples, upright
from core.data.transforms.arrays import Mask, Pixels, shrink_to
from core.errors import UserError

LOOKED_AT = 8
SIDE = 512
"""Of images that are looked at, pixels of the longer side."""
BAND = 2
"""Pixels on either side of an outline whose colours are compared."""
CLEARLY = 1.1
"""By this factor one way must fit better to be chosen over the orientation that annotation tools show."""


def fits_stored_pixels(files: Sequence[tuple[Path, Path, int]]) -> bool:
    """Say whether masks fit the stored pixels better: whether colours change more at their outlines there.

    Annotation tools show images upright, so masks count as drawn so unless the images clearly speak against it.

    Args:
        files: Image, mask and the image's EXIF orientation, 2 to 8, whose undoing keeps the mask's size right.
    """
    step = max(1, -(-len(files) // LOOKED_AT))
    stored = shown = 0.0
    for image, mask, orientation in files[::step]:
        try:
            pixels = read_picture(image, limits=DATASET_LIMITS).pixels
            bright = read_samples(mask, limits=DATASET_LIMITS).brightness()
        except UserError:
            continue  # it is told where it is opened to be trained on
        on = np.asarray(bright > bright.max() / 2)
        shown += _contrast(pixels, on)
        stored += _contrast(pixels, upright(on, orientation))
    return stored > CLEARLY * shown


def _contrast(pixels: Pixels, mask: Mask) -> float:
    """Return how much the colours just inside a mask's outline differ from those just outside it."""
    if pixels.shape[:2] != mask.shape:
        return 0.0
    small = shrink_to(pixels, SIDE)
    size = (small.shape[1], small.shape[0])
    shrunk = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    kernel = np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8)
    inside = (shrunk > 0) & (cv2.erode(shrunk, kernel) == 0)
    outside = (shrunk == 0) & (cv2.dilate(shrunk, kernel) > 0)
    if not inside.any() or not outside.any():
        return 0.0
    difference = small[inside].mean(axis=0) - small[outside].mean(axis=0)
    return float(np.linalg.norm(difference))
