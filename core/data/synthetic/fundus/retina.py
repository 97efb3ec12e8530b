"""Colour the retina behind the vessels: pigment, choroid, macula, optic disc, small lesions and uneven light."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.synthetic.fundus.vessel_tree import Anatomy
from core.data.transforms.arrays import FloatImage

_ORANGE = (0.82, 0.42, 0.19)
_RED = (0.78, 0.28, 0.12)
_BROWN = (0.60, 0.34, 0.19)
_MELANIN = (0.55, 1.0, 0.8)
"""How strongly pigment darkens red, green and blue, relative to green."""


@dataclass(frozen=True)
class Eye:
    """The geometry of one photograph.

    Attributes:
        height: Rows of the picture.
        width: Columns of the picture.
        radius: Radius of the round field of view in pixels.
        side: 1 where the temporal side is on the right (the disc on the left), else -1.
        anatomy: Disc and fovea, in radii of the field of view.
    """

    height: int
    width: int
    radius: float
    side: int
    anatomy: Anatomy

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn (K, 2) anatomical coordinates into (x, y) pixel coordinates, (K, 2)."""
        centre = ((self.width - 1) / 2, (self.height - 1) / 2)
        return points * (self.side * self.radius, self.radius) + centre

    def build_grid(self) -> tuple[FloatImage, FloatImage]:
        """Anatomical x and y of every pixel, as (1, W) and (H, 1)."""
        x = self.side * (np.arange(self.width) - (self.width - 1) / 2) / self.radius
        y = (np.arange(self.height) - (self.height - 1) / 2) / self.radius
        return x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]


def choose_eye(rng: np.random.Generator, height: int, width: int) -> Eye:
    """Draw a left or a right eye whose disc lies near the nasal border, the macula near the middle."""
    disc = (float(rng.uniform(-0.72, -0.5)), float(rng.uniform(-0.08, 0.08)))
    fovea = (disc[0] + float(rng.uniform(0.64, 0.76)), disc[1] + float(rng.uniform(0.0, 0.1)))
    side = 1 if rng.random() < 0.5 else -1
    return Eye(height, width, 0.478 * min(height, width), side, Anatomy(disc, fovea))


def render_retina(rng: np.random.Generator, eye: Eye) -> FloatImage:
    """Paint the fundus without its retinal vessels, in even light: (3, H, W) RGB, about 0 to 1."""
    x, y = eye.build_grid()
    pigment = _render_pigment(rng, eye, x, y)
    shades = zip(_choose_colour(rng), _MELANIN, strict=True)
    picture: FloatImage = np.stack([colour * np.exp(-dark * pigment) for colour, dark in shades])
    _add_nerve_fibres(rng, eye, picture, x, y)
    _add_disc(rng, eye, picture, x, y)
    if rng.random() < 0.4:
        _add_lesions(rng, eye, picture)
    return picture


def render_light(rng: np.random.Generator, eye: Eye) -> FloatImage:
    """Uneven illumination and vignetting, (H, W): about 1 in the middle, falling off to the rim."""
    x, y = eye.build_grid()
    slope_x, slope_y = rng.normal(0.0, 0.11, 2).astype(np.float32)
    distance = x * x + y * y
    fall = np.float32(rng.uniform(0.3, 0.65)) * distance * np.sqrt(distance)
    glow = np.float32(0.07) * render_cloud(rng, eye, 0.7)
    light: FloatImage = np.exp(slope_x * x + slope_y * y + glow - fall)
    return light


def render_cloud(rng: np.random.Generator, eye: Eye, grain: float) -> FloatImage:
    """Smooth noise, (H, W), of mean 0 and variance about 0.5; `grain` is its blob size in radii of the view."""
    size = max(grain * eye.radius, 1.0)
    rows, columns = int(eye.height / size) + 4, int(eye.width / size) + 4
    seeds = rng.standard_normal((rows, columns), dtype=np.float32)
    scaled = cv2.resize(seeds, (int(columns * size) + 1, int(rows * size) + 1), interpolation=cv2.INTER_CUBIC)
    top, left = int(size), int(size)
    cloud: FloatImage = scaled[top : top + eye.height, left : left + eye.width].astype(np.float32, copy=False)
    return cloud


def _choose_colour(rng: np.random.Generator) -> list[float]:
    """A mixture of orange, red and brown fundi, each channel a little off."""
    weights = rng.dirichlet((1.6, 0.8, 0.7))
    colour = weights @ np.array((_ORANGE, _RED, _BROWN))
    return _vary(rng, colour.tolist(), 0.05)


def _vary(rng: np.random.Generator, colour: Sequence[float], spread: float) -> list[float]:
    return [channel * float(rng.normal(1.0, spread)) for channel in colour]


