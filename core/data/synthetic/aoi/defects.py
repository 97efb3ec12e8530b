"""What goes wrong on an imaginary part: voids, scratches, chipped edges and particles, painted into a scene."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.synthetic.aoi.surface import COURSE, FINE, SIDE, Scene, draw_course, render_cloud, soft_step
from core.data.transforms.arrays import FloatImage


@dataclass(frozen=True)
class Marks:
    """What defects do to the surface, all ``(SIDE, SIDE)``.

    Attributes:
        tone: Added to the logarithm of reflectance.
        relief: Height in pixels; its slopes towards the lamp are bright, those away from it dark.
        damage: ``(COURSE,)``, added to the course of the first edge; zero where it is sound.
    """

    tone: FloatImage
    relief: FloatImage
    damage: FloatImage


@dataclass(frozen=True)
class _Window:
    """A square part of the picture around a place, with polar coordinates."""

    rows: slice
    columns: slice
    x: FloatImage
    y: FloatImage

    @property
    def distance(self) -> FloatImage:
        return np.hypot(self.x, self.y)

    @property
    def angle(self) -> FloatImage:
        return np.arctan2(self.y, self.x)


def build_marks() -> Marks:
    """Nothing wrong yet."""
    flat = np.zeros((SIDE, SIDE), np.float32)
    return Marks(flat, flat.copy(), np.zeros(COURSE, np.float32))


def add_void(rng: np.random.Generator, scene: Scene, marks: Marks) -> None:
    """A hole with a raised rim, most often darker than the surface, often with pores around it."""
    radius = float(rng.uniform(9.0, 21.0))
    place = _choose_place(rng, scene, margin=1.3 * radius)
    tone = float(rng.uniform(0.35, 0.8)) * (-1.0 if rng.random() < 0.7 else 0.7)
    _add_hole(rng, marks, place, radius, tone)
    for _ in range(int(rng.integers(0, 6))):
        step = float(rng.uniform(1.3, 2.0)) * radius
        heading = float(rng.uniform(0.0, 2 * np.pi))
        pore = (place[0] + step * np.cos(heading), place[1] + step * np.sin(heading))
        _add_hole(rng, marks, pore, float(rng.uniform(0.12, 0.3)) * radius, tone)


def add_line(rng: np.random.Generator, scene: Scene, marks: Marks, *, vertical: bool) -> None:
    """A scratch along one axis of the picture: it wavers, breaks and fades, lighter or darker than the surface."""
    tone, relief = (marks.tone.T, marks.relief.T) if vertical else (marks.tone, marks.relief)
    along, across = _choose_place(rng, scene, margin=10.0)[:: -1 if vertical else 1]
    x = np.arange(SIDE, dtype=np.float32)
    slope = np.float32(np.tan(np.deg2rad(rng.normal(0.0, 1.8))))
    waver = np.float32(rng.uniform(0.3, 2.2)) * draw_course(rng, SIDE, float(rng.uniform(18.0, 60.0)))
    course = np.float32(across) + slope * (x - np.float32(along)) + waver
    strength = _choose_strength(rng, x - np.float32(along))
    width = np.float32(rng.uniform(0.8, 2.1)) * np.exp(0.3 * draw_course(rng, SIDE, 20.0))
    profile = np.exp(-0.5 * ((x[:, None] - course) / width) ** 2) * strength
    tone += np.float32(rng.uniform(0.35, 0.8) * rng.choice((-1.0, 1.0))) * profile
    relief -= np.float32(rng.uniform(0.2, 0.9)) * profile


def _choose_strength(rng: np.random.Generator, x: FloatImage) -> FloatImage:
    """How deep a scratch is along its course, about 0 to 1: where it ends, breaks and skips."""
    half, fade = np.float32(rng.uniform(50.0, 140.0)), np.float32(rng.uniform(2.0, 14.0))
    ends = soft_step((half - np.abs(x)) / fade)
    breaks = soft_step((draw_course(rng, SIDE, float(rng.uniform(8.0, 25.0))) + 0.75) / 0.3)
    skips = 1.0 + 0.35 * draw_course(rng, SIDE, 14.0) + 0.25 * draw_course(rng, SIDE, 2.5)
    return np.asarray(ends * breaks * skips, np.float32)


def add_chips(rng: np.random.Generator, scene: Scene, marks: Marks) -> None:
    """Damage of the first edge: one to three bites broken out of it, or burrs that stand out."""
    along = np.arange(COURSE, dtype=np.float32) / FINE - 32
    visible = _find_visible(scene)
    for index in range(int(rng.integers(1, 4))):
        centre = float(rng.choice(visible))
        wide = float(rng.uniform(9.0, 22.0) if index == 0 else rng.uniform(3.0, 10.0))
        deep = float(rng.uniform(0.4, 0.9)) * wide * (1.0 if rng.random() < 0.75 else -0.5)
        knots = np.linspace(-1.0, 1.0, int(rng.integers(5, 9)))
        heights = np.concatenate(([0.0], rng.uniform(0.45, 1.0, len(knots) - 2), [0.0]))
        bite = np.interp((along - centre) / wide, knots, heights, left=0.0, right=0.0)
        rough = 1.0 + 0.12 * draw_course(rng, COURSE, 4.0 * FINE)
        np.add(marks.damage, deep * bite * rough, out=marks.damage, casting="same_kind")


def _find_visible(scene: Scene) -> NDArray[np.intp]:
    """Pixels along the first edge where it is the outline and well inside the picture; a corner cuts it short."""
    edge = scene.edges[0]
    outline = (np.abs(scene.measure()) < 1.0) & (np.abs(edge.measure()) < 1.0)
    places = np.nonzero(np.rot90(outline, -edge.side))[0]
    visible: NDArray[np.intp] = places[(places > 20) & (places < SIDE - 20)]
    return visible


def add_particles(rng: np.random.Generator, scene: Scene, marks: Marks) -> None:
    """A few specks that lie on the surface: each has a lit and a dark side and throws a shadow."""
    tone = float(rng.uniform(0.15, 0.6)) * float(rng.choice((-1.0, 1.0)))
    for _ in range(int(rng.integers(2, 7))):
        radius = float(rng.uniform(2.2, 5.0))
        place = _choose_place(rng, scene, margin=3.0 * radius)
        window = _build_window(place, 5.0 * radius)
        body = soft_step((1.0 - window.distance / _outline(rng, window, radius, 0.2)) * np.float32(radius))
        away = -float(rng.uniform(1.0, 2.0)) * radius
        from_shadow = np.hypot(window.x - np.float32(away * scene.lamp[0]), window.y - np.float32(away * scene.lamp[1]))
        shadow = np.exp(-((from_shadow / np.float32(1.15 * radius)) ** 2)) * (1.0 - body)
        marks.tone[window.rows, window.columns] += np.float32(tone) * body - np.float32(0.5) * shadow
        marks.relief[window.rows, window.columns] += np.float32(0.9 * radius) * body


def _add_hole(rng: np.random.Generator, marks: Marks, place: tuple[float, float], radius: float, tone: float) -> None:
    window = _build_window(place, 2.0 * radius + 3)
    ratio = window.distance / _outline(rng, window, radius, 0.14)
    inside = soft_step((1.0 - ratio) * np.float32(max(radius / 2.5, 1.2)))
    rim = np.exp(-(((ratio - 1.18) / 0.16) ** 2))
    floor = 1.0 + 0.35 * render_cloud(rng, 5.0)[window.rows, window.columns]
    marks.tone[window.rows, window.columns] += np.float32(tone) * inside * floor + np.float32(0.12) * rim
    marks.relief[window.rows, window.columns] += np.float32(1.3) * rim - np.float32(2.2) * inside


def _outline(rng: np.random.Generator, window: _Window, radius: float, roughness: float) -> FloatImage:
    """Radius of an uneven closed curve in the direction of every pixel."""
    outline = np.ones_like(window.x)
    for order in (2, 3, 4, 6):
        amount, phase = float(rng.normal(0.0, 2 * roughness / order)), float(rng.uniform(0.0, 2 * np.pi))
        outline += np.float32(amount) * np.cos(order * window.angle + np.float32(phase))
    return np.float32(radius) * np.maximum(outline, np.float32(0.4))


def _build_window(place: tuple[float, float], reach: float) -> _Window:
    """The pixels within `reach` of a place (x, y) along both axes."""
    spans = [slice(max(0, int(value - reach)), min(SIDE, int(value + reach) + 2)) for value in place]
    x, y = (
        np.arange(span.start, span.stop, dtype=np.float32) - np.float32(value)
        for span, value in zip(spans, place, strict=True)
    )
    x, y = np.meshgrid(x, y)
    return _Window(spans[1], spans[0], x, y)


def _choose_place(rng: np.random.Generator, scene: Scene, margin: float) -> tuple[float, float]:
    """A pixel (x, y) of the part, at least the margin away from its edge and from the picture's border."""
    inset = int(margin) + 1
    inner = scene.measure()[inset:-inset, inset:-inset] > margin
    chosen = int(rng.choice(np.flatnonzero(inner)))
    return float(chosen % inner.shape[1] + inset), float(chosen // inner.shape[1] + inset)


def render_shading(scene: Scene, marks: Marks) -> FloatImage:
    """Logarithm of what the relief's slopes do to the brightness, ``(SIDE, SIDE)``."""
    across = cv2.Sobel(marks.relief, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    down = cv2.Sobel(marks.relief, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    slope = -(scene.lamp[0] * across + scene.lamp[1] * down)
    return np.asarray(0.6 * np.tanh(1.2 * slope), np.float32)
