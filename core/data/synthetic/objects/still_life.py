"""Paint one coloured, patterned thing on a cluttered ground and photograph it very small."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.synthetic.objects.shapes import COATS, Contours
from core.data.transforms.arrays import FloatImage, Pixels

SIDE = 32
"""Rows and columns of a picture; all lengths here are in its pixels."""

_FINER = 3
"""Things are painted on a canvas this many times finer than the picture, then averaged down."""

_CANVAS = SIDE * _FINER
_SHIFT = 4


@dataclass(frozen=True)
class Thing:
    """What is painted, and where.

    Attributes:
        contours: Its outline, of area 1 around the origin.
        coat: A key of `COATS`.
        hue: 0 to 1, once around the colour wheel from red to red.
        size: Square root of its area.
        place: Its centre, (x, y).
        angle: Radians.
        stretch: Its width relative to its height; the area stays.
    """

    contours: Contours
    coat: str
    hue: float
    size: float
    place: tuple[float, float]
    angle: float = 0.0
    stretch: float = 1.0


def photograph_thing(rng: np.random.Generator, thing: Thing) -> Pixels:
    """Paint ground, clutter, shadow, the thing, now and then something in front of it: ``(32, 32, 3)`` RGB.

    The camera sets its exposure by the finished picture: brightness tells nothing of the colour.
    """
    picture = _render_ground(rng)
    for _ in range(int(rng.integers(3, 8))):
        place = (float(rng.uniform(0.0, SIDE)), float(rng.uniform(0.0, SIDE)))
        _paint(rng, picture, _choose_scrap(rng, place, float(rng.uniform(2.0, 9.0))))
    _paint(rng, picture, thing, solid=True)
    if rng.random() < 0.6:
        heading, far = float(rng.uniform(0.0, 2 * np.pi)), thing.size * float(rng.uniform(0.35, 0.65))
        place = (thing.place[0] + far * np.cos(heading), thing.place[1] + far * np.sin(heading))
        _paint(rng, picture, _choose_scrap(rng, place, thing.size * float(rng.uniform(0.2, 0.4))))
    return _expose(rng, picture)


def _choose_scrap(rng: np.random.Generator, place: tuple[float, float], size: float) -> Thing:
    """A polygon like no class's shape, in any colour and coat."""
    corners = int(rng.integers(3, 8))
    angles, radii = np.sort(rng.uniform(0.0, 2 * np.pi, corners)), rng.uniform(0.5, 1.2, corners)
    contours = (np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1),)
    coat = tuple(COATS)[int(rng.integers(len(COATS)))]
    angle, stretch = float(rng.uniform(0.0, 2 * np.pi)), float(rng.uniform(0.5, 2.0))
    return Thing(contours, coat, float(rng.random()), size, place, angle, stretch)


def _render_ground(rng: np.random.Generator) -> FloatImage:
    """Two pale colours that run into each other, ``(_CANVAS, _CANVAS, 3)``, 0 to 1."""
    x, _ = _build_axes((SIDE / 2, SIDE / 2), float(rng.uniform(0.0, 2 * np.pi)))
    share = np.clip(0.5 + x * np.float32(rng.uniform(0.3, 2.0) / SIDE), 0.0, 1.0)
    colours = [_mix(rng.random(), rng.uniform(0.05, 0.5), rng.uniform(0.4, 1.0)) for _ in range(2)]
    return np.asarray(colours[0] + share[..., None] * (colours[1] - colours[0]), np.float32)


def _paint(rng: np.random.Generator, picture: FloatImage, thing: Thing, *, solid: bool = False) -> None:
    """Lay a thing over the picture, in place; a solid one is rounded by light and throws a shadow."""
    canvas = _draw_outline(thing)
    left, top, width, height = cv2.boundingRect(canvas)
    if width * height == 0:
        return
    cover = np.float32(1 / 255) * canvas
    if solid:
        picture *= _render_shadow(rng, cover)[..., None]
    box = (slice(top, top + height), slice(left, left + width))
    coat = _render_coat(rng, thing, box)
    if solid:
        coat *= _render_roundness(rng, cover)[box][..., None]
    ground = picture[box]
    ground += cover[box][..., None] * (coat - ground)


