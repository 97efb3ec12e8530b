"""Synthetic photographs of household things, a folder for each class: lets pre-training run without real pictures.

They stand before the paper of a studio, as in a catalogue. As with real things, a class has a shape and a usual make:
what it is mostly made of has one kind of pattern, coarse or fine, which one or two classes share, and a hue from a
third of the colour circle, which overlaps those of most classes. Neither suffices. The other materials, the paper, the
light, the place and the length of the thing's longer side are drawn from the same distributions for every class.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data.new_folder import fill_new_folder
from core.data.synthetic.household.shapes import CLASSES, LYING, Sketch, sketch_object
from core.data.transforms.arrays import FloatImage, Mask, Pixels
from core.errors import UserError

_FINER = 3
"""Shapes are painted on a canvas this many times finer than the picture, then averaged down."""

_SHIFT = 4
_MATERIALS = (1, 2, 3)
_ANY_STEPS = (5.0, 18.0)
_STEPS = ((6.0, 8.0), (10.0, 13.0), (17.0, 24.0))
"""Fine, middling and coarse patterns, pixels."""
_HUE_STEP, _HUE_SPREAD = 0.618034 * 360, 60.0
"""Degrees from the middle of one class' hues to the next one's, and to either side of it."""
_ROUNDS, _TEST_ROUND = 5, 1
"""Of every five rounds through the classes the second is for testing."""


@dataclass(frozen=True)
class Scene:
    """One photograph and the thing on it.

    Attributes:
        image: The photograph, (H, W, 3) RGB.
        shape: Where the thing is, (H, W).
    """

    image: Pixels
    shape: Mask


@dataclass(frozen=True)
class Make:
    """What things of a class are mostly made of.

    Attributes:
        pattern: Which kind; plain is nobody's own.
        steps: Range of the pattern's period, pixels.
        hue: Middle of its hues, degrees.
    """

    pattern: int
    steps: tuple[float, float]
    hue: float


def make_of(name: str) -> Make:
    """Return what things of a class are mostly made of."""
    number = list(CLASSES).index(name)
    kinds = len(_PATTERNS) - 1
    return Make(1 + number % kinds, _STEPS[number // kinds % len(_STEPS)], number * _HUE_STEP % 360)


def write_scenes(folder: Path, *, n: int = 1000, seed: int = 0, classes: int = 20) -> None:
    """Write `n` pictures as `train/<class>/<number>.jpg` and `test/<class>/<number>.jpg`, each class equally often.

    Of every five pictures of a class the second is for testing. Picture k depends on `seed`, `classes` and k alone. The
    data set appears under `folder` only when it is complete.

    Args:
        folder: New or empty.
        n: Pictures; at least two of each class.
        seed: Start of all chance.
        classes: 2 to 20, the first of them by name.

    Raises:
        UserError: When the number of classes or of pictures does not fit, or the folder already holds something.
    """
    if not 2 <= classes <= len(CLASSES):
        raise UserError(f"{classes} classes of household things were asked for; give 2 to {len(CLASSES)}.")
    if n < 2 * classes:
        raise UserError(f"{n} pictures are too few for {classes} classes; give at least {2 * classes}, 2 of each.")
    names = list(CLASSES)[:classes]
    with fill_new_folder(folder) as unfinished:
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            name, part = names[index % classes], "test" if index // classes % _ROUNDS == _TEST_ROUND else "train"
            path = unfinished / part / name / f"{index:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_scene(name, np.random.default_rng(sequence)).image).save(path, quality=92)


def draw_scene(name: str, rng: np.random.Generator) -> Scene:
    """Draw a thing of this class somewhere, 96 to 128 pixels high and wide.

    Args:
        name: One of :data:`core.data.synthetic.household.shapes.CLASSES`.
        rng: The only source of chance: the same state gives the same picture.
    """
    height, width = (int(side) for side in rng.integers(96, 129, 2))
    labels = _paint(sketch_object(name, rng), _choose_view(name, rng), (height, width), rng)
    alphas = [_average_down(labels == material) for material in _MATERIALS]
    shape: FloatImage = np.sum(alphas, axis=0, dtype=np.float32)
    picture = _render_backdrop(rng, height, width)
    picture = _cast_shadow(rng, picture, shape)
    picture = _render_thing(rng, picture, alphas, shape, make_of(name))
    return Scene(_photograph(rng, picture), shape > 0.5)


def _choose_view(name: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where the thing is seen from: a 3×3 matrix on points of the sketch, before size and place are known."""
    angle = rng.uniform(-math.pi, math.pi) if name in LYING else rng.normal(0, 0.2)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    foreshorten = np.diag([mirror * rng.uniform(0.7, 1.0), rng.uniform(0.75, 1.0), 1.0])
    lean = np.array([[1, rng.uniform(-0.2, 0.2), 0], [rng.uniform(-0.15, 0.15), 1, 0], [0, 0, 1]])
    recede = np.eye(3)
    recede[2, :2] = rng.uniform(-0.22, 0.22, 2)
    matrix: NDArray[np.float64] = recede @ turn @ lean @ foreshorten
    return matrix


