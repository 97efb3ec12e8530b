"""Blot-like crops of gel photographs whose bands are marked: lane layout, band mask and picture, all lined up."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import FloatImage, Mask, resize

LANES_ACROSS = 4.0
STRIDE = 0.375
FEWEST_BANDS = 2
NARROWEST_GAP = 2 / 64
MOST_UNMARKED = 0.1

Grey = NDArray[np.uint8]
"""``(H, W)``, 0 to 255."""


@dataclass(frozen=True)
class GelCrop:
    """A square of a gel, and what is needed to make a blot of it.

    Attributes:
        top: First row in the gel.
        left: First column in the gel.
        side: Pixels of the gel.
        lanes: First and last column of each lane as parts of the side, 0 to 1, from left to right.
        paper: Grey value of the gel that becomes white.
        ink: Grey value that becomes black; above `paper` where bands shine.
    """

    top: int
    left: int
    side: int
    lanes: tuple[tuple[float, float], ...]
    paper: float
    ink: float


@dataclass(frozen=True)
class _Bands:
    """Boxes of the marked bands of a gel: columns left and right, rows top and bottom (exclusive), each ``(n,)``."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]

    @property
    def across(self) -> NDArray[np.float64]:
        return (self.left + self.right) / 2

    def pick(self, chosen: NDArray[np.bool_]) -> "_Bands":
        return _Bands(self.left[chosen], self.right[chosen], self.top[chosen], self.bottom[chosen])


def find_crops(gel: Grey, mask: Mask) -> list[GelCrop]:
    """Return the crops of a gel that hold bands, on a grid that depends on the two pictures alone.

    A crop is about four lanes wide and starts at most three eighths of its side after its neighbour. It is kept if it
    shows at least two bands and if little of what is not marked looks like a band: a bright glove or a band that the
    mask misses could not be told from the templates.

    Args:
        gel: ``(H, W)``.
        mask: ``(H, W)``, True on bands.
    """
    bands = _find_bands(mask)
    if not len(bands.left):
        return []
    width = float(np.median(bands.right - bands.left))
    pitch = _measure_pitch(bands, width)
    side = min(round(LANES_ACROSS * pitch), *gel.shape)
    paper, ink = _find_levels(gel, mask, round(pitch / 2))
    crops = []
    for top in _places(bands.top.min(), bands.bottom.max(), side, gel.shape[0]):
        for left in _places(bands.left.min(), bands.right.max(), side, gel.shape[1]):
            crop = GelCrop(top, left, side, _lanes_of(bands, (top, left, side), width), paper, ink)
            if _is_fit(gel, mask, bands, crop):
                crops.append(crop)
    return crops


def cut_crop(gel: Grey, mask: Mask, crop: GelCrop, side: int = 64) -> tuple[FloatImage, FloatImage]:
    """Cut a crop out of its gel: templates ``(2, side, side)`` and blot ``(1, side, side)``, −1 to 1.

    The first template shows the lanes as white stripes, the second the band mask; the blot has dark bands on light
    ground, whatever the gel had.
    """
    part = (slice(crop.top, crop.top + crop.side), slice(crop.left, crop.left + crop.side))
    blot = resize((1 - 2 * _inked(gel[part], crop)).astype(np.float32), (side, side))
    bands = resize(mask[part].astype(np.float32) * 2 - 1, (side, side))
    layout = np.full((side, side), -1, np.float32)
    for left, right in crop.lanes:
        layout[:, round(left * side) : max(round(right * side), round(left * side) + 1)] = 1
    return np.stack([layout, bands]), blot[None]


def _find_bands(mask: Mask) -> _Bands:
    """Return the boxes of the connected parts of a mask; specks below a twentieth of the usual area are left out."""
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    found = boxes[1:].astype(np.float64)
    if len(found):
        found = found[found[:, cv2.CC_STAT_AREA] >= np.median(found[:, cv2.CC_STAT_AREA]) / 20]
    left, top, width, height = found[:, :4].T
    return _Bands(left, left + width, top, top + height)


