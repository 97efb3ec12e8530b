"""Several seeds' curves as one: where all of them are, the lowest, mean and highest value."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyCurve = tuple[NDArray[Any], NDArray[np.float64]]
"""Rising places and values there, both ``(N,)``."""


def band(curves: Sequence[AnyCurve]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return where the curves of several seeds all are, and their lowest, mean and highest value there.

    Between its points a curve is taken as straight, because seeds need not have points at the same places in time.

    Args:
        curves: One or more, none of them empty.
    """
    first, last = max(each[0][0] for each in curves), min(each[0][-1] for each in curves)
    places = np.unique(np.concatenate([each[0] for each in curves]))
    places = places[(places >= first) & (places <= last)]
    values = np.stack([np.interp(places, *each) for each in curves])
    return places, values.min(axis=0), values.mean(axis=0), values.max(axis=0)
