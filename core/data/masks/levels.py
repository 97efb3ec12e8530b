"""Which levels a set's masks have: soft edges and what lossy formats leave are no levels of their own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.masks.rule import Samples

FEW = 16
"""So many values may be meant one by one; more are soft edges, or numbers of many things."""
MARGIN = 0.1
"""Values so near to an end of the range, as a part of it, belong to it where a format is lossy."""
Steps = tuple[int, int, int]
"""A colour in steps of :data:`COLOUR_STEP`, 0 to 31."""
EDGE = 11
"""Pixels that a soft edge is wide at most; what is wider is an area."""
COLOUR_STEP = 8
"""Colours are counted in steps of so many of 255."""


@dataclass
class Tally:
    """How often each value occurs in several masks, all together.

    Attributes:
        counts: Pixels by value.
        flats: Pixels by value whose eight neighbours have it too: areas, not edges.
        ridges: Pixels by value that do not lie between a darker and a brighter neighbour, so that no edge explains
            them; of values between the darkest and the brightest of their mask.
        lossy: Whether any of the masks is of a lossy format.
    """

    counts: Counter[float] = field(default_factory=Counter)
    flats: Counter[float] = field(default_factory=Counter)
    ridges: Counter[float] = field(default_factory=Counter)
    lossy: bool = False

    def add(self, values: NDArray[Any]) -> None:
        """Count a mask ``(H, W)``."""
        values = np.asarray(values, np.float32) if values.dtype.kind == "f" or values.itemsize > 2 else values
        flat, ridge = _flat(values), _ridge(values)
        for counter, chosen in (
            (self.counts, values.ravel()),
            (self.flats, values[flat]),
            (self.ridges, values[ridge]),
        ):
            counter.update(_count(chosen))

    @property
    def values(self) -> list[float]:
        """All values, in order."""
        return sorted(self.counts)


def count_brightness(masks: Iterable[Samples]) -> Tally:
    """Count the grey values of masks, or the brightest channel of their colours."""
    tally = Tally()
    for samples in masks:
        tally.lossy |= samples.lossy
        tally.add(samples.brightness())
    return tally


def find_further_levels(tally: Tally) -> list[float]:
    """Return the values between the darkest and the brightest that are levels of their own; none for a mask."""
    values = tally.values
    low, high = values[0], values[-1]
    inner = values[1:-1]
    if len(values) <= FEW and not tally.lossy and not _are_traces(inner, low, high):
        bright = sum(count for value, count in tally.counts.items() if value > low)
        return [value for value in inner if _is_area(tally, value) or _is_line(tally, value, bright)]
    margin = MARGIN * (high - low)
    middle = [value for value in inner if low + margin < value < high - margin]
    bright = sum(count for value, count in tally.counts.items() if value > low + margin)
    flat = sum(tally.flats[value] for value in middle)
    all_of_them = sum(tally.counts[value] for value in middle)
    if flat > max(8, 0.02 * bright) or all_of_them > 0.5 * sum(tally.counts.values()):
        return sorted(middle, key=lambda value: (-tally.flats[value], -tally.counts[value], value))
    return []


def find_colours(masks: Sequence[Samples]) -> list[tuple[int, int, int]]:
    """Return the colours of areas in masks, or of all pixels if there are none; the commonest first."""
    tally = Tally()
    for samples in masks:
        shown = samples.colours()
        shown = np.dstack([shown] * 3) if shown.ndim == 2 else shown
        coarse = np.asarray(shown // COLOUR_STEP, np.int64).clip(0, 31)
        tally.add(np.asarray(1024 * coarse[..., 0] + 32 * coarse[..., 1] + coarse[..., 2], np.uint16))
    chosen: list[Steps] = []
    _choose(tally.flats if tally.flats else tally.counts, chosen, areas=True)
    if len(tally.counts) <= FEW and not any(samples.lossy for samples in masks):
        _choose(tally.counts, chosen, areas=False)  # exact colours may be of things too thin to be areas
    return [_from_steps(colour) for colour in chosen]


def _choose(counter: Counter[float], chosen: list[Steps], *, areas: bool) -> None:
    """Add the colours that are not rare nor near one that is chosen already.

    What makes no areas must not lie between two others either, as the colours of soft edges do.
    """
    commonest = counter.most_common(64)
    rest = sum(counter.values()) - commonest[0][1]
    for code, count in commonest:
        if count < max(4, 0.02 * rest):
            break
        colour = (int(code) // 1024, int(code) // 32 % 32, int(code) % 32)
        apart = all(max(abs(a - b) for a, b in zip(colour, other, strict=True)) > 3 for other in chosen)
        if apart and (areas or not _lies_between(colour, chosen)):
            chosen.append(colour)


def _lies_between(colour: Steps, chosen: Sequence[Steps]) -> bool:
    """Say whether a colour lies between two others in every channel."""
    return any(
        all(min(a, b) <= each <= max(a, b) for each, a, b in zip(colour, first, second, strict=True))
        for first, second in combinations(chosen, 2)
    )


def _from_steps(colour: Steps) -> tuple[int, int, int]:
    red, green, blue = (min(255, round(each * 255 / 31)) for each in colour)
    return red, green, blue


def look_like_photographs(masks: Sequence[Samples], low: float, high: float) -> bool:
    """Say whether masks hold areas of many shades or many hues, as photographs and cut-outs without alpha do.

    Args:
        masks: Their values.
        low: The darkest of them all.
        high: The brightest.
    """
    shaded = bright = 0
    for samples in masks:
        scaled = (samples.brightness().astype(np.float32) - low) / max(high - low, 1e-6)
        smooth = cv2.medianBlur(np.asarray(255 * scaled.clip(0, 1), np.uint8), 5)
        middle = ((smooth > 51) & (smooth < 204)).astype(np.uint8)
        side = max(EDGE, min(smooth.shape) // 50)
        shaded += int(cv2.erode(middle, np.ones((side, side), np.uint8)).sum())
        bright += int((scaled > 0.2).sum())
    return shaded > 0.02 * bright or _has_many_hues(masks)


def _has_many_hues(masks: Sequence[Samples]) -> bool:
    hues: Counter[int] = Counter()
    for samples in masks:
        shown = samples.colours()
        if shown.ndim == 2:
            continue
        most = shown.max(axis=2)
        parts = np.asarray(3.99 * shown / np.maximum(most, 1)[..., None], np.int64)
        codes = (16 * parts[..., 0] + 4 * parts[..., 1] + parts[..., 2])[most >= 64]
        hues.update({number: int(count) for number, count in enumerate(np.bincount(codes, minlength=64)) if count})
    return bool(hues) and max(hues.values()) < 0.6 * sum(hues.values())


def _are_traces(inner: list[float], low: float, high: float) -> bool:
    """Whether few values lie so near to both ends that a lossy format left them, though the file is of another now."""
    near = [value for value in inner if value - low <= 8 or high - value <= 8]
    return high - low >= 200 and len(near) == len(inner) and any(high - value <= 8 for value in near)


def _is_area(tally: Tally, value: float) -> bool:
    return tally.flats[value] >= max(4, 0.02 * tally.counts[value])


def _is_line(tally: Tally, value: float, bright: int) -> bool:
    """Whether a value makes lines of its own, as arteries beside veins; soft edges lie between dark and bright."""
    count = tally.counts[value]
    return count >= max(4, 0.01 * bright) and tally.ridges[value] >= 0.6 * count


def _count(values: NDArray[Any]) -> dict[float, int]:
    if values.dtype.kind == "u":
        numbers = np.bincount(values, minlength=1)
        return {int(value): int(numbers[value]) for value in np.flatnonzero(numbers)}
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))


def _flat(values: NDArray[Any]) -> NDArray[np.bool_]:
    kernel = np.ones((3, 3), np.uint8)
    flat = np.asarray(cv2.erode(values, kernel) == cv2.dilate(values, kernel))
    flat[[0, -1]], flat[:, [0, -1]] = False, False
    return flat


def _ridge(values: NDArray[Any]) -> NDArray[np.bool_]:
    kernel = np.ones((3, 3), np.uint8)
    between = (cv2.erode(values, kernel) < values) & (cv2.dilate(values, kernel) > values)
    return np.asarray(~between & (values > values.min()) & (values < values.max()))
