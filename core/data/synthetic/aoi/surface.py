"""The sound part of an imaginary inspection picture: surface, stains, light, and the edge where the part ends."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from core.data.transforms.arrays import FloatImage

SIDE = 224
"""Rows and columns of a picture in pixels; all lengths here are in pixels."""

FINE = 4
"""Samples of an edge's course per pixel."""

COURSE = FINE * (SIDE + 64)
"""Samples of an edge's course: the picture and 32 pixels on either side, so that a tilted edge is known all along."""


@dataclass(frozen=True)
class Edge:
    """One straight edge of the part.

    Attributes:
        side: Counter-clockwise quarter turns that bring the edge to the left of the picture, 0 to 3.
        distance: From the picture's border to the middle of the edge.
        tilt: Radians.
        course: ``(COURSE,)``, how far the edge lies inside the straight line, along it.
    """

    side: int
    distance: float
    tilt: float
    course: FloatImage

    def measure(self, damage: FloatImage | None = None) -> FloatImage:
        """Return how deep inside the part each pixel lies, ``(SIDE, SIDE)``; negative beyond the edge.

        Args:
            damage: ``(COURSE,)``, added to the course: above 0 a bite, below 0 a burr.
        """
        middle = np.float32((SIDE - 1) / 2)
        across = np.arange(SIDE, dtype=np.float32)[None, :] - np.float32(self.distance)
        along = np.arange(SIDE, dtype=np.float32)[:, None] - middle
        cosine, sine = np.float32(np.cos(self.tilt)), np.float32(np.sin(self.tilt))
        place = cosine * along + sine * across + middle
        course = self.course if damage is None else self.course + damage
        sample = np.clip((place + 32) * FINE, 0, COURSE - 1).astype(np.intp)
        depth = cosine * across - sine * along - course[sample]
        return np.ascontiguousarray(np.rot90(depth, self.side))


@dataclass(frozen=True)
class Scene:
    """All that a picture shows before anything goes wrong; it knows of no class.

    Attributes:
        tone: Texture and stains as the logarithm of reflectance, ``(SIDE, SIDE)``.
        light: Uneven illumination, about 1, ``(SIDE, SIDE)``.
        beyond: What lies beyond the edge, as brightness relative to the part, ``(SIDE, SIDE)``.
        edges: One edge, or two that meet in a corner.
        lamp: Unit vector (x, y) in the picture that points to the lamp.
        bevel: Width of the edge's bevel and the logarithm of how much brighter it is.
    """

    tone: FloatImage
    light: FloatImage
    beyond: FloatImage
    edges: tuple[Edge, ...]
    lamp: tuple[float, float]
    bevel: tuple[float, float]

    def measure(self, damage: FloatImage | None = None) -> FloatImage:
        """Return how deep inside the part each pixel lies; the damage is done to the first edge."""
        depth = self.edges[0].measure(damage)
        for edge in self.edges[1:]:
            depth = np.minimum(depth, edge.measure())
        return depth


def build_scene(rng: np.random.Generator) -> Scene:
    """Draw a part of one of three materials, with at least one sound edge in the picture."""
    # The lamp of an inspection machine stays where it is, above and to the left, give or take.
    towards = float(rng.normal(np.deg2rad(225), np.deg2rad(20)))
    texture = _TEXTURES[int(rng.integers(len(_TEXTURES)))](rng)
    return Scene(
        tone=texture + _render_stains(rng),
        light=_render_light(rng),
        beyond=_render_beyond(rng),
        edges=_choose_edges(rng),
        lamp=(float(np.cos(towards)), float(np.sin(towards))),
        bevel=(float(rng.uniform(2.0, 6.0)), float(rng.uniform(0.15, 0.5) * rng.choice((-1.0, 1.0)))),
    )


def render_cloud(rng: np.random.Generator, grain: float) -> FloatImage:
    """Smooth noise of mean 0 and variance about 0.5, ``(SIDE, SIDE)``; `grain` is the size of its blobs."""
    coarse = int(SIDE / grain) + 4
    # One side's interpolation as a matrix: enlarging a few large blobs whole, to cut the picture out, is far slower.
    stretch = cv2.resize(np.eye(coarse, dtype=np.float32), None, fx=1, fy=grain, interpolation=cv2.INTER_CUBIC)
    stretch = stretch[int(grain) : int(grain) + SIDE]
    return np.asarray(stretch @ rng.standard_normal((coarse, coarse), dtype=np.float32) @ stretch.T, np.float32)


def draw_course(rng: np.random.Generator, samples: int, wavelength: float) -> FloatImage:
    """Smooth noise of mean 0 and variance about 0.5 along a line, ``(samples,)``; `wavelength` in samples."""
    knots = rng.standard_normal((1, int(samples / wavelength) + 4), dtype=np.float32)
    scaled = cv2.resize(knots, None, fx=wavelength, fy=1, interpolation=cv2.INTER_CUBIC)[0]
    start = int(wavelength)
    return np.asarray(scaled[start : start + samples], np.float32)


def soft_step(distance: FloatImage) -> FloatImage:
    """From 0 to 1 around 0, over about 2."""
    return np.asarray(0.5 + 0.5 * np.tanh(distance), np.float32)


def _render_rolled(rng: np.random.Generator) -> FloatImage:
    """Rolled or brushed metal: streaks along one axis of the picture, a few degrees off."""
    size = SIDE + 40
    streaks = np.zeros((size, size), np.float32)
    for thickness, length, amount in ((0.6, 61, 0.05), (1.3, 141, 0.045), (5.0, 201, 0.035)):
        noise = rng.standard_normal((size, size), dtype=np.float32)
        drawn = cv2.blur(cv2.GaussianBlur(noise, (1, 0), 0.1, sigmaY=thickness), (length, 1))
        streaks += np.float32(amount * rng.uniform(0.5, 1.4)) * drawn / drawn.std()
    angle = float(rng.normal(0.0, 2.0)) + 90.0 * float(rng.integers(2))
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), angle, 1.0)
    turned = cv2.warpAffine(streaks, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turned[20 : 20 + SIDE, 20 : 20 + SIDE], np.float32)


