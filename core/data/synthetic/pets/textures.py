"""What surfaces of synthetic pet pictures are covered with: smooth noise and strands of hair."""

from collections.abc import Sequence

import cv2
import numpy as np

from core.data.synthetic.pets.shapes import Draw
from core.data.transforms.arrays import FloatImage

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

_TILE = 256


def render_noise(rng: Draw, size: tuple[int, int], grain: float) -> FloatImage:
    """Smooth noise, ``(H, W)``, of mean 0 and deviation about 0.7, with blobs of `grain` pixels."""
    grain = max(grain, 1.0)
    rows, columns = int(size[0] / grain) + 4, int(size[1] / grain) + 4
    seeds = rng.standard_normal((rows, columns), dtype=np.float32)
    scaled = cv2.resize(seeds, (int(columns * grain) + 1, int(rows * grain) + 1), interpolation=cv2.INTER_CUBIC)
    start = int(grain)
    return np.asarray(scaled[start : start + size[0], start : start + size[1]], np.float32)


def build_hair(rng: Draw, length: float) -> FloatImage:
    """A tile of strands that run along x, of mean 0."""
    reach = round(9 * length) + 4
    noise = np.pad(rng.standard_normal((_TILE, _TILE), dtype=np.float32), reach, mode="wrap")  # so that tiles join
    fine = cv2.blur(noise, (2 * round(4 * length) + 3, 1))
    coarse = cv2.GaussianBlur(cv2.blur(noise, (2 * round(9 * length) + 3, 1)), (0, 0), 1.6)
    strands = fine / fine.std() + np.float32(1.2) * coarse / coarse.std()
    return np.asarray(strands[reach:-reach, reach:-reach] * np.float32(0.04 + 0.013 * length), np.float32)


def comb(rng: Draw, hair: FloatImage, angle: float, size: tuple[int, int]) -> FloatImage:
    """Cut a piece ``(H, W)`` from somewhere in a tile, its strands at an angle from x, radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    start = rng.uniform(0, _TILE, 2)
    turn = np.array(((cosine, sine, start[0]), (-sine, cosine, start[1])))
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(hair, turn, size[::-1], flags=how, borderMode=cv2.BORDER_WRAP), np.float32)


def pick_paint(rng: Draw, paints: Sequence[Colour]) -> FloatImage:
    """Draw one of the colours, a little changed, ``(3,)``."""
    chosen = np.array(paints[int(rng.integers(len(paints)))])
    return np.asarray(chosen * rng.uniform(0.8, 1.1) * rng.normal(1, 0.04, 3), np.float32)


def tint(grey: FloatImage, colour: FloatImage) -> FloatImage:
    """Colour a grey picture: ``(H, W)`` and ``(3,)`` make ``(H, W, 3)``."""
    return np.asarray(grey[..., None] * colour, np.float32)
