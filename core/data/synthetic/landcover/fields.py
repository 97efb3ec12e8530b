"""Random fields on a square tile: smooth noise, tree crowns, relief under a low sun."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import FloatImage

_ENLARGED = 0.73
"""Deviation that is left of white noise between the nodes of a grid that is enlarged by cubic interpolation."""

Numbers = NDArray[np.int32]
"""``(side, side)`` numbers of parcels, blocks or crowns."""


def render_noise(rng: np.random.Generator, side: int, grain: float) -> FloatImage:
    """Return smooth noise ``(side, side)`` of mean 0 and deviation about 1; its blobs are `grain` pixels wide."""
    return render_octaves(rng, side, grain, octaves=1)


def render_octaves(
    rng: np.random.Generator, side: int, grain: float, *, octaves: int = 4, gain: float = 0.5
) -> FloatImage:
    """Return a sum of noises, each of half the grain and `gain` times the strength of the one before.

    Blobs finer than a pixel are left out.

    Returns:
        ``(side, side)`` of mean 0 and deviation about 1, coarse blobs `grain` pixels wide.
    """
    # Each octave is added on the grid of its own nodes, and only the finest grid is enlarged to pixels.
    octaves = max(1, min(octaves, 1 + int(np.log2(max(grain, 1.0)))))
    cells = int(side / grain) + 4
    grid: FloatImage = rng.standard_normal((cells, cells), dtype=np.float32)
    for octave in range(1, octaves):
        grid = np.asarray(cv2.resize(grid, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.float32)
        grid += np.float32(gain**octave) * rng.standard_normal(grid.shape, dtype=np.float32)
    pixels = max(side, round(len(grid) * max(grain, 1.0) / 2 ** (octaves - 1)))
    smooth = cv2.resize(grid, (pixels, pixels), interpolation=cv2.INTER_CUBIC)
    left, top = rng.integers(0, pixels - side + 1, 2)
    deviation = _ENLARGED * np.sqrt(sum(gain ** (2 * octave) for octave in range(octaves)))
    return np.asarray(smooth[top : top + side, left : left + side] / np.float32(deviation), np.float32)


def shade(height: FloatImage, sun: tuple[float, float]) -> FloatImage:
    """Return how much brighter a surface is for its slope towards the sun; `sun` points to it, in x and y."""
    across, down = (np.asarray(cv2.Sobel(height, cv2.CV_32F, dx, 1 - dx, scale=0.125)) for dx in (1, 0))
    lit: FloatImage = -(np.float32(sun[0]) * across + np.float32(sun[1]) * down)
    return lit


@dataclass(frozen=True)
class Crowns:
    """Round things scattered over a tile: trees, shrubs.

    Attributes:
        distance: Pixels to the middle of the nearest, ``(side, side)``.
        numbers: Number of the nearest, from 0, ``(side, side)``.
        count: How many there are.
    """

    distance: FloatImage
    numbers: Numbers
    count: int


def scatter_crowns(rng: np.random.Generator, side: int, spacing: float) -> Crowns:
    """Scatter crowns about `spacing` pixels apart, one somewhere in each cell of a grid."""
    cells = max(1, round(side / spacing))
    corner = np.arange(cells) * (side / cells)
    x = corner[None, :] + rng.uniform(0, side / cells, (cells, cells))
    y = corner[:, None] + rng.uniform(0, side / cells, (cells, cells))
    empty = np.ones((side, side), np.uint8)
    empty[y.astype(int).clip(0, side - 1), x.astype(int).clip(0, side - 1)] = 0
    distance, numbers = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return Crowns(np.asarray(distance, np.float32), np.asarray(numbers, np.int32) - 1, int(numbers.max()))
