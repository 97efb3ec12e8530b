"""Fields of view of fundus photographs as files of their own: told from annotations by being one round region."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from core.data.masks.samples import look_at
from core.data.transforms.arrays import FloatImage, Mask
from core.errors import UserError

LOOKED_AT = 4
LEAST_SHARE = 0.2
"""A field of view covers at least this much of its photograph."""
ROUND = 0.9
"""So much a region and the circle around it, as far as that lies in the image, have in common."""
HOLES = 0.02
"""So much of the region may be missing within it, or lie beside it; dark vessels on light are more."""
LONGEST = 512
MOST_BETWEEN = 0.05
"""So many pixels of a mask may lie between dark and bright."""


def are_fields_of_view(paths: Sequence[Path]) -> bool:
    """Say whether masks are fields of view: most of those that are looked at hold one large round region.

    Masks that cannot be read are none; they are told where they are opened.
    """
    if not paths:
        return False
    try:
        looked = look_at(paths, LOOKED_AT)
    except UserError:
        return False
    bright = [each.brightness().astype(np.float32) for each in looked.masks]
    found = [_has_two_levels(each) and is_disc(np.asarray(each > each.max() / 2)) for each in bright]
    return sum(found) > len(found) / 2


def _has_two_levels(bright: FloatImage) -> bool:
    """Whether nearly all is dark or bright, which of the photographs themselves is not true."""
    low, high = float(bright.min()), float(bright.max())
    middle = (bright > low + 0.1 * (high - low)) & (bright < high - 0.1 * (high - low))
    return bool(middle.mean() < MOST_BETWEEN)


def is_disc(mask: Mask) -> bool:
    """Say whether a mask is one large round region on a ground of its own; a frame may cut it."""
    corners = mask[[0, 0, -1, -1], [0, -1, 0, -1]]
    if mask.mean() < LEAST_SHARE or corners.sum() > 2:
        return False
    step = max(1, max(mask.shape) // LONGEST)
    small = np.ascontiguousarray(mask[::step, ::step].astype(np.uint8))
    outlines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea)
    filled = cv2.drawContours(np.zeros_like(small), [largest], 0, 1, thickness=cv2.FILLED) > 0
    if (filled != (small > 0)).mean() > HOLES * filled.mean():
        return False
    (column, row), radius = cv2.minEnclosingCircle(largest)
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
    circle = (rows - row) ** 2 + (columns - column) ** 2 <= (radius + 0.5) ** 2
    common = float((circle & filled).sum() / (circle | filled).sum())
    return common > ROUND