def _render_panel(rng: np.random.Generator) -> FloatImage:
    """A display panel: a grid of cells, and the moiré it makes with the grid of the sensor."""
    angle = np.deg2rad(float(rng.normal(0.0, 2.0)))
    periods = rng.uniform(3.2, 9.0) * np.array((1.0, rng.choice((1.0, 1.5, 2.0))))
    if rng.random() < 0.5:
        periods = periods[::-1]
    texture = np.zeros((SIDE, SIDE), np.float32)
    waves = []
    for period, heading in zip(periods, (angle, angle + np.pi / 2), strict=True):
        waves.append(_render_wave(1.0 / float(period), float(heading), float(rng.uniform(0.0, 6.28))))
        beat = _render_wave(float(rng.uniform(0.006, 0.03)), float(rng.uniform(0.0, 3.14)), 0.0)
        texture += np.float32(rng.uniform(0.03, 0.1)) * waves[-1] * (1.0 + np.float32(rng.uniform(0.0, 0.6)) * beat)
        texture += np.float32(rng.uniform(0.0, 0.03)) * beat
    texture += np.float32(rng.uniform(0.0, 0.08)) * waves[0] * waves[1]
    return texture + np.float32(0.03) * render_cloud(rng, 3.0)


def _render_blasted(rng: np.random.Generator) -> FloatImage:
    """Blasted or cast metal: fine bumps that catch the light, and a mottled tone."""
    grain = float(rng.uniform(1.6, 3.6))
    bumps = render_cloud(rng, grain) + np.float32(0.7) * render_cloud(rng, 2.2 * grain)
    slope = np.asarray(cv2.Sobel(bumps, cv2.CV_32F, 1, 0) + cv2.Sobel(bumps, cv2.CV_32F, 0, 1), np.float32)
    texture = np.float32(rng.uniform(0.05, 0.12)) * slope / slope.std()
    texture += np.float32(rng.uniform(0.02, 0.06)) * render_cloud(rng, 9.0)
    return np.asarray(texture, np.float32)


_TEXTURES: tuple[Callable[[np.random.Generator], FloatImage], ...] = (_render_rolled, _render_panel, _render_blasted)


def _render_wave(frequency: float, heading: float, phase: float) -> FloatImage:
    """A plane cosine, ``(SIDE, SIDE)``, by its two factors, because that is far cheaper."""
    ramp = 2j * np.pi * frequency * np.arange(SIDE)
    columns, rows = np.exp(ramp * np.cos(heading) + 1j * phase), np.exp(ramp * np.sin(heading))
    wave = np.outer(rows.real, columns.real) - np.outer(rows.imag, columns.imag)
    return wave.astype(np.float32)


def _render_stains(rng: np.random.Generator) -> FloatImage:
    """Blotches of oil or water that are no defect: soft, wide, darker or lighter."""
    stains = np.float32(rng.uniform(0.02, 0.07)) * render_cloud(rng, 45.0)
    for _ in range(int(rng.integers(0, 3))):
        level = render_cloud(rng, float(rng.uniform(28.0, 60.0))) - np.float32(rng.uniform(0.5, 1.0))
        amount = np.float32(rng.uniform(0.06, 0.2) * rng.choice((-1.0, 1.0)))
        stains += amount * soft_step(level / np.float32(rng.uniform(0.1, 0.4)))
    return stains


def _render_light(rng: np.random.Generator) -> FloatImage:
    """A slope, a hot spot and a slow unevenness."""
    x = np.linspace(-1.0, 1.0, SIDE, dtype=np.float32)[None, :]
    y = x.T
    slope = rng.normal(0.0, 0.13, 2).astype(np.float32)
    centre = rng.uniform(-1.2, 1.2, 2).astype(np.float32)
    wide = np.float32(rng.uniform(0.5, 1.3))
    spot = np.exp(-((x - centre[0]) ** 2) / wide) * np.exp(-((y - centre[1]) ** 2) / wide)
    density = slope[0] * x + slope[1] * y + np.float32(rng.uniform(0.0, 0.35)) * spot
    return np.asarray(np.exp(density + np.float32(0.05) * render_cloud(rng, 80.0)), np.float32)


def _render_beyond(rng: np.random.Generator) -> FloatImage:
    """The tray under the part: dark, or lit from behind, out of focus."""
    level = rng.uniform(0.06, 0.4) if rng.random() < 0.6 else rng.uniform(1.5, 2.1)
    mottle = np.float32(rng.uniform(0.01, 0.05)) * render_cloud(rng, float(rng.uniform(20.0, 60.0)))
    return np.asarray(np.float32(level) * np.exp(mottle), np.float32)


def _choose_edges(rng: np.random.Generator) -> tuple[Edge, ...]:
    side = int(rng.integers(4))
    sides = [side] if rng.random() < 0.7 else [side, (side + int(rng.choice((1, 3)))) % 4]
    return tuple(_choose_edge(rng, side) for side in sides)


def _choose_edge(rng: np.random.Generator, side: int) -> Edge:
    wave = np.float32(rng.uniform(0.2, 0.8)) * draw_course(rng, COURSE, 60.0 * FINE)
    saw = np.float32(rng.uniform(0.1, 0.5)) * draw_course(rng, COURSE, 2.5 * FINE)
    return Edge(side, float(rng.uniform(18.0, 60.0)), float(np.deg2rad(rng.normal(0.0, 1.8))), wave + saw)
