"""Small images with masks as people have them: a blob before grass, and vessels in a round field of view."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Truth = NDArray[np.bool_]


def draw_blob(seed: int, height: int = 40, width: int = 60) -> tuple[NDArray[np.uint8], Truth]:
    """Return a bright blob on green, in the upper left part so that turns show, and where it is."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    row, column = height * rng.uniform(0.3, 0.4), width * rng.uniform(0.28, 0.38)
    mask = ((columns - column) / (0.2 * width)) ** 2 + ((rows - row) / (0.24 * height)) ** 2 < 1
    pixels = np.full((height, width, 3), (60, 130, 60)) + rng.normal(0, 8, (height, width, 3))
    pixels[mask] = np.array([200, 150, 90]) + rng.normal(0, 8, (int(mask.sum()), 3))
    return np.clip(pixels, 0, 255).astype(np.uint8), mask


def draw_vessels(seed: int, height: int = 60, width: int = 70) -> tuple[NDArray[np.uint8], Truth, Truth]:
    """Return a fundus photograph, its vessels and its field of view."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    inside = (columns - width / 2) ** 2 + (rows - height / 2) ** 2 < (0.46 * height) ** 2
    vessels = np.zeros((height, width), bool)
    for _ in range(3):
        line = height / 2 + rng.uniform(-1, 1) * (columns - width / 2) + rng.uniform(4, 9) * np.sin(columns / 9)
        vessels |= np.abs(rows - line) < 1.6
    vessels &= inside
    pixels = np.full((height, width, 3), (180, 90, 50)) + rng.normal(0, 5, (height, width, 3))
    pixels[vessels] -= 50
    pixels[~inside] = 0
    return np.clip(pixels, 0, 255).astype(np.uint8), vessels, inside


def outline(mask: Truth) -> Truth:
    """Return a mask's outline, three pixels wide."""
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) != cv2.erode(mask.astype(np.uint8), kernel))


def save(array: NDArray[Any], path: Path, **how: Any) -> Path:
    """Write an array as an image; Pillow knows the format by the ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **how)
    return path


def grey(mask: Truth) -> NDArray[np.uint8]:
    """Return a mask as 0 and 255."""
    return 255 * mask.astype(np.uint8)
