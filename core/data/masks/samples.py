"""Some masks of a set, opened to tell what the values of all of them mean."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.data.image_io.reader import DATASET_LIMITS, read_samples
from core.data.masks.rule import Samples

LOOKED_AT = 12
"""So many masks of a set are opened to tell what their values mean, spread over all of them."""
SHOWN = 8
"""So many values are named of many."""
MASK_LIMITS = replace(DATASET_LIMITS, min_side=1)

Signature = tuple[tuple[Path, int, int], ...]
"""Paths with what tells their present content from another: time of change and size."""


@dataclass(frozen=True)
class LookedAt:
    """Some masks of a set, opened.

    Attributes:
        masks: Their values.
        names: Of their files.
        of: How many masks the set has.
    """

    masks: tuple[Samples, ...]
    names: tuple[str, ...]
    of: int

    def say(self) -> str:
        """Say how many were looked at."""
        return f"{len(self.masks):,} of {self.of:,} masks were looked at, such as {self.names[0]}"


def look_at(paths: Sequence[Path], count: int = LOOKED_AT) -> LookedAt:
    """Open some masks of a set, spread evenly over all of them.

    Raises:
        UserError: If one cannot be read.
    """
    numbers = np.unique(np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)) if paths else ()
    chosen = [paths[number] for number in numbers]
    with ThreadPoolExecutor(4) as pool:
        masks = tuple(pool.map(lambda path: read_samples(path, limits=MASK_LIMITS), chosen))
    return LookedAt(masks, tuple(path.name for path in chosen), len(paths))


def sign(paths: Sequence[Path]) -> Signature:
    """Return paths with what tells their present content from another: time of change and size."""
    found = []
    for path in paths:
        status = path.stat()
        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def say_values(values: Sequence[float]) -> str:
    """Return values in order; of many the first, the last and their number.

    >>> say_values([3, 0, 1.5])
    '0, 1.5, 3'
    >>> say_values(range(100))
    '0, 1, 2, 3, 4, 5, 6, 7 … 99, 100 in all'
    """
    ordered = [f"{value:g}" for value in sorted(values)]
    if len(ordered) <= SHOWN + 2:
        return ", ".join(ordered)
    return f"{', '.join(ordered[:SHOWN])} … {ordered[-1]}, {len(ordered):,} in all"