def _paint(
    sketch: Sketch, view: NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Paint the material of each cell of the fine canvas, 0 where nothing is."""
    height, width = size
    seen = [_project(outline, view) for outline, _ in sketch.parts]
    every = np.concatenate(seen)
    low, high = every.min(axis=0), every.max(axis=0)
    extent = high - low
    scale = rng.uniform(0.75, 1.0) * min(width / extent[0], height / extent[1])
    room = np.array([width, height]) - scale * extent
    corner = room * rng.uniform(0, 1, 2)
    canvas = np.zeros((height * _FINER, width * _FINER), np.uint8)
    for outline, (_, material) in zip(seen, sketch.parts, strict=True):
        points = ((outline - low) * scale + corner) * _FINER
        cv2.fillPoly(canvas, [np.rint(points * (1 << _SHIFT)).astype(np.int32)], material, cv2.LINE_8, _SHIFT)
    return canvas


def _project(outline: NDArray[np.float64], view: NDArray[np.float64]) -> NDArray[np.float64]:
    points = np.column_stack([outline, np.ones(len(outline))]) @ view.T
    flat: NDArray[np.float64] = points[:, :2] / points[:, 2:]
    return flat


def _average_down(cells: Mask) -> FloatImage:
    """The share of each pixel's cells that are on, (H, W)."""
    size = (cells.shape[1] // _FINER, cells.shape[0] // _FINER)
    small = cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _choose_colour(rng: np.random.Generator, middle: float | None = None) -> FloatImage:
    """Any colour, or one of a hue about this, pale ones more often than glaring ones, (3,), 0 to 1."""
    hue = rng.uniform(0, 360) if middle is None else (middle + rng.uniform(-_HUE_SPREAD, _HUE_SPREAD)) % 360
    saturation, value = rng.beta(1.2, 1.6), rng.uniform(0.12, 1.0)
    colour = cv2.cvtColor(np.array([[[hue, saturation, value]]], np.float32), cv2.COLOR_HSV2RGB)
    return np.asarray(colour, np.float32).reshape(3)


def _choose_unlike(rng: np.random.Generator, other: FloatImage, middle: float | None = None) -> FloatImage:
    """A colour that can be told from another one."""
    colours = [_choose_colour(rng, middle) for _ in range(3)]
    return max(colours, key=lambda colour: float(np.abs(colour - other).sum()))


def _render_cloud(rng: np.random.Generator, height: int, width: int, grain: float) -> FloatImage:
    """Smooth noise, (H, W), about −1 to 1; `grain` is the size of its blobs in pixels."""
    seeds = rng.uniform(-1, 1, (max(2, round(height / grain)), max(2, round(width / grain)))).astype(np.float32)
    return np.asarray(cv2.resize(seeds, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _render_pattern(
    rng: np.random.Generator, height: int, width: int, kind: int, steps: tuple[float, float]
) -> FloatImage:
    """A texture of a kind, (H, W), −1 to 1, whose period in pixels is drawn from a range."""
    x, y = _build_grid(height, width)
    angle, step, phase = rng.uniform(0, math.pi), rng.uniform(*steps), rng.uniform(0, 2 * math.pi)
    along = np.float32(2 * math.pi / step) * (math.cos(angle) * x + math.sin(angle) * y) + np.float32(phase)
    across = np.float32(2 * math.pi / step) * (math.cos(angle) * y - math.sin(angle) * x)
    return _PATTERNS[kind](rng, along, across, step)


def _render_grain(rng: np.random.Generator, along: FloatImage, _across: FloatImage, _step: float) -> FloatImage:
    return rng.uniform(-1, 1, along.shape).astype(np.float32)


def _render_wood(rng: np.random.Generator, along: FloatImage) -> FloatImage:
    bent = along + 2 * _render_cloud(rng, along.shape[0], along.shape[1], 30)
    return np.asarray(np.sin(bent), np.float32)


_PATTERNS: tuple[Callable[[np.random.Generator, FloatImage, FloatImage, float], FloatImage], ...] = (
    lambda _rng, along, _across, _step: np.zeros_like(along),
    lambda rng, along, _across, step: _render_cloud(rng, along.shape[0], along.shape[1], step),
    _render_grain,
    lambda _rng, along, _across, _step: np.sin(along),
    lambda _rng, along, across, _step: np.sign(np.sin(along) * np.sin(across)),
    lambda _rng, along, across, _step: np.sign(np.cos(along) + np.cos(across) - np.float32(1.1)),
    lambda rng, along, _across, _step: _render_wood(rng, along),
)
"""Plain, blotches, grain, stripes, checks, dots, wood."""


def _build_grid(height: int, width: int) -> tuple[FloatImage, FloatImage]:
    """The x and y of every pixel, (1, W) and (H, 1)."""
    return np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]


def _render_surface(
    rng: np.random.Generator, height: int, width: int, colour: FloatImage, make: Make | None = None
) -> FloatImage:
    """A colour with slow changes of tone, (H, W, 3), and a texture: the make's, well to be seen, or any."""
    if make:
        kind, strength, steps = make.pattern, rng.uniform(0.35, 0.6), make.steps
    else:
        kind, strength, steps = int(rng.integers(len(_PATTERNS))), rng.uniform(0, 0.3), _ANY_STEPS
    tone = 1 + np.float32(strength) * _render_pattern(rng, height, width, kind, steps)
    tone += np.float32(rng.uniform(0, 0.25)) * _render_cloud(rng, height, width, 50)
    return tone[..., None] * colour


def _render_backdrop(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """The paper roll of a studio: nearly white, a little tinted, darker towards one end, (H, W, 3)."""
    x, y = _build_grid(height, width)
    tint = np.float32(rng.uniform(0.8, 0.97)) * (1 + rng.uniform(-0.03, 0.03, 3)).astype(np.float32)
    fall = np.float32(rng.uniform(0, 0.15)) * (1 - y / height) ** 2 + np.float32(rng.uniform(-0.05, 0.05)) * (x / width)
    return np.asarray((1 - fall)[..., None] * tint, np.float32)


def _cast_shadow(rng: np.random.Generator, picture: FloatImage, shape: FloatImage) -> FloatImage:
    move = np.array([[1, 0, rng.uniform(-9, 9)], [0, 1, rng.uniform(-2, 9)]])
    shadow = cv2.warpAffine(shape, move, (shape.shape[1], shape.shape[0]))
    soft = np.asarray(cv2.GaussianBlur(shadow, (0, 0), rng.uniform(1.5, 5)), np.float32)
    return picture * (1 - np.float32(rng.uniform(0.1, 0.6)) * soft)[..., None]


def _render_thing(
    rng: np.random.Generator, picture: FloatImage, alphas: list[FloatImage], shape: FloatImage, make: Make
) -> FloatImage:
    """Lay the thing over the picture: its side, then each material with texture, rounded edges and light."""
    height, width = shape.shape
    behind = (picture * shape[..., None]).sum(axis=(0, 1)) / max(float(shape.sum()), 1.0)
    main = _choose_unlike(rng, behind, make.hue)
    second = _choose_unlike(rng, main)
    colours = (main, second, _choose_unlike(rng, second))
    side = _extrude(rng, shape)
    picture = _blend(picture, np.broadcast_to(main * np.float32(rng.uniform(0.35, 0.7)), picture.shape), side)
    light = _render_relief(rng, alphas)
    for alpha, colour, own in zip(alphas, colours, (make, None, None), strict=True):
        picture = _blend(picture, _render_surface(rng, height, width, colour, own) * light[..., None], alpha)
    return picture


def _extrude(rng: np.random.Generator, shape: FloatImage) -> FloatImage:
    """Where the thing's side is seen: its shape drawn out by up to 6 pixels in one direction."""
    reach = int(rng.integers(0, 7))
    if reach < 2:
        return shape
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    angle = rng.uniform(0, 2 * math.pi)
    end = (round(reach + reach * math.cos(angle)), round(reach + reach * math.sin(angle)))
    cv2.line(kernel, (reach, reach), end, 1)
    return np.asarray(cv2.dilate(shape, kernel), np.float32)


def _render_relief(rng: np.random.Generator, alphas: list[FloatImage]) -> FloatImage:
    """Light on rounded edges, (H, W), about 1: parts stand out of each other and are lit from one side."""
    heights = sum(np.float32(level) * alpha for level, alpha in zip((1.0, 1.4, 1.8), alphas, strict=True))
    rounded = cv2.GaussianBlur(np.asarray(heights, np.float32), (0, 0), rng.uniform(0.8, 2.5))
    angle = rng.uniform(0, 2 * math.pi)
    across, down = cv2.Sobel(rounded, cv2.CV_32F, 1, 0), cv2.Sobel(rounded, cv2.CV_32F, 0, 1)
    slope = np.asarray(math.cos(angle) * across + math.sin(angle) * down, np.float32)
    return np.asarray(np.clip(1 + rng.uniform(0.05, 0.35) * slope, 0.3, 1.8), np.float32)


def _blend(below: FloatImage, above: FloatImage, alpha: FloatImage) -> FloatImage:
    mixed: FloatImage = below + alpha[..., None] * (above - below)
    return mixed


def _photograph(rng: np.random.Generator, picture: FloatImage) -> Pixels:
    """Uneven light, exposure, a little blur and the sensor's noise: (H, W, 3) 8-bit."""
    height, width = picture.shape[:2]
    x, y = _build_grid(height, width)
    slopes = rng.normal(0, 0.1, 2).astype(np.float32)
    light = np.exp(slopes[0] * (x / width - 0.5) + slopes[1] * (y / height - 0.5))
    exposed = picture * light[..., None] * np.float32(rng.uniform(0.75, 1.1))
    sharp = cv2.GaussianBlur(exposed, (0, 0), rng.uniform(0.3, 0.9))
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0.005, 0.04))
    return np.asarray(np.clip(np.rint(255 * (sharp + noise)), 0, 255), np.uint8)
