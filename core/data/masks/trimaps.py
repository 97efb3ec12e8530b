"""Trimaps: masks of foreground, background and a border between them, told by their values and by how they touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.masks.samples import Signature, look_at, sign
from core.errors import UserError

MOST_TOUCHING = 0.1
"""In a trimap the border parts foreground and background; so much of all outlines may lack it."""
UNSURE = 0.4
"""If between this share of the frame and the rest of it belong to either of two values, it tells no background."""


@dataclass(frozen=True)
class FoundTrimaps:
    """Whether masks are trimaps.

    Attributes:
        start: The smallest of their values; None where they are none.
        notes: A sentence where masks have two values that may be read either way.
    """

    start: int | None = None
    notes: tuple[str, ...] = ()


def find_trimaps(paths: Sequence[Path], *, certain: bool = False) -> FoundTrimaps:
    """Tell trimaps by their values and by how these lie.

    They are 1 pet, 2 background, 3 border, or 0, 1 and 2: the border must lie between the others, and the background
    along the frame, which tells them from numbers of classes on a ground of the smallest number. Of 1 and 2 alone the
    one that runs along the frame is the background, which may be either.

    Args:
        paths: All masks of the set.
        certain: Whether the layout says that they are trimaps.

    Raises:
        UserError: If a mask cannot be read, or if of 1 and 2 alone neither runs along the frame.
    """
    return _find_remembered(sign(paths), certain) if paths else FoundTrimaps()


@lru_cache(maxsize=64)
def _find_remembered(signature: Signature, certain: bool) -> FoundTrimaps:
    looked = look_at([path for path, _, _ in signature])
    labels = [each.numbers() for each in looked.masks]
    values = {float(value) for each in labels for value in np.unique(each)}
    if values == {1, 2} and not certain:
        return _ask_frame(labels, looked.say())
    if values not in ({1, 2}, {1, 2, 3}, {0, 1, 2}):
        return FoundTrimaps()
    start = int(min(values))
    if certain and start:
        return FoundTrimaps(start)
    framed = sum(float((frame_of(each) == start).mean()) < 0.5 for each in labels)
    counted = [_count_outlines(each, start) for each in labels]
    touching, all_outlines = (sum(counts) for counts in zip(*counted, strict=True))
    is_trimap = framed > len(labels) / 2 and touching <= MOST_TOUCHING * all_outlines
    return FoundTrimaps(start if is_trimap else None)


def _ask_frame(labels: Sequence[NDArray[np.generic]], looked: str) -> FoundTrimaps:
    """Tell which of 1 and 2 is the background: what runs along most of the frame in most masks."""
    share = float(np.median([(frame_of(each) == 2).mean() for each in labels]))
    if UNSURE < share < 1 - UNSURE:
        raise UserError(
            f"The masks hold 1 and 2 alone ({looked}), and neither runs along the frame as a background does, so it is "
            "not plain which of them is meant: write 0 for the background and 255 for the foreground."
        )
    ground, meant = (2, 1) if share >= 0.5 else (1, 2)
    said = f"Its masks hold 1 and 2 alone: {ground} runs along the frame and is the background, {meant} the foreground."
    return FoundTrimaps(1 if ground == 2 else None, (said,))


def frame_of(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the outermost pixels of an image ``(H, W)``."""
    return np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])


def _count_outlines(labels: NDArray[np.generic], start: int) -> tuple[int, int]:
    """Return at how many places the first two values touch, and at how many any two do."""
    touching = all_of_them = 0
    signed = labels.astype(np.int64) - start
    for first, second in ((signed[1:], signed[:-1]), (signed[:, 1:], signed[:, :-1])):
        all_of_them += int((first != second).sum())
        touching += int(((first + second) == 1).sum())
    return touching, all_of_them
