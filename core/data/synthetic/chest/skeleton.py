"""The bones of an imaginary chest on a radiograph: ribs, spine, collarbones, shoulder blades and upper arms."""

import numpy as np
from numpy.typing import NDArray

from core.data.synthetic.chest.thorax import Draw, Points, Thorax, cage_width
from core.data.transforms.arrays import FloatImage

_RIBS = 10


def render_bones(rng: Draw, thorax: Thorax) -> FloatImage:
    """All bones, ``(side, side)``: 0 where there is none, up to about 1 where several lie over each other."""
    bones = _render_ribs(rng, thorax)
    bones += np.float32(rng.uniform(0.25, 0.42)) * _render_spine(rng, thorax)
    bones += np.float32(rng.uniform(0.5, 0.75)) * _render_shoulders(rng, thorax)
    return bones


def _render_ribs(rng: Draw, thorax: Thorax) -> FloatImage:
    """The ribs' back parts, bright and level, over their front parts, faint and falling to the middle."""
    spacing, top = float(rng.uniform(0.185, 0.215)), float(rng.uniform(-1.12, -1.04))
    width = float(rng.uniform(0.06, 0.085))
    faint = float(rng.uniform(0.45, 0.8))
    backs, fronts = thorax.build_canvas(), thorax.build_canvas()
    for sign in (-1.0, 1.0):
        for number in range(_RIBS):
            height = top + spacing * number + float(rng.normal(0, 0.006))
            fall = thorax.slope * (0.55 + 0.08 * number) + float(rng.normal(0, 0.012))
            back, front = _course(thorax, sign, height, fall)
            seen = len(front) - max(0, 2 * (number - 4))  # the lower ribs end in cartilage, which does not show
            _paint_tube(thorax, fronts, front[: max(2, seen)], width * 1.1, 120)
            _paint_tube(thorax, backs, back, width * (0.8 if number == 0 else 1.0), 150)
    ribs = thorax.average_down(backs, 0.6) + np.float32(faint) * thorax.average_down(fronts, 0.7)
    x, y = thorax.grid
    outwards = np.abs(x) / np.maximum(np.asarray(cage_width(y), np.float32), np.float32(0.2))
    return np.asarray(ribs * (np.float32(0.55) + np.float32(0.6) * np.clip(outwards, 0, 1) ** 4), np.float32)


def _course(thorax: Thorax, sign: float, height: float, fall: float) -> tuple[Points, Points]:
    """The middle line of one rib: from the spine to the side, and from the side towards the breastbone."""
    t = np.linspace(0, 1, 14)
    lateral = float(cage_width(np.array(height + fall))) - 0.03
    outwards = 0.1 + (lateral - 0.1) * np.sin(t * np.pi / 2)
    down = height - 0.07 * np.sin(np.pi * t) * (1 - t) + fall * (1 - np.cos(t * np.pi / 2)) ** 1.1
    back = np.stack([sign * outwards + _spine_shift(thorax, down) * (1 - t), down], axis=1)
    inwards = lateral * np.cos(0.36 * np.pi * t)
    lower = height + fall + (0.22 + 0.75 * thorax.slope) * np.sin(0.5 * np.pi * t)
    front = np.stack([sign * inwards + thorax.twist * t, lower], axis=1)
    return back, front


def _paint_tube(thorax: Thorax, canvas: NDArray[np.uint8], course: Points, width: float, value: int) -> None:
    """A long bone: its edges, which rays cross along the hard shell, are brighter than its middle."""
    thorax.paint(canvas, course, value, width)
    thorax.paint(canvas, course, round(0.62 * value), 0.6 * width)


