"""Pictures as arrays: their names in type hints, and the one way they are resized."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""``(H, W, 3)`` RGB, 0 to 255."""
FloatImage = NDArray[np.float32]
"""``(H, W)`` or ``(H, W, C)``."""
Mask = NDArray[np.bool_]
"""``(H, W)``, True on what is meant."""

RasterT = TypeVar("RasterT", Pixels, FloatImage)


def resize(picture: RasterT, size: tuple[int, int]) -> RasterT:
    """Resize to height and width: by area when shrinking, bilinear when enlarging; the same picture if it fits."""
    if picture.shape[:2] == size:
        return picture
    shrinks = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=how), picture.dtype)


def shrink_to(pixels: Pixels, side: int) -> Pixels:
    """Shrink so that the longer side is at most this many pixels; a smaller picture stays as it is."""
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return resize(pixels, (max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale))))
