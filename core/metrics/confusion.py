"""The confusion matrix: how often each class was taken for each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_CLASS = -1
"""Prediction of an image whose probabilities are no numbers; it is not counted."""


def confusion_matrix(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Confusion matrix ``(K, K)``: a row is a true class, a column a predicted one.

    Args:
        labels: ``(N,)`` true classes, 0 to K - 1.
        predicted: ``(N,)`` predicted ones, or :data:`NO_CLASS`.
        classes: K.
    """
    counted = predicted != NO_CLASS
    places = labels[counted].astype(np.int64) * classes + predicted[counted].astype(np.int64)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)