def _spine_shift(thorax: Thorax, y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(thorax.bend * np.sin(1.1 * y + 0.4) - 0.3 * thorax.twist)


def _render_spine(rng: Draw, thorax: Thorax) -> FloatImage:
    """Vertebrae with brighter end plates, two pedicles and a spinous process each."""
    canvas = thorax.build_canvas()
    height = float(rng.uniform(0.18, 0.21))
    y = -2.2 + float(rng.uniform(0, height))
    while y < 2.0:
        wide = 0.115 + 0.018 * (y + 1.2)
        centre = np.array((float(_spine_shift(thorax, np.array(y))), y))
        _paint_vertebra(thorax, canvas, centre, np.array((wide, 0.41 * height)))
        y += height
        height *= 1.012
    return thorax.average_down(canvas, 0.7)


def _paint_vertebra(thorax: Thorax, canvas: NDArray[np.uint8], centre: Points, half: Points) -> None:
    corners = np.array(((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)))
    waist = np.insert(corners, (2, 4), ((0.86, 0.0), (-0.86, 0.0)), axis=0)
    thorax.fill(canvas, centre + waist * half, 130)
    for edge in (-1.0, 1.0):
        thorax.paint(canvas, centre + np.array(((-1.0, edge), (1.0, edge))) * half, 180, 0.02)
        thorax.fill(canvas, centre + (0.58 * edge * half[0], -0.3 * half[1]) + 0.19 * half[0] * _ring(8), 195)
    process = centre + np.array((0.0, 0.7 * half[1]))
    thorax.fill(canvas, process + _ring(8) * (0.16 * half[0], 0.42 * half[1]), 200)


def _ring(count: int) -> Points:
    angles = np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _render_shoulders(rng: Draw, thorax: Thorax) -> FloatImage:
    """Collarbones, shoulder blades and upper arms."""
    bones, blades = thorax.build_canvas(), thorax.build_canvas()
    lift = float(rng.uniform(-0.06, 0.12)) + 0.16 * thorax.raised
    for sign in (-1.0, 1.0):
        inner, outer = 0.1 + sign * thorax.twist, 0.98 + 0.4 * thorax.bulk
        t = np.linspace(0, 1, 12)
        curve = -1.0 - lift * t + 0.07 * np.sin(2 * np.pi * t + 0.4) - 0.06 * t
        collar = np.stack([sign * (inner + (outer - inner) * t) + thorax.twist * (1 - t), curve], axis=1)
        _paint_tube(thorax, bones, collar, 0.08, 210)
        _paint_arm_bone(rng, thorax, bones, sign, lift)
        _paint_blade(rng, thorax, blades, sign)
    return thorax.average_down(bones, 0.7) + np.float32(0.75) * thorax.average_down(blades, 1.0)


def _paint_arm_bone(rng: Draw, thorax: Thorax, canvas: NDArray[np.uint8], sign: float, lift: float) -> None:
    start = np.array((1.17 + 0.6 * thorax.bulk, -0.98 - 0.5 * lift))
    lean = float(rng.uniform(0.6, 0.9)) if thorax.raised else float(rng.uniform(0.2, 0.45))
    direction = np.array((np.sin(lean), -np.cos(lean) if thorax.raised else np.cos(lean)))
    shaft = np.stack([start, start + 0.6 * direction, start + 2.2 * direction])
    _paint_tube(thorax, canvas, shaft * (sign, 1.0), 0.13, 190)
    thorax.fill(canvas, (start + 0.115 * _ring(16)) * (sign, 1.0), 185)


def _paint_blade(rng: Draw, thorax: Thorax, canvas: NDArray[np.uint8], sign: float) -> None:
    """A faint triangle beside the ribs, with a bright outer rim, that may reach over the lung."""
    inner = float(rng.uniform(0.72, 1.0)) + 0.08 * thorax.raised
    corners = np.array(((inner, -0.95), (1.12 + 0.3 * thorax.bulk, -1.0), (inner + 0.2, -0.2), (inner + 0.08, -0.3)))
    corners[:, 0] += float(rng.normal(0, 0.02))
    thorax.fill(canvas, corners * (sign, 1.0), 70)
    thorax.paint(canvas, corners[1:] * (sign, 1.0), 150, 0.035)
