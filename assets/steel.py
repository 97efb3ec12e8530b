"""Drawn pictures of hot-rolled steel with defects, as examples for a model that learnt from photographs of such steel.

The classes are those of NEU (Song and Yan, 2013); no pixel of it is in here.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 200
Field = NDArray[np.float32]


def draw_scratches(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Two bright lines along the strip, on dark steel."""
    grey = 75 + 5 * _noise(rng, 0.6, 5) + 3 * _noise(rng, 1, 1) + 5 * _noise(rng, 40, 60)
    across = np.arange(SIDE)[None]
    for width, light, from_the_edge in ((1.6, 150, True), (0.9, 80, False)):
        at, start = rng.uniform(40, SIDE - 40), 0 if from_the_edge else rng.uniform(30, 110)
        along = np.clip((np.arange(SIDE)[:, None] - start) / 10, 0, 1) * (0.75 + 0.25 * _wander(rng, 9))
        grey = grey + light * along * np.exp(-(((across - at - 0.6 * _wander(rng, 25)) / width) ** 2))
    return _photograph(rng, grey)


def draw_inclusion(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Two dark spindles along the strip, each with a fine line."""
    grey = 150 + 3 * _noise(rng, 0.8, 10) + 4 * _noise(rng, 1, 1) + 5 * _noise(rng, 50, 50)
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for _ in range(2):
        left, top = rng.uniform(40, SIDE - 40, 2)
        length, width = rng.uniform(25, 60), rng.uniform(2.5, 6)
        width = width * np.clip(1 - ((down - top) / length) ** 2, 0, 1) * (1 + 0.4 * _wander(rng, 5))
        grey = grey - 90 * np.clip(width - np.abs(across - left - 2 * _wander(rng, 12)) + 0.5, 0, 1)
    return _photograph(rng, grey)


def draw_crazing(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Fine cracks across the strip, on coarse grain."""
    grey = 150 + 26 * _noise(rng, 0.9, 0.7) + 8 * _noise(rng, 15, 40)
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for _ in range(16):
        top, left = rng.uniform(0, SIDE, 2)
        path = top + 5 * _wander(rng, 6).T + 2.5 * _wander(rng, 2).T
        along = np.clip((rng.uniform(25, 60) - np.abs(across - left)) / 10, 0, 1)
        grey = grey - 90 * along * np.exp(-(((down - path) / 1.3) ** 2))
    return _photograph(rng, grey)


def draw_pits(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Dark pits, in crowds."""
    grey = 150 + 10 * _noise(rng, 1, 1) + 6 * _noise(rng, 3, 3) + 8 * _noise(rng, 50, 50)
    depth = _noise(rng, 2.2, 3) + 0.8 * _noise(rng, 25, 25)
    return _photograph(rng, grey - 90 * np.clip((depth - 1.6) / 0.4, 0, 1))


STEEL: dict[str, tuple[Callable[[np.random.Generator], NDArray[np.uint8]], int]] = {
    "scratches": (draw_scratches, 300),
    "inclusion": (draw_inclusion, 306),
    "crazing": (draw_crazing, 302),
    "pitted_surface": (draw_pits, 304),
}
"""What draws a class, and a seed with which the picture came out plain."""


def _noise(rng: np.random.Generator, across: float, down: float, shape: tuple[int, int] = (SIDE, SIDE)) -> Field:
    """Return smooth noise of deviation 1 whose grains are so many pixels wide and high."""
    noise = rng.normal(size=shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth / smooth.std(), np.float32)


def _wander(rng: np.random.Generator, length: float) -> Field:
    """Return a column ``(SIDE, 1)`` that wanders about 0 with deviation 1."""
    return _noise(rng, 0.1, length, (SIDE, 1))


def _photograph(rng: np.random.Generator, grey: Field) -> NDArray[np.uint8]:
    soft = cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), 0.7)
    return np.clip(np.rint(soft + 2 * rng.normal(size=soft.shape)), 0, 255).astype(np.uint8)
