"""What branches in an imaginary chest: the windpipe, which is dark on a radiograph, and the vessels of the lungs."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.data.synthetic.chest.thorax import Draw, Points, Thorax
from core.data.transforms.arrays import FloatImage


def render_vessels(rng: Draw, thorax: Thorax) -> FloatImage:
    """The branching shadows that fan out from both lung roots, and the denser roots themselves, 0 to about 1."""
    canvas = thorax.build_canvas()
    calibre = float(rng.uniform(0.024, 0.038))
    for sign in (-1.0, 1.0):
        root = np.array((sign * 0.2 + 0.5 * thorax.twist, -0.1 - 0.05 * sign * float(rng.uniform(0.3, 1.5))))
        for angle in np.linspace(-1.35, 1.45, 10):
            heading = float(angle + rng.normal(0, 0.13))
            start = root + rng.normal(0, 0.03, 2) + (0, 0.06 * float(angle))
            _grow(rng, thorax, canvas, start, heading, calibre * float(rng.uniform(0.7, 1.2)), sign)
    return thorax.average_down(canvas, 0.7)


def _grow(
    rng: Draw, thorax: Thorax, canvas: NDArray[np.uint8], start: Points, heading: float, width: float, sign: float
) -> None:
    """Draw one vessel that thins out, with its side branches."""
    steps = 9
    headings = heading + np.cumsum(rng.normal(0, 0.13, steps))
    length = float(rng.uniform(0.07, 0.1)) * min(1.0, (width / 0.02) ** 0.5)
    moves = length * np.stack([sign * np.cos(headings), np.sin(headings)], axis=1)
    course = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    for index, piece in enumerate(pairwise(range(0, steps + 1, 3))):
        thin = width * (1 - 0.27 * index)
        thorax.paint(canvas, course[piece[0] : piece[1] + 1], round(60 + 120 * min(1.0, thin / 0.03)), thin)
    if width > 0.014:
        for place in (3, 6):
            turn = float(rng.uniform(0.35, 0.7)) * (1 if rng.random() < 0.5 else -1)
            _grow(rng, thorax, canvas, course[place], float(headings[place - 1]) + turn, 0.55 * width, sign)


def render_airway(rng: Draw, thorax: Thorax) -> FloatImage:
    """The dark band of the windpipe and its two branches, 0 to 1."""
    canvas = thorax.build_canvas()
    front = 0.7 * thorax.twist + float(rng.normal(0.0, 0.02))
    fork = np.array((front, float(rng.normal(-0.5, 0.04))))
    thorax.paint(canvas, np.array(((0.3 * thorax.twist, -2.2), (front, -1.3), fork)), 255, 0.12)
    for sign, reach in ((-1.0, 0.3), (1.0, 0.4)):
        branch = fork + np.array(((0.0, 0.0), (0.2 * sign, 0.22), (reach * sign, 0.34)))
        thorax.paint(canvas, branch, 170, 0.08)
    return thorax.average_down(canvas, 1.6)
