"""Areas under the curves of a score that any threshold can be set on."""

import numpy as np
from numpy.typing import NDArray


def areas_under_curves(histogram: NDArray[np.int64]) -> tuple[float, float]:
    """Return the area under the ROC curve and the average precision of counts.

    ROC AUC counts ties within a step as half. Average precision is the sum of precision times the gain in recall
    (scikit-learn's definition). Both are NaN where one of the classes is missing.

    Args:
        histogram: ``(2, bins)`` negatives and positives by what they were given, the lowest first.
    """
    negatives, positives = histogram[0, ::-1].astype(float), histogram[1, ::-1].astype(float)
    if not negatives.sum() or not positives.sum():
        return float("nan"), float("nan")
    true_positives, false_positives = positives.cumsum(), negatives.cumsum()
    recall, false_rate = true_positives / positives.sum(), false_positives / negatives.sum()
    roc = np.trapezoid(np.r_[0, recall], np.r_[0, false_rate])
    precision = true_positives / np.maximum(true_positives + false_positives, 1)
    return float(roc), float(np.sum(np.diff(np.r_[0, recall]) * precision))
