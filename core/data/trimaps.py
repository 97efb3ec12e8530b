"""Trimaps: masks of foreground, background and a border between them, told by their values and by how they touch."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.looked_at import Signature, look_at, sign

MOST_TOUCHING = 0.1
"""In a trimap the border parts foreground and background; so much of all outlines may lack it."""


def find_trimap_start(paths: Sequence[Path]) -> int | None:
    """Return the smallest value of a set's trimaps, None where its masks are none.

    1 pet, 2 background, 3 border is told by its values, because a mask has zeros or bright values. Of 0 pet, 1
    background, 2 border the border must lie between the others and the background along the frame, which tells it from
    numbers of classes on a ground of 0.

    Raises:
        UserError: If a mask cannot be read.
    """
    return _find_remembered(sign(paths)) if paths else None


@lru_cache(maxsize=64)
def _find_remembered(signature: Signature) -> int | None:
    labels = [each.brightness() for each in look_at([path for path, _, _ in signature]).masks]
    values = {float(value) for each in labels for value in np.unique(each)}
    if {1, 2} <= values <= {1, 2, 3}:
        return 1
    if values != {0, 1, 2}:
        return None
    framed = sum(float((_frame(each) == 0).mean()) < 0.5 for each in labels)
    touching, all_outlines = (sum(counts) for counts in zip(*map(_count_outlines, labels), strict=True))
    return 0 if framed > len(labels) / 2 and touching <= MOST_TOUCHING * all_outlines else None


def _frame(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])


def _count_outlines(labels: NDArray[np.generic]) -> tuple[int, int]:
    """Return at how many places 0 touches 1, and at how many any two values touch."""
    touching = all_of_them = 0
    signed = labels.astype(np.int64)
    for first, second in ((signed[1:], signed[:-1]), (signed[:, 1:], signed[:, :-1])):
        all_of_them += int((first != second).sum())
        touching += int(((first + second) == 1).sum())
    return touching, all_of_them
