"""Things that lie about in synthetic pet pictures: balls, cushions, rolls, soft toys, plants."""

from collections.abc import Sequence

import cv2
import numpy as np

from core.data.synthetic.pets.shapes import Draw, Pose, Tube, build_relief, build_tube, find_box, light_relief
from core.data.synthetic.pets.textures import Colour, build_hair, comb, pick_paint, render_noise, tint
from core.data.transforms.arrays import FloatImage


def add_thing(
    rng: Draw, picture: FloatImage, paints: Sequence[Colour], sun: tuple[float, float, float], horizon: int
) -> None:
    """Put a ball, a cushion, a roll, a soft toy or a plant somewhere on the ground."""
    height, width = picture.shape[:2]
    unit = float(rng.uniform(0.06, 0.2)) * min(height, width)
    foot = np.array((rng.uniform(0, width), rng.uniform(horizon, height)))
    tubes = _THINGS[int(rng.integers(len(_THINGS)))](rng)
    boxes = [find_box(tube, Pose(unit * np.eye(2), foot, (height, width))) for tube in tubes]
    rows, columns = (
        slice(min(part.start for part in each), max(part.stop for part in each)) for each in zip(*boxes, strict=True)
    )
    part = picture[rows, columns]
    if not part.size:
        return
    pose = Pose(unit * np.eye(2), foot - (columns.start, rows.start), part.shape[:2])
    relief = build_relief(tubes, pose)
    shadow = cv2.GaussianBlur(np.roll(relief.cover, round(0.1 * unit), axis=0), (0, 0), 0.2 * unit)
    part *= (1 - np.float32(0.4) * shadow)[..., None]
    lit = _cover(rng, paints, pose) * light_relief(relief, sun)[..., None]
    part += relief.cover[..., None] * (lit - part)


def _cover(rng: Draw, paints: Sequence[Colour], pose: Pose) -> FloatImage:
    """Cloth or hair, of one colour or spotted."""
    if rng.random() < 0.5:
        cloth = 1 + comb(rng, build_hair(rng, float(rng.uniform(0.4, 1.5))), float(rng.uniform(0, np.pi)), pose.size)
    else:
        cloth = 1 + np.float32(0.05) * render_noise(rng, pose.size, 2.0)
    colours = tint(cloth, pick_paint(rng, paints))
    if rng.random() < 0.4:
        spots = render_noise(rng, pose.size, 0.4 * pose.scale) > 0.4
        colours[spots] = tint(cloth, pick_paint(rng, paints))[spots]
    return colours


def _ball(rng: Draw) -> list[Tube]:
    radius = float(rng.uniform(0.3, 0.8))
    return [build_tube((0.0, -radius, radius), (0.01, -radius, radius))]


def _pillow(rng: Draw) -> list[Tube]:
    tilt = float(rng.normal(0, 0.3))
    return [build_tube((-0.8, -0.8 - tilt, 0.75), (0.8, -0.8 + tilt, 0.75))]


def _roll(rng: Draw) -> list[Tube]:
    heading = float(rng.uniform(0, np.pi))
    end = np.array((np.cos(heading), -abs(np.sin(heading)))) * float(rng.uniform(1.5, 4.0))
    return [build_tube((0.0, -0.3, 0.3), (float(end[0]), float(end[1]) - 0.3, 0.28))]


def _plush(rng: Draw) -> list[Tube]:
    """Something soft with limbs, but no animal."""
    tubes = [build_tube((0.0, -0.7, 0.7), (float(rng.normal(0, 0.4)), -1.3, 0.5))]
    for _ in range(int(rng.integers(2, 6))):
        angle = float(rng.uniform(0, 2 * np.pi))
        tubes.append(build_tube((0.0, -0.7, 0.3), (1.2 * np.cos(angle), -0.7 + 0.9 * np.sin(angle), 0.22), depth=0.2))
    return tubes


def _plant(rng: Draw) -> list[Tube]:
    tubes = [build_tube((0.0, -0.3, 0.45), (0.0, -0.9, 0.5))]
    for angle in rng.uniform(-2.9, -0.2, int(rng.integers(5, 11))):
        x, y = float(np.cos(angle)), float(np.sin(angle))
        tubes.append(build_tube((0.3 * x, -1.0, 0.08), (1.0 * x, -1.3 + y, 0.22), (1.7 * x, -1.0 + 1.4 * y, 0.03)))
    return tubes


_THINGS = (_ball, _pillow, _pillow, _roll, _plush, _plant)
