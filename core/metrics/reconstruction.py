"""How close a picture comes to the one it should be: scores of a split, kept for every picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DATA_RANGE = 2.0
"""Pictures lie between -1 and 1."""
SMALLEST_ERROR = 1e-10
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03

Picture = NDArray[np.float32]
"""``(H, W)`` or ``(H, W, C)``."""


@dataclass(frozen=True)
class PictureErrors:
    """All that is kept of one picture.

    Attributes:
        name: The picture.
        mse: Mean squared error.
        mae: Mean absolute error.
        ssim: Structural similarity; NaN for a picture that is too small for it.
    """

    name: str
    mse: float
    mae: float
    ssim: float


class ReconstructionScores:
    """PSNR, SSIM, mean squared and mean absolute error of a split, each the mean over its pictures.

    Pictures lie between -1 and 1; errors are taken there, on the whole picture, as the network gave it: values beyond
    the range are not clipped. PSNR is computed for each picture alone and then averaged (the vessel report's number),
    which is not the PSNR of the average error: by Jensen's inequality it is never smaller.

    >>> import numpy as np
    >>> target = np.zeros((16, 16, 3), np.float32)
    >>> scores = ReconstructionScores()
    >>> scores.update("a fifth too bright", target + np.float32(0.2), target)
    >>> round(scores.compute()["psnr"], 3)
    20.0
    """

    def __init__(self) -> None:
        self.pictures: list[PictureErrors] = []

    def update(self, name: str, reconstructed: Picture, target: Picture) -> None:
        """Measure one picture.

        Args:
            name: Name of the picture.
            reconstructed: ``(H, W)`` or ``(H, W, C)``.
            target: The same shape, -1 to 1.

        Raises:
            ValueError: The shapes differ.
        """
        _demand_equal_shapes(reconstructed, target)
        difference = np.abs(reconstructed - target)
        similarity = measure_ssim(reconstructed, target)
        squared, absolute = np.square(difference).mean(dtype=np.float64), difference.mean(dtype=np.float64)
        self.pictures.append(PictureErrors(name, float(squared), float(absolute), similarity))

    def compute(self) -> dict[str, float]:
        """Return the mean of every score over the pictures so far; empty before the first."""
        rows = self.per_picture()
        return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} if rows else {}

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`pictures`."""
        return [
            {"psnr": convert_to_psnr(each.mse), "ssim": each.ssim, "mse": each.mse, "mae": each.mae}
            for each in self.pictures
        ]

    def reference(self) -> dict[str, float]:
        """Return nothing: no person draws a retina from memory."""
        return {}

    @property
    def names(self) -> list[str]:
        """Return the pictures' names, in the same order."""
        return [each.name for each in self.pictures]


def convert_to_psnr(mse: float, *, data_range: float = DATA_RANGE) -> float:
    """Return the peak signal-to-noise ratio in decibels, 10·log10(range² / mean squared error).

    Range 2 on [-1, 1] gives the same number as range 1 on [0, 1]. The error is held above 1e-10, so that a perfect
    picture has 106 dB in place of infinitely many, which no mean and no chart survives; rounding to 8 bits alone
    costs all above 59.

    >>> convert_to_psnr(0.04), round(convert_to_psnr(0.0), 2)
    (20.0, 106.02)
    """
    return float(10 * np.log10(data_range**2 / max(mse, SMALLEST_ERROR)))


def measure_ssim(first: Picture, second: Picture, *, data_range: float = DATA_RANGE) -> float:
    """Return the structural similarity of two pictures (Wang et al., 2004, doi 10.1109/TIP.2003.819861).

    As in the paper: a Gaussian window of 11×11 pixels with σ = 1.5, K1 = 0.01, K2 = 0.03, variances divided by the
    window's weight and not by one less, the mean over all places where the whole window lies in the picture. Colour,
    which the paper does not treat, is taken channel by channel and averaged.

    Args:
        first: ``(H, W)`` or ``(H, W, C)``.
        second: The same shape.
        data_range: Distance of black and white.

    Returns:
        At most 1, which only equal pictures reach; NaN where a side has fewer than 11 pixels.

    Raises:
        ValueError: The shapes differ.

    >>> import numpy as np
    >>> picture = np.random.default_rng(0).random((20, 20), np.float32)
    >>> round(measure_ssim(picture, picture), 6)
    1.0
    """
    _demand_equal_shapes(first, second)
    if min(first.shape[:2]) < WINDOW:
        return float("nan")
    channels = zip(_channels(first), _channels(second), strict=True)
    return float(np.mean([_similarity_of_channel(*pair, data_range) for pair in channels]))


def _channels(picture: Picture) -> list[NDArray[np.float64]]:
    stacked = picture.reshape(*picture.shape[:2], -1)
    return [np.ascontiguousarray(stacked[..., channel], np.float64) for channel in range(stacked.shape[2])]


def _similarity_of_channel(first: NDArray[np.float64], second: NDArray[np.float64], data_range: float) -> float:
    """Return the SSIM of two ``(H, W)``; double precision, since variances are differences of nearly equal numbers."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    first_mean, second_mean = _blur(first), _blur(second)
    covariance, variances = _blur(first * second), _blur(first**2 + second**2)
    product = first_mean * second_mean
    squares = np.square(first_mean, out=first_mean)  # in place: new arrays of this size would cost half the time
    squares += np.square(second_mean, out=second_mean)
    covariance -= product
    variances -= squares
    similarity = 2 * product + c1
    similarity *= 2 * covariance + c2
    similarity /= squares + c1
    similarity /= variances + c2
    return float(similarity.mean())


def _blur(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian means of every window that lies inside the picture."""
    reach = WINDOW // 2
    blurred = np.asarray(cv2.GaussianBlur(picture, (WINDOW, WINDOW), SIGMA), np.float64)
    return blurred[reach:-reach, reach:-reach]


def _demand_equal_shapes(first: Picture, second: Picture) -> None:
    if first.shape != second.shape:
        raise ValueError(f"A picture of shape {first.shape} cannot be compared with one of {second.shape}.")
