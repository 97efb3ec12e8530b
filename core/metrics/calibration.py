"""Calibration of a classifier: reliability diagram, expected calibration error, and temperature scaling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probs = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

CALIBRATION_BINS = 15
"""As in Guo et al. (2017, arXiv 1706.04599); the same wherever a calibration error is said."""
TEMPERATURES = np.geomspace(0.2, 10, 200)
"""Among which the one that fits best is chosen."""


@dataclass(frozen=True)
class CalibrationBin:
    """The images whose top probability lies between two values: one bar of a reliability diagram.

    Attributes:
        low: Lower edge, not included.
        high: Upper edge, included.
        count: Images in it.
        confidence: Mean of their top probabilities; NaN where there is none.
        accuracy: Share of them that is right; NaN where there is none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability_bins(probs: Probs, labels: Labels, bins: int = CALIBRATION_BINS) -> list[CalibrationBin]:
    """Table of a reliability diagram: how often predictions of each confidence are right.

    Args:
        probs: ``(N, K)``, 0 to 1. An image whose probabilities are no numbers is in no bin.
        labels: ``(N,)`` true classes.
        bins: Equally wide parts of 0 to 1.
    """
    top, right = probs.max(axis=1).astype(np.float64), probs.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    places = np.where(np.isnan(top), bins, np.digitize(top, edges[1:-1], right=True))
    rows = []
    for place, (low, high) in enumerate(pairwise(edges)):
        inside = places == place
        means = (float(top[inside].mean()), float(right[inside].mean())) if inside.any() else (np.nan, np.nan)
        rows.append(CalibrationBin(float(low), float(high), int(inside.sum()), *means))
    return rows


def expected_calibration_error(probs: Probs, labels: Labels) -> float:
    """Expected calibration error (Naeini et al., 2015) of the top probability, 0 to 1; NaN where one is no number.

    Args:
        probs: ``(N, K)``, 0 to 1.
        labels: ``(N,)`` true classes.
    """
    if np.isnan(probs).any():
        return float("nan")
    filled = [each for each in reliability_bins(probs, labels) if each.count]
    return sum(each.count * abs(each.accuracy - each.confidence) for each in filled) / max(1, len(labels))


def with_temperature(probs: Probs, temperature: float) -> NDArray[np.float64]:
    """Temperature scaling (Guo et al., 2017): logits divided by a temperature, above 1 for less confidence."""
    logits = np.log(np.maximum(probs.astype(np.float64), 1e-12)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return scaled


def best_temperature(probs: Probs, labels: Labels) -> float:
    """Temperature with the smallest mean cross-entropy, of :data:`TEMPERATURES`."""

    def loss(temperature: float) -> float:
        chosen = with_temperature(probs, temperature)[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(chosen, 1e-12)).mean())

    losses = [loss(float(each)) for each in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))]) if math.isfinite(min(losses)) else 1.0


def cross_validated_temperature(probs: Probs, labels: Labels, folds: int = 5) -> tuple[float, Sequence[float]]:
    """Temperature of all images, and what scaling is worth: each image is scaled by the temperature of other folds.

    Returns:
        The temperature; the calibration errors as predicted and as scaled.
    """
    scaled = np.empty(probs.shape, np.float64)
    places = np.random.default_rng(0).permutation(len(labels)) % folds
    for fold in range(folds):
        inside = places == fold
        if inside.any() and (~inside).any():
            scaled[inside] = with_temperature(probs[inside], best_temperature(probs[~inside], labels[~inside]))
    errors = (expected_calibration_error(probs, labels), expected_calibration_error(scaled, labels))
    return best_temperature(probs, labels), errors
