"""What a picture gives away without being looked at, and how well a linear classifier lives on that alone."""

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CUES = (
    *("mean", "std", "red", "green", "blue"),
    *("share below 64", "share above 192", "share 2 std darker", "share 2 std brighter"),
    *("centre x", "centre y", "spread x", "spread y", "PNG bytes"),
)
"""Names of the columns that `picture_cues` returns."""

COLOUR_FREE = tuple(index for index, name in enumerate(CUES) if name not in {"red", "green", "blue"})
"""Columns that a grey version of the picture has too."""


def picture_cues(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Global numbers of one picture, in the order of `CUES`.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)`` RGB, 0 to 255.
    """
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    grey = colours.mean(axis=2)
    mean, std = grey.mean(), grey.std()
    shares = [chosen.mean() for chosen in (grey < 64, grey > 192, grey < mean - 2 * std, grey > mean + 2 * std)]
    png_bytes = len(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 4])[1])
    return np.array([mean, std, *colours.mean(axis=(0, 1)), *shares, *_place(np.abs(grey - mean)), png_bytes])


def cue_accuracy(cues: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Five-fold cross-validated accuracy of a logistic regression on standardised cues, ``(N, K)``; chance is 1 / C."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(cross_val_score(classifier, cues, labels, cv=folds).mean())


def _place(deviation: NDArray[np.float64]) -> list[float]:
    """Centre and spread, as parts of the picture, of where it differs from its mean."""
    total = max(float(deviation.sum()), 1e-9)
    centres, spreads = [], []
    for axis in (0, 1):
        weights = deviation.sum(axis=axis) / total
        places = np.linspace(0.0, 1.0, len(weights))
        centre = float((weights * places).sum())
        centres.append(centre)
        spreads.append(float(np.sqrt((weights * (places - centre) ** 2).sum())))
    return [*centres, *spreads]
