"""ROC and precision-recall curves, their areas, and the threshold on them whose errors cost least."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def areas_under_curves(histogram: NDArray[np.int64]) -> tuple[float, float]:
    """Area under the ROC curve and average precision of counts.

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


def roc_curve(
    labels: NDArray[np.bool_], values: NDArray[np.floating[Any]]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """ROC curve: false positive rate, sensitivity and threshold ``(T,)`` of every possible one, the highest first.

    Args:
        labels: ``(N,)``, whether each picture is of the class.
        values: ``(N,)``, its probability.
    """
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    hits, alarms = np.cumsum(labels[order])[last], np.cumsum(~labels[order])[last]
    return (
        np.append(0.0, alarms / max(1, int((~labels).sum()))),
        np.append(0.0, hits / max(1, int(labels.sum()))),
        np.append(np.inf, values[order][last]),
    )


def precision_recall_curve(
    labels: NDArray[np.bool_], values: NDArray[np.floating[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Precision-recall curve: recall and precision ``(T,)`` of every possible threshold, the highest first."""
    alarms, hits, _ = roc_curve(labels, values)
    found = hits[1:] * labels.sum()
    raised = found + alarms[1:] * (~labels).sum()
    return hits[1:], found / raised


def cheapest_threshold(
    labels: NDArray[np.bool_], values: NDArray[np.floating[Any]], *, miss: float, alarm: float
) -> tuple[float, float]:
    """Threshold whose errors cost least, and that cost for each image.

    Args:
        labels: ``(N,)``, whether each picture is of the class.
        values: ``(N,)``, its probability.
        miss: Cost of a picture of the class that is not found.
        alarm: Cost of another one that is taken for it.
    """
    alarms, hits, thresholds = roc_curve(labels, values)
    costs = miss * (1 - hits) * labels.sum() + alarm * alarms * (~labels).sum()
    best = int(np.argmin(costs))
    return min(1.0, float(thresholds[best])), float(costs[best] / len(labels))