def _measure_pitch(bands: _Bands, width: float) -> float:
    """Return the distance between lanes: the lower quartile of those between a band and the next one beside it.

    Empty lanes and missed bands make many distances a multiple of the pitch, so that the median would be too wide. At
    most 1.75 widths, also where no band has a neighbour.
    """
    gaps = [1.75 * width]
    for across, top, bottom in zip(bands.across, bands.top, bands.bottom, strict=True):
        level = (bands.top < bottom + width) & (bands.bottom > top - width)
        beside = bands.across[level & (bands.across > across + 0.9 * width)]
        if len(beside):
            gaps.append(beside.min() - across)
    return min(1.75 * width, float(np.quantile(gaps, 0.25)))


def _find_levels(gel: Grey, mask: Mask, around: int) -> tuple[float, float]:
    """Return the grey values of paper and ink, measured on the bands and near them.

    Bands that are brighter than what surrounds them are inked by brightness, so that they come out dark too.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * around + 1, 2 * around + 1))
    near = cv2.dilate(mask.astype(np.uint8), kernel).astype(np.bool_)
    low, high = np.percentile(gel[near], (1, 99.5))
    high = max(high, low + 1)
    shines = np.median(gel[mask]) > np.median(gel[near & ~mask]) if (near & ~mask).any() else False
    return (float(low), float(high)) if shines else (float(high), float(low))


def _inked(part: Grey, crop: GelCrop) -> NDArray[np.float64]:
    """Return how much ink lies on each pixel, 0 to 1."""
    return np.clip((part.astype(np.float64) - crop.paper) / (crop.ink - crop.paper), 0, 1)


def _places(first: float, last: float, side: int, length: int) -> list[int]:
    """Return where crops start along an axis so that they cover from `first` to `last`, evenly, inside the gel."""
    start, end = max(0, round(first - side / 4)), min(length, round(last + side / 4))
    start, end = min(start, length - side), max(end, start + side)
    steps = int(np.ceil(max(0, end - side - start) / (STRIDE * side)))
    return sorted({min(round(each), length - side) for each in np.linspace(start, end - side, steps + 1)})


def _lanes_of(bands: _Bands, box: tuple[int, int, int], width: float) -> tuple[tuple[float, float], ...]:
    """Return the lanes of a crop: bands that lie over each other, there or up to half a side above or below."""
    top, left, side = box
    near = bands.pick(
        (bands.bottom > top - side / 2)
        & (bands.top < top + 1.5 * side)
        & (bands.right > left)
        & (bands.left < left + side)
    )
    order = np.argsort(near.across, kind="stable")
    groups = [[order[0]]] if len(order) else []
    for before, each in pairwise(order):
        if near.across[each] - near.across[before] > width / 2:
            groups.append([])
        groups[-1].append(each)
    edges = [(float(np.median(near.left[group])), float(np.median(near.right[group]))) for group in groups]
    return tuple(
        (max(0.0, (first - left) / side), min(1.0, (last - left) / side))
        for first, last in _part(edges, NARROWEST_GAP * side)
    )


def _part(edges: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Narrow neighbouring lanes until a gap is between them, so that each can be told from the next."""
    parted = list(edges)
    for index, (before, after) in enumerate(pairwise(edges)):
        if after[0] - before[1] < gap:
            middle = (before[1] + after[0]) / 2
            parted[index] = (parted[index][0], middle - gap / 2)
            parted[index + 1] = (middle + gap / 2, after[1])
    return parted


def _is_fit(gel: Grey, mask: Mask, bands: _Bands, crop: GelCrop) -> bool:
    """Say whether a crop shows enough bands, and hardly anything dark that is not marked."""
    rows, columns = (bands.top + bands.bottom) / 2, bands.across
    inside = (rows > crop.top) & (rows < crop.top + crop.side) & (columns > crop.left)
    part = (slice(crop.top, crop.top + crop.side), slice(crop.left, crop.left + crop.side))
    ink, marked = _inked(gel[part], crop), mask[part]
    if np.count_nonzero(inside & (columns < crop.left + crop.side)) < FEWEST_BANDS or not marked.any():
        return False
    return bool(np.mean((ink >= np.median(ink[marked])) & ~marked) <= MOST_UNMARKED)