def _render_pigment(rng: np.random.Generator, eye: Eye, x: FloatImage, y: FloatImage) -> FloatImage:
    """Optical density on green, (H, W): blotches, choroidal vessels (lighter bands) and the dark macula."""
    mottling = float(rng.uniform(0.5, 1.4))
    density = np.zeros((eye.height, eye.width), np.float32)
    for grain, amount in ((0.32, 0.09), (0.1, 0.05), (0.035, 0.025), (0.013, 0.03)):
        density += np.float32(amount * mottling) * render_cloud(rng, eye, grain)
    fovea = eye.anatomy.fovea
    from_fovea = (x - fovea[0]) ** 2 + (y - fovea[1]) ** 2
    choroid = float(rng.uniform(0.0, 0.13)) * (1.0 - np.exp(-from_fovea / 0.25))
    for grain in (0.17, 0.11):
        density -= choroid * np.exp(-((render_cloud(rng, eye, grain) / 0.3) ** 2))
    wide, deep = float(rng.uniform(0.16, 0.24)), float(rng.uniform(0.25, 0.5))
    density += deep * np.exp(-from_fovea / wide**2) + 0.14 * np.exp(-from_fovea / 0.045**2)
    return density


def _add_nerve_fibres(rng: np.random.Generator, eye: Eye, picture: FloatImage, x: FloatImage, y: FloatImage) -> None:
    """The pale sheen of the nerve fibre layer: fine stripes that fan out above and below the disc."""
    u, v = x - eye.anatomy.disc[0], y - eye.anatomy.disc[1]
    distance, angle = np.hypot(u, v), np.arctan2(v, u) + np.float32(np.pi)
    stripes = cv2.GaussianBlur(rng.standard_normal((1, 721), dtype=np.float32), (0, 0), 1.2)[0]
    pattern = 0.6 + stripes[(angle * np.float32(720 / (2 * np.pi))).astype(np.intp)]
    sheen = np.exp(-(((distance - 0.3) / 0.22) ** 2)) * np.sin(angle) ** 2 * pattern
    sheen *= np.float32(rng.uniform(0.0, 0.07))
    for index, amount in enumerate((0.5, 1.0, 0.8)):
        picture[index] += amount * sheen


def _add_disc(rng: np.random.Generator, eye: Eye, picture: FloatImage, x: FloatImage, y: FloatImage) -> None:
    """The optic disc: an oval of soft rim with a paler cup, often a pigmented crescent beside it."""
    size = float(rng.uniform(0.135, 0.165))
    u, v = (x - eye.anatomy.disc[0]) / (0.92 * size), (y - eye.anatomy.disc[1]) / size
    ripple = np.float32(0.04) * render_cloud(rng, eye, 0.06)
    distance = np.sqrt(u * u + v * v) + ripple
    cup_distance = np.sqrt((u - 0.12) ** 2 + v * v) + ripple
    crescent = float(rng.uniform(0.0, 0.35)) * np.exp(-(((distance - 1.12) / 0.1) ** 2)) * np.clip(u, 0.0, 1.0)
    halo = 0.1 * np.exp(-(((distance - 1.0) / 0.7) ** 2))
    for index, dark in enumerate(_MELANIN):
        picture[index] *= np.exp(dark * (halo - crescent))
    rim_colour = _vary(rng, (0.97, 0.68, 0.36), 0.03)
    cup_colour = _vary(rng, (1.04, 0.90, 0.55), 0.03)
    paleness = np.float32(0.82) + np.float32(0.1) * np.clip(u, -1.0, 1.0)
    _blend(picture, rim_colour, paleness * _soft_step((1.0 - distance) / float(rng.uniform(0.07, 0.15))))
    _blend(picture, cup_colour, 0.8 * _soft_step((float(rng.uniform(0.35, 0.6)) - cup_distance) / 0.16))


def _add_lesions(rng: np.random.Generator, eye: Eye, picture: FloatImage) -> None:
    """A few things that are no vessels: tiny haemorrhages (dark red) and exudates (pale yellow)."""
    kinds = (((0.50, 0.16, 0.10), 0.65, 0.008), ((0.95, 0.80, 0.45), 0.6, 0.006))
    for colour, opacity, size in kinds:
        spots = np.zeros((eye.height, eye.width), np.float32)
        middle = rng.uniform(-0.55, 0.55, 2)
        for _ in range(int(rng.integers(0, 7))):
            place = eye.to_pixels((middle + rng.normal(0.0, 0.16, 2))[None])[0]
            axes = np.maximum(size * eye.radius * rng.uniform(0.5, 1.6, 2), 0.6)
            box = (tuple(place.tolist()), tuple((2.0 * axes).tolist()), float(rng.uniform(0.0, 180.0)))
            cv2.ellipse(spots, box, 1.0, cv2.FILLED, cv2.LINE_8)
        blurred = np.asarray(cv2.GaussianBlur(spots, (0, 0), 0.8), np.float32)
        _blend(picture, colour, opacity * blurred)


def _soft_step(distance: FloatImage) -> FloatImage:
    step: FloatImage = np.float32(0.5) * (np.float32(1.0) + np.tanh(distance))
    return step


def _blend(picture: FloatImage, colour: Sequence[float], opacity: FloatImage) -> None:
    for index, value in enumerate(colour):
        picture[index] += opacity * (value - picture[index])
