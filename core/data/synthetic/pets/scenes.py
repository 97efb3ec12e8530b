"""Where the animals of synthetic pet pictures are: lawns, floors, carpets, sofas, and things that lie about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.data.synthetic.pets.shapes import Draw, Pose, build_relief, build_tube, light_relief
from core.data.synthetic.pets.textures import Colour, build_hair, pick_paint, render_noise, tint
from core.data.synthetic.pets.things import add_thing
from core.data.transforms.arrays import FloatImage

_PAINTS: tuple[Colour, ...] = (
    (0.85, 0.82, 0.76), (0.62, 0.66, 0.70), (0.45, 0.30, 0.20), (0.70, 0.52, 0.36), (0.35, 0.42, 0.50),
    (0.55, 0.20, 0.18), (0.30, 0.36, 0.26), (0.78, 0.72, 0.52), (0.25, 0.24, 0.26), (0.60, 0.50, 0.58),
)  # fmt: skip
_WOODS: tuple[Colour, ...] = ((0.66, 0.45, 0.27), (0.48, 0.31, 0.19), (0.72, 0.58, 0.42))
_SOILS: tuple[Colour, ...] = ((0.76, 0.66, 0.50), (0.45, 0.34, 0.25), (0.55, 0.54, 0.52), (0.88, 0.90, 0.94))
_FLAT = 256
"""Side of the flat texture that is laid out in perspective as a floor."""


Paints = Sequence[Colour]
Floors = tuple[tuple[Callable[[Draw, Paints], FloatImage], Paints], ...]


@dataclass(frozen=True)
class Scene:
    """A background.

    Attributes:
        picture: ``(H, W, 3)``, about 0 to 1.
        horizon: Row where the ground ends; what stands on the ground throws a shadow below it.
        sun: Direction to the light (x, y, towards the camera), of length 1.
    """

    picture: FloatImage
    horizon: int
    sun: tuple[float, float, float]


def render_scene(rng: Draw, size: tuple[int, int], coat: tuple[Colour, ...]) -> Scene:
    """Draw a background, more often than not with the colours of the coat in ground, wall or things.

    Args:
        rng: The only source of chance.
        size: Height and width.
        coat: Colours of the animal.
    """
    paints = (*coat, *coat, *coat, *_PAINTS) if rng.random() < 0.6 else _PAINTS
    horizon = round(size[0] * float(rng.uniform(0.12, 0.6)))
    outdoors = bool(rng.random() < 0.42)
    if outdoors and rng.random() < 0.8:
        picture = _render_bushes(rng, size, paints)
    else:
        picture = (_render_wall if rng.random() < 0.65 else _render_cushions)(rng, size, horizon, paints)
    picture[horizon:] = _render_ground(rng, (size[0] - horizon, size[1]), paints, outdoors=outdoors)
    sun = _choose_sun(rng)
    for _ in range(int(rng.integers(0, 6))):
        add_thing(rng, picture, paints, sun, horizon)
    if rng.random() < 0.45:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.8, 2.5))), np.float32)
    return Scene(picture, horizon, sun)


def _choose_sun(rng: Draw) -> tuple[float, float, float]:
    direction = np.array((float(rng.normal(0, 0.45)), -float(rng.uniform(0.3, 0.8)), 0.8))
    x, y, z = (direction / np.linalg.norm(direction)).tolist()
    return x, y, z


def _render_ground(rng: Draw, size: tuple[int, int], paints: Paints, *, outdoors: bool) -> FloatImage:
    if outdoors and rng.random() < 0.6:
        return _render_grass(rng, size)
    if outdoors:
        floors: Floors = ((_soil, _SOILS), (_soil, _SOILS), (_tiles, paints))
    else:
        floors = ((_planks, _WOODS), (_planks, _WOODS), (_tiles, paints), (_carpet, paints), (_rug, paints))
    render, colours = floors[int(rng.integers(len(floors)))]
    return _lay_out(rng, render(rng, colours), size)


def _render_bushes(rng: Draw, size: tuple[int, int], paints: Paints) -> FloatImage:
    """Leaves, or something else, out of focus."""
    grey = np.zeros(size, np.float32)
    for grain, amount in ((0.3, 0.4), (0.1, 0.3), (0.04, 0.2)):
        grey += np.float32(amount) * render_noise(rng, size, grain * size[0])
    hue = render_noise(rng, size, 0.2 * size[0])[..., None] * np.array((0.16, 0.06, 0.02), np.float32)
    leaves = np.array((0.36, 0.44, 0.26)) if rng.random() < 0.7 else pick_paint(rng, paints)
    picture = np.exp(grey)[..., None] * (leaves + hue)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(1.0, 3.0))), np.float32)


def _render_grass(rng: Draw, size: tuple[int, int]) -> FloatImage:
    """Blades that stand up, longer near the camera; dry and fresh."""
    near = np.linspace(0, 1, size[0], dtype=np.float32)[:, None]
    blades = np.zeros(size, np.float32)
    for length, weight in ((3, 1 - near), (9, near)):
        noise = cv2.GaussianBlur(rng.standard_normal(size, dtype=np.float32), (0, 0), 0.5 + 0.08 * length)
        strokes = cv2.blur(noise, (1, length))
        blades += weight * strokes / strokes.std()
    grey = np.exp(np.float32(0.3) * blades + np.float32(0.14) * render_noise(rng, size, 40.0))
    fresh = np.array((0.30, 0.42, 0.16)) * rng.uniform(0.7, 1.25)
    dry = np.clip(0.3 + 0.4 * render_noise(rng, size, 50.0) + rng.uniform(-0.3, 0.4), 0, 1)[..., None]
    return np.asarray(grey[..., None] * (fresh + dry * ((0.58, 0.52, 0.28) - fresh)), np.float32)


def _render_wall(rng: Draw, size: tuple[int, int], horizon: int, paints: Paints) -> FloatImage:
    """A painted wall, perhaps with stripes or bricks, a skirting board and a frame."""
    grey = 1 + np.float32(0.02) * render_noise(rng, size, 2.0) + np.float32(0.06) * render_noise(rng, size, 90.0)
    rows, columns = np.arange(size[0])[:, None], np.arange(size[1])[None, :]
    pattern, period = rng.random(), int(rng.integers(12, 40))
    if pattern < 0.25:
        grey *= np.where(columns // period % 2 == 0, 1.0, rng.uniform(0.8, 0.95)).astype(np.float32)
    elif pattern < 0.45:
        joints = (rows % period < 2) | ((columns + rows // period % 2 * period) % (2 * period) < 2)
        grey *= np.where(joints, 1.15, 1.0).astype(np.float32)
    picture = tint(grey, pick_paint(rng, paints))
    if rng.random() < 0.6:
        board = max(3, round(0.05 * size[0]))
        picture[max(0, horizon - board) : horizon] = pick_paint(rng, _PAINTS[:2]) * rng.uniform(0.9, 1.1)
        picture[horizon - 1 : horizon] *= np.float32(0.5)
    if rng.random() < 0.4:
        left, width = int(rng.integers(0, size[1])), int(rng.integers(30, 120))
        picture[: max(0, horizon - int(rng.integers(10, 60))), left : left + width] = pick_paint(rng, paints)
    return picture


def _render_cushions(rng: Draw, size: tuple[int, int], horizon: int, paints: Paints) -> FloatImage:
    """The back of a sofa: cushions side by side."""
    picture = tint(1 + np.float32(0.05) * render_noise(rng, size, 3.0), pick_paint(rng, paints))
    pose = Pose(np.eye(2), np.zeros(2), size)
    width = size[1] / int(rng.integers(1, 4))
    middle, tall = 0.45 * horizon, 0.7 * horizon
    cushions = [
        build_tube((left + 0.35 * width, middle, tall), (left + 0.65 * width, middle, tall))
        for left in np.arange(-float(rng.uniform(0, width)), size[1], width).tolist()
    ]
    relief = build_relief(cushions, pose)
    weave = 1 + np.float32(0.04) * render_noise(rng, size, 2.0)
    cloth = tint(light_relief(relief, (-0.2, -0.6, 0.77)) * weave, pick_paint(rng, paints))
    return np.asarray(picture + relief.cover[..., None] * (cloth - picture), np.float32)


def _lay_out(rng: Draw, flat: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Lay a flat square texture out as ground: near below, far above."""
    height, width = size
    squeeze, shift = float(rng.uniform(0.15, 0.5)), float(rng.normal(0, 0.15))
    far = _FLAT * np.array((0.5 - 0.5 / (1 + squeeze) + shift, 0.5 + 0.5 / (1 + squeeze) + shift))
    near = _FLAT * np.array((0.5 - squeeze * 0.4, 0.5 + squeeze * 0.4)) + 0.1 * _FLAT * shift
    source = np.array(((near[0], _FLAT), (near[1], _FLAT), (far[1] + 40, 0), (far[0] - 40, 0)), np.float32)
    target = np.array(((0, height), (width, height), (width, 0), (0, 0)), np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    ground = cv2.warpPerspective(flat, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    grain = 1 + np.float32(0.03) * render_noise(rng, size, 1.5)
    return np.asarray(ground * grain[..., None] * np.linspace(0.86, 1.05, height)[:, None, None], np.float32)


def _square(rng: Draw, grain: float) -> FloatImage:
    return render_noise(rng, (_FLAT, _FLAT), grain)


def _planks(rng: Draw, paints: Paints) -> FloatImage:
    """A wooden floor."""
    wide = int(rng.integers(12, 34))
    number = np.arange(_FLAT) // wide
    tones = rng.uniform(0.8, 1.15, number.max() + 1).astype(np.float32)[number]
    grain = cv2.blur(rng.standard_normal((_FLAT, _FLAT), dtype=np.float32), (41, 1)) * np.float32(5)
    grey = (1 + np.float32(0.07) * grain) * tones[:, None]
    grey[np.arange(_FLAT) % wide == 0] *= np.float32(0.55)
    floor = tint(grey, pick_paint(rng, paints))
    return floor if rng.random() < 0.5 else np.ascontiguousarray(floor.swapaxes(0, 1))


def _tiles(rng: Draw, paints: Paints) -> FloatImage:
    """Tiles or slabs, all alike or as a chessboard."""
    wide = int(rng.integers(18, 60))
    rows, columns = np.arange(_FLAT)[:, None] // wide, np.arange(_FLAT)[None, :] // wide
    other = float(rng.choice((1.0, 0.9, 0.5)))
    grey = np.where((rows + columns) % 2 == 0, 1.0, other) * (1 + 0.05 * _square(rng, 5.0) + 0.05 * _square(rng, 30.0))
    joints = (np.arange(_FLAT)[:, None] % wide < 2) | (np.arange(_FLAT)[None, :] % wide < 2)
    grey[joints] *= rng.uniform(0.6, 1.2)
    return tint(grey.astype(np.float32), pick_paint(rng, paints))


def _carpet(rng: Draw, paints: Paints) -> FloatImage:
    """A carpet or blanket as hairy as an animal."""
    pile = 1 + build_hair(rng, float(rng.uniform(0.4, 1.4))) + np.float32(0.08) * _square(rng, 24.0)
    return tint(pile, pick_paint(rng, paints))


def _rug(rng: Draw, paints: Paints) -> FloatImage:
    """A checked carpet, or one with large shapes."""
    pile = 1 + build_hair(rng, float(rng.uniform(0.4, 1.4)))
    period = int(rng.integers(14, 60))
    if rng.random() < 0.5:
        bands = np.float32(0.35) * (np.arange(_FLAT, dtype=np.float32) // period % 2)
        weight = bands[:, None] + bands[None, :]
    else:
        weight = np.float32(0.9) * (_square(rng, float(period)) > rng.uniform(0.1, 0.6))
    first, second = (tint(pile, pick_paint(rng, paints)) for _ in range(2))
    return np.asarray(first + weight[..., None] * (second - first), np.float32)


def _soil(rng: Draw, paints: Paints) -> FloatImage:
    """Sand, earth, gravel, asphalt or snow."""
    rough = float(rng.uniform(0.4, 1.2))
    grey = _square(rng, 1.0) + _square(rng, 4.0) + _square(rng, 30.0)
    return tint(1 + np.float32(0.1 * rough) * grey, pick_paint(rng, paints))
