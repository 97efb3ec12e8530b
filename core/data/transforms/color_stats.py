"""The mean and the deviation of a data set's colours, which networks are fed with taken away."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import Pixels
from core.errors import UserError

Colours = tuple[float, float, float]
"""Red, green and blue."""


def measure_colours(pictures: Iterable[Pixels]) -> tuple[Colours, Colours]:
    """Measure mean and standard deviation of each channel over all pixels of all pictures, large ones counting more.

    Pixels are counted by value, so the result is exact and does not depend on the order of the pictures. The deviation
    is that of the pixels themselves (divided by N), not the mean of the pictures' deviations, which is smaller.

    Args:
        pictures: Each ``(H, W, 3)`` RGB, 0 to 255; opened one after another.

    Returns:
        Mean and deviation of red, green and blue, 0 to 1.

    Raises:
        UserError: If there is no picture.
    """
    counts = np.zeros((3, 256), np.int64)
    for pixels in pictures:
        for channel in range(3):
            counts[channel] += np.bincount(pixels[:, :, channel].ravel(), minlength=256)
    if not counts.any():
        raise UserError("Colours cannot be measured without pictures; give a split that holds at least one.")
    values = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    means = shares @ values
    deviations = np.sqrt((shares * (values - means[:, None]) ** 2).sum(axis=1))
    return _colours(means), _colours(deviations)


def _colours(channels: NDArray[np.float64]) -> Colours:
    red, green, blue = channels.tolist()
    return red, green, blue
