"""The classes of land cover and their colours, as in DeepGlobe (Demir et al., 2018, arXiv 1805.06561)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import Pixels

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
