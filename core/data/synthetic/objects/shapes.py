"""Outlines of ten shapes and patterns of five coats: what tells one synthetic object from another."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import FloatImage

Contours = tuple[NDArray[np.float64], ...]
"""Closed curves, ``(K, 2)`` each; a point is inside where an odd number of them surrounds it."""


def build_outlines() -> dict[str, Contours]:
    """Ten shapes around the origin, each of area 1, so that none is told by its size."""
    disc = _turn(np.ones(40))
    outlines: dict[str, Contours] = {
        "disc": (disc,),
        "ring": (disc, 0.58 * disc),
        "square": (_turn(np.ones(4)),),
        "triangle": (_turn(np.ones(3)),),
        "star": (_turn(np.tile((1.0, 0.42), 5)),),
        "cross": (_mirror([(1, 3), (1, 1), (3, 1), (3, -1), (1, -1), (1, -3)]),),
        "crescent": (_build_crescent(),),
        "heart": (_build_heart(),),
        "arrow": (_mirror([(0, 4), (3, 0.6), (1.1, 0.6), (1.1, -4)]),),
        "hourglass": (_mirror([(2.6, 3), (0.45, 0), (2.6, -3)]),),
    }
    return {name: _normalise(contours) for name, contours in outlines.items()}


def _turn(radii: NDArray[np.float64], start: float = 0.0, stop: float = 2 * np.pi) -> NDArray[np.float64]:
    """Points at the given radii, one after the other around the origin."""
    angles = np.linspace(start, stop, len(radii), endpoint=False)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _mirror(half: list[tuple[float, float]]) -> NDArray[np.float64]:
    """The right half of a curve and its mirror image."""
    right = np.array(half, np.float64)
    return np.concatenate((right, right[::-1] * (-1.0, 1.0)))


def _build_heart() -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    depth = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
    return np.stack([16 * np.sin(turn) ** 3, -depth], axis=1)


def _build_crescent() -> NDArray[np.float64]:
    """A disc less an equal one, 0.75 radii to its right."""
    meeting = np.arccos(0.375)
    outer = _turn(np.ones(40), meeting, 2 * np.pi - meeting)
    inner = _turn(np.ones(20), np.pi + meeting, np.pi - meeting) + np.array((0.75, 0.0))
    return np.concatenate((outer, inner))


def _normalise(contours: Contours) -> Contours:
    """Move the centre of the area to the origin and scale the area to 1; the second curve is a hole."""
    area, centre = 0.0, np.zeros(2)
    for sign, points in zip((1.0, -1.0), contours, strict=False):
        following = np.roll(points, -1, axis=0)
        cross = points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]
        # whichever way round a curve is given, the first one counts as area and the second takes away
        weights = sign * np.sign(cross.sum()) * cross
        area += weights.sum() / 2
        centre += ((points + following) * weights[:, None]).sum(axis=0) / 6
    return tuple((points - centre / area) / np.sqrt(area) for points in contours)


Coat = Callable[[np.random.Generator, FloatImage, FloatImage], FloatImage]
"""Share of the second colour, 0 to 1, at coordinates in pixels along the object's own axes."""


def _wave(rng: np.random.Generator, x: FloatImage, period: float) -> FloatImage:
    return np.asarray(np.sin(np.float32(2 * np.pi / period) * x + np.float32(rng.uniform(0.0, 6.28))), np.float32)


def _harden(level: FloatImage) -> FloatImage:
    return np.asarray(np.clip(0.5 + 2.0 * level, 0.0, 1.0), np.float32)


def _plain(_: np.random.Generator, x: FloatImage, __: FloatImage) -> FloatImage:
    return np.zeros_like(x)


def _striped(rng: np.random.Generator, x: FloatImage, _: FloatImage) -> FloatImage:
    return _harden(_wave(rng, x, float(rng.uniform(4.0, 6.5))))


def _checked(rng: np.random.Generator, x: FloatImage, y: FloatImage) -> FloatImage:
    period = float(rng.uniform(6.5, 9.0))
    return _harden(_wave(rng, x, period) * _wave(rng, y, period))


def _dotted(rng: np.random.Generator, x: FloatImage, y: FloatImage) -> FloatImage:
    period = float(rng.uniform(5.0, 7.0))
    return _harden(_wave(rng, x, period) + _wave(rng, y, period) - 0.7)


def _marbled(rng: np.random.Generator, x: FloatImage, y: FloatImage) -> FloatImage:
    """Veins: a wave bent by smooth noise."""
    noise = rng.standard_normal((7, 7), dtype=np.float32)
    bend = cv2.resize(noise, x.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return _harden(np.sin(np.float32(2.6) * np.asarray(bend, np.float32) + np.float32(0.25) * (x + y)))


COATS: dict[str, Coat] = {
    "plain": _plain,
    "striped": _striped,
    "checked": _checked,
    "dotted": _dotted,
    "marbled": _marbled,
}
