"""The geometry of an imaginary chest in a radiograph, and how things are painted in its coordinates."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import FloatImage

Points = NDArray[np.float64]
"""``(K, 2)``: x to the right of the picture, which is the patient's left, and y downwards."""
Draw = np.random.Generator

APEX = -1.25
"""Top of the rib cage; its widest half width is 1, the unit of all lengths here."""

_FINER = 2
"""Thin things are painted on a canvas this many times finer than the picture, then averaged down."""
_SHIFT = 4


@dataclass(frozen=True)
class Thorax:
    """The geometry of one chest in one picture.

    Attributes:
        side: Rows and columns of the picture.
        scale: Pixels of one unit, across and along the body.
        place: Pixel (x, y) of the origin, which lies between the middle of the two lungs.
        angle: Radians by which the body is tilted in the picture.
        twist: How far the patient is turned: the front of the chest is shifted by this against the back.
        bend: Sideways bend of the spine.
        bulk: Thickness of the soft tissue over the ribs.
        domes: Height of the diaphragm, right and left lung.
        slope: How steeply the ribs fall.
        heart: Half width of the heart.
        raised: Whether the arms are raised.
    """

    side: int
    scale: tuple[float, float]
    place: tuple[float, float]
    angle: float
    twist: float
    bend: float
    bulk: float
    domes: tuple[float, float]
    slope: float
    heart: float
    raised: bool

    def to_pixels(self, points: Points) -> Points:
        """Turn anatomical coordinates into pixels."""
        return np.asarray(points @ self._turn + self.place)

    @cached_property
    def grid(self) -> tuple[FloatImage, FloatImage]:
        """Anatomical x and y of every pixel, each ``(side, side)``."""
        pixels = np.arange(self.side, dtype=np.float32)
        u, v = (pixels - np.float32(self.place[0]))[None, :], (pixels - np.float32(self.place[1]))[:, None]
        back = np.linalg.inv(self._turn).astype(np.float32)
        return u * back[0, 0] + v * back[1, 0], u * back[0, 1] + v * back[1, 1]

    @cached_property
    def _turn(self) -> Points:
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.diag(self.scale) @ np.array(((cosine, sine), (-sine, cosine)))

    def paint(self, canvas: NDArray[np.uint8], points: Points, value: int, width: float) -> None:
        """Draw a line of this width in units through the points on a fine canvas."""
        thickness = max(1, round(width * self.scale[0] * _FINER))
        cv2.polylines(canvas, [self._fix(points)], False, value, thickness, cv2.LINE_AA, _SHIFT)

    def fill(self, canvas: NDArray[np.uint8], points: Points, value: int) -> None:
        """Fill a polygon on a fine canvas."""
        cv2.fillPoly(canvas, [self._fix(points)], value, cv2.LINE_AA, _SHIFT)

    def build_canvas(self) -> NDArray[np.uint8]:
        """An empty fine canvas."""
        return np.zeros((self.side * _FINER, self.side * _FINER), np.uint8)

    def average_down(self, canvas: NDArray[np.uint8], blur: float = 0.0) -> FloatImage:
        """The mean of each pixel's cells, ``(side, side)``, 0 to 1, then blurred by this many pixels."""
        small = cv2.resize(canvas, (self.side, self.side), interpolation=cv2.INTER_AREA).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(small, (0, 0), blur) if blur else small, np.float32) / np.float32(255)

    def _fix(self, points: Points) -> NDArray[np.int32]:
        """Fine canvas coordinates with `_SHIFT` binary places; one product, because thousands of lines are painted."""
        turn, place = self._to_canvas
        return np.rint(points @ turn + place).astype(np.int32)

    @cached_property
    def _to_canvas(self) -> tuple[Points, Points]:
        unit = _FINER << _SHIFT
        return self._turn * unit, (np.array(self.place) + 0.5) * unit - 0.5 * (1 << _SHIFT)


def choose_thorax(rng: Draw, side: int) -> Thorax:
    """Draw a body, how it lies, and how near the picture goes."""
    wide = side * float(rng.uniform(0.31, 0.42))
    place = (side * float(rng.normal(0.5, 0.025)), side * float(rng.normal(0.5, 0.03)))
    right = float(rng.uniform(0.5, 0.82))
    return Thorax(
        side=side,
        scale=(wide, wide * float(rng.uniform(0.72, 1.0))),
        place=place,
        angle=float(rng.normal(0.0, 0.05)),
        twist=float(rng.normal(0.0, 0.06)),
        bend=float(rng.normal(0.0, 0.05)),
        bulk=float(rng.uniform(0.06, 0.26)),
        domes=(right, right + float(rng.normal(0.06, 0.04))),
        slope=float(rng.uniform(0.16, 0.42)),
        heart=float(rng.uniform(0.4, 0.58)),
        raised=bool(rng.random() < 0.45),
    )


def cage_width(y: NDArray[np.floating]) -> NDArray[np.floating]:
    """Half width of the rib cage at a height."""
    t = np.clip((y - APEX) / 2.3, 0.0, 1.0)
    return np.asarray((1.0 - (1.0 - t) ** 2.6) ** 0.5)


def soft_step(distance: FloatImage, width: float) -> FloatImage:
    """0 well below zero, 1 well above, with an edge of this width."""
    return np.asarray(np.clip(distance / np.float32(2.0 * width) + np.float32(0.5), 0, 1), np.float32)


def render_cloud(rng: Draw, side: int, grain: float) -> FloatImage:
    """Smooth noise, ``(side, side)``, of mean 0 and variance about 0.5, with blobs of `grain` pixels."""
    size = max(grain, 1.0)
    count = int(side / size) + 4
    seeds = rng.standard_normal((count, count), dtype=np.float32)
    scaled = cv2.resize(seeds, (int(count * size) + 1,) * 2, interpolation=cv2.INTER_CUBIC)
    start = int(size)
    return np.asarray(scaled[start : start + side, start : start + side], np.float32)