def _draw_outline(thing: Thing) -> NDArray[np.uint8]:
    cosine, sine = np.cos(thing.angle), np.sin(thing.angle)
    turn = np.array(((cosine, sine), (-sine, cosine)))
    scale = thing.size * np.array((thing.stretch**0.5, thing.stretch**-0.5))
    fixed = [
        np.rint((((points * scale) @ turn + thing.place) * _FINER - 0.5) * (1 << _SHIFT)).astype(np.int32)
        for points in thing.contours
    ]
    canvas = np.zeros((_CANVAS, _CANVAS), np.uint8)
    cv2.fillPoly(canvas, fixed, 255, cv2.LINE_8, _SHIFT)
    return canvas


def _render_coat(rng: np.random.Generator, thing: Thing, box: tuple[slice, slice]) -> FloatImage:
    """Two shades of about the same hue in the coat's pattern, ``(h, w, 3)``; one is clearly lighter."""
    x, y = _build_axes(thing.place, thing.angle)
    share = COATS[thing.coat](rng, x[box], y[box])[..., None]
    dark = float(rng.uniform(0.15, 0.55))
    values = rng.permutation((dark, dark + rng.uniform(0.35, 0.45)))
    hues = (thing.hue, thing.hue + float(rng.uniform(-0.12, 0.12)))
    first, second = (_mix(hue, rng.uniform(0.35, 0.9), value) for hue, value in zip(hues, values, strict=True))
    return np.asarray(first + share * (second - first), np.float32)


def _render_shadow(rng: np.random.Generator, cover: FloatImage) -> FloatImage:
    """The share of light that a thing's shadow leaves, ``(_CANVAS, _CANVAS)``."""
    x, y = rng.uniform(-3.0, 3.0, 2) * _FINER
    moved = cv2.warpAffine(cover, np.array(((1.0, 0.0, x), (0.0, 1.0, y))), (_CANVAS, _CANVAS))
    soft = cv2.GaussianBlur(moved, (0, 0), 1.2 * _FINER)
    return np.asarray(1.0 - np.float32(rng.uniform(0.1, 0.5)) * soft, np.float32)


def _render_roundness(rng: np.random.Generator, cover: FloatImage) -> FloatImage:
    """Lighter on the side of the lamp, darker on the other, ``(_CANVAS, _CANVAS)``."""
    soft = cv2.GaussianBlur(cover, (0, 0), 2.5 * _FINER)
    lamp = float(rng.uniform(0.0, 2 * np.pi))
    slope = np.cos(lamp) * cv2.Sobel(soft, cv2.CV_32F, 1, 0) + np.sin(lamp) * cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    return np.asarray(np.clip(1.0 + rng.uniform(0.4, 1.2) * slope, 0.3, 1.7), np.float32)


def _expose(rng: np.random.Generator, picture: FloatImage) -> Pixels:
    """Average down, light unevenly, blur, set the exposure, add noise."""
    small = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    ramp = np.linspace(-1.0, 1.0, SIDE, dtype=np.float32)
    slope = rng.normal(0.0, 0.2, 2).astype(np.float32)
    small *= (np.exp(slope[0] * ramp)[None, :] * np.exp(slope[1] * ramp)[:, None])[..., None]
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.3, 0.7))), np.float32)
    small *= np.float32(rng.uniform(75.0, 150.0) / max(float(small.mean()), 1e-6))
    small += np.float32(rng.uniform(2.0, 8.0)) * rng.standard_normal(small.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(small), 0, 255), np.uint8)


def _build_axes(place: tuple[float, float], angle: float) -> tuple[FloatImage, FloatImage]:
    """Coordinates of the canvas along a thing's own axes, ``(_CANVAS, _CANVAS)`` each."""
    middles = (np.arange(_CANVAS, dtype=np.float32) + np.float32(0.5)) / np.float32(_FINER)
    x, y = middles[None, :] - np.float32(place[0]), middles[:, None] - np.float32(place[1])
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * x + sine * y, cosine * y - sine * x


def _mix(hue: float, saturation: float, value: float) -> FloatImage:
    """RGB, 0 to 1, of a colour said by hue, saturation and value, each 0 to 1."""
    pixel = np.array([[[hue % 1.0 * 360.0, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float32)
