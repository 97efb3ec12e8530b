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
LIGHT_MEAN, LIGHT_SPREAD, LEAST_SPREAD = 122.0, 55.0, 5.0


def resize(picture: RasterT, size: tuple[int, int]) -> RasterT:
    """Resize to height and width: by area when shrinking, bilinear when enlarging; the same picture if it fits."""
    if picture.shape[:2] == size:
        return picture
    shrinks = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=how), picture.dtype)


def even_light(pixels: Pixels) -> Pixels:
    """Return a picture ``(H, W, 3)`` whose middle has the mean brightness 122 and the deviation 55, of 255.

    That takes away what exposure, film and screen did to the whole of it. An eighth on each side does not count,
    because frames and letters stand there; what would go beyond black and white is cut off. A picture that shows next
    to nothing is not blown up.
    """
    height, width = pixels.shape[:2]
    middle = pixels[height // 8 : height - height // 8, width // 8 : width - width // 8].astype(np.float32)
    factor = LIGHT_SPREAD / max(float(middle.std()), LEAST_SPREAD)
    shift = LIGHT_MEAN - factor * float(middle.mean())
    return np.asarray(np.clip(pixels.astype(np.float32) * factor + shift, 0, 255).round(), np.uint8)


def shrink_to(pixels: Pixels, side: int) -> Pixels:
    """Shrink so that the longer side is at most this many pixels; a smaller picture stays as it is."""
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return resize(pixels, (max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale))))
