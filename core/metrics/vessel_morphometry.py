"""Width and course of thin structures in a mask, such as vessels, from their centre lines."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

SHORTEST = 10
"""Pieces of a centre line of fewer pixels are spurs and are not counted for tortuosity."""
STEP = 2.0**0.5


@dataclass(frozen=True)
class LineMeasures:
    """What the centre lines of a mask tell.

    Attributes:
        length: Of all centre lines, in pixels.
        width: Mean, in pixels; NaN where there is no line.
        widest: 95th percentile of the width along the lines, in pixels; likewise.
        tortuosity: Mean over pieces, weighted by their length; 1 is straight; NaN where there is no piece.
        pieces: How many were counted.
    """

    length: float
    width: float
    widest: float
    tortuosity: float
    pieces: int


def measure_lines(mask: NDArray[np.bool_]) -> LineMeasures:
    """Measure the lines of a mask ``(H, W)``.

    The centre line is the skeleton (Zhang and Suen, 1984). The width at a pixel of it is twice the distance to the
    nearest background pixel, less one (Maurer et al., 2003, for the distance; twice the radius of the inscribed disc).
    Pieces are what is left of the skeleton without its junctions; the tortuosity of a piece is the length of its
    course over the distance of its ends, the arc-chord ratio (Lotmar et al., 1979; Hart et al., 1999). Deviation: a
    course that comes back to where it began has no chord and is left out.

    >>> import numpy as np
    >>> mask = np.zeros((40, 60), bool); mask[18:23, 5:55] = True
    >>> found = measure_lines(mask)
    >>> round(found.width), round(found.tortuosity, 2)
    (5, 1.0)
    """
    skeleton = np.asarray(skeletonize(mask), np.uint8)  # type: ignore[no-untyped-call]
    if not skeleton.any():
        return LineMeasures(0.0, float("nan"), float("nan"), float("nan"), 0)
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    radius = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    widths = 2 * radius[skeleton > 0] - 1
    courses = _courses(skeleton)
    length = sum(arc for arc, _ in courses)
    ratios = [(arc, arc / chord) for arc, chord in courses if arc >= SHORTEST and chord >= SHORTEST / 2]
    weight = sum(arc for arc, _ in ratios)
    bent = sum(arc * ratio for arc, ratio in ratios) / weight if weight else float("nan")
    return LineMeasures(float(length), float(widths.mean()), float(np.percentile(widths, 95)), bent, len(ratios))


def _courses(skeleton: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Return length and distance of the ends of each piece of a skeleton, without its junctions, in pixels."""
    kernel = np.ones((3, 3), np.float32)
    neighbours = cv2.filter2D(skeleton, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT) - skeleton
    pieces = ((skeleton > 0) & (neighbours <= 2)).astype(np.uint8)
    count, labels = cv2.connectedComponents(pieces, connectivity=8)
    arcs = _arcs(np.asarray(labels, np.int32), count)
    inside = cv2.filter2D(pieces, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT) - pieces
    ends: dict[int, list[tuple[int, int]]] = {}
    for row, column in zip(*np.nonzero((pieces > 0) & (inside == 1)), strict=True):
        ends.setdefault(int(labels[row, column]), []).append((int(row), int(column)))
    found = []
    for piece in range(1, count):
        own = ends.get(piece, [])
        chord = float(np.hypot(own[0][0] - own[1][0], own[0][1] - own[1][1])) if len(own) == 2 else 0.0
        found.append((float(arcs[piece]), chord))
    return found


def _arcs(labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Return the length of each piece: 1 for a step along a row or column, √2 for a diagonal one.

    Where a diagonal step has a corner pixel beside it, the way goes through the corner.
    """
    arcs = np.zeros(count, np.float64)
    on = labels > 0
    for here, there in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        arcs += np.bincount(here[(here > 0) & (here == there)], minlength=count)
    for here, there, one, other in (
        (labels[:-1, :-1], labels[1:, 1:], on[:-1, 1:], on[1:, :-1]),
        (labels[:-1, 1:], labels[1:, :-1], on[:-1, :-1], on[1:, 1:]),
    ):
        arcs += STEP * np.bincount(here[(here > 0) & (here == there) & ~one & ~other], minlength=count)
    return arcs
