"""Scores of a classification, accumulated over a whole split and kept for every picture."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.metrics.calibration import CALIBRATION_BINS, CalibrationBin, expected_calibration_error, reliability_bins
from core.metrics.confusion import NO_CLASS, confusion_matrix
from core.metrics.curves import areas_under_curves

MOST_RECALLS = 10
"""Up to this many classes each one's recall is a score of its own; with more the five best answers are looked at."""

SMALLEST = float(np.finfo(np.float32).eps)
"""Smaller probabilities count as this in the cross-entropy, so that one sure and wrong answer costs 15.9, not ∞."""

MOST_FEATURES = 256 << 20
"""Bytes of features above which no more are kept, and so none are given."""


class ClassificationScores:
    """Accuracy, macro recall and F1, cross-entropy and calibration of a split; of two classes also areas under curves.

    Keys of :meth:`compute`, all over the whole split at once:

    - ``accuracy``: share of pictures whose most probable class (of equals the first) is the true one.
    - ``top5_accuracy``: share whose true class is among the five most probable; only with more than 10 classes.
    - ``balanced_accuracy``: mean recall of the classes that occur among the labels (macro recall).
    - ``macro_f1``: mean F1 of the classes that occur among the labels or the answers, as scikit-learn's.
    - ``recall_<class>``: of each class; only with up to 10 classes. NaN where the class has no picture.
    - ``loss``: mean cross-entropy in nats; probabilities below 1.2e-7 count as that.
    - ``calibration_error``: expected calibration error (Naeini et al., 2015) of the top probability as in Guo et al.
      (2017, arXiv 1706.04599), 15 equally wide bins, each including its upper edge.
    - with ``positive``, that class against all others: ``roc_auc`` (ties count half), ``pr_auc`` (average precision:
      the sum of precision times the gain in recall) and, for the most probable class, ``sensitivity``,
      ``specificity`` and ``f1``. A ratio without any picture to count is NaN, an F1 of nothing to nothing 0.

    A picture with a probability that is no number has no answer: it counts as wrong, stands in no column of
    :meth:`confusion` and makes ``loss``, ``calibration_error`` and the areas NaN.

    >>> import numpy as np
    >>> scores = ClassificationScores(["cat", "dog"])
    >>> scores.update(["a", "b"], np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.array([0, 1]))
    >>> scores.compute()["accuracy"], scores.compute()["recall_dog"]
    (1.0, 1.0)
    """

    def __init__(self, classes: Sequence[str], *, positive: int | None = None) -> None:
        """Begin with no picture.

        Args:
            classes: Their names, in the order of the probabilities.
            positive: The class that is looked for (illness, defect), where the problem has one.

        Raises:
            ValueError: If there are fewer than two classes, or ``positive`` is none of them.
        """
        if len(classes) < 2:
            raise ValueError(f"{len(classes)} classes were given; at least 2 are needed")
        if positive is not None and not 0 <= positive < len(classes):
            raise ValueError(f"positive is {positive}; it must be from 0 to {len(classes) - 1}")
        self.classes = tuple(classes)
        self.positive = positive
        self.names: list[str] = []
        self._slugs = _slugs(self.classes)
        self._probs: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.int64]] = []
        self._features: list[NDArray[np.float32]] = []

    def update(
        self, names: Sequence[str], probs: NDArray[np.floating], labels: NDArray[np.integer],
        features: NDArray[np.floating] | None = None,
    ) -> None:  # fmt: skip
        """Keep a batch of pictures.

        Args:
            names: N names.
            probs: ``(N, K)``, 0 to 1, each row of sum 1.
            labels: ``(N,)``, the true classes, 0 to K − 1.
            features: ``(N, F)``, what the network's last layer saw of them; they do not count in any score.

        Raises:
            ValueError: If the shapes do not belong together or a label is no class.
        """
        if probs.shape != (len(names), len(self.classes)) or labels.shape != (len(names),):
            raise ValueError(
                f"{len(names)} names, probabilities {probs.shape} and labels {labels.shape} were given; "
                f"(N, {len(self.classes)}) and (N,) are needed"
            )
        if len(names) and not 0 <= int(labels.min()) <= int(labels.max()) < len(self.classes):
            raise ValueError(f"labels from {labels.min()} to {labels.max()} were given for {len(self.classes)} classes")
        self.names.extend(names)
        self._probs.append(probs.astype(np.float32))
        self._labels.append(labels.astype(np.int64))
        if features is not None and sum(each.nbytes for each in self._features) < MOST_FEATURES:
            self._features.append(features.astype(np.float32))

    @property
    def features(self) -> NDArray[np.float32] | None:
        """Return ``(N, F)`` of all pictures so far; None where some were given without."""
        whole = bool(self._features) and sum(map(len, self._features)) == len(self.names)
        return np.concatenate(self._features) if whole else None

    @property
    def probs(self) -> NDArray[np.float32]:
        """Return ``(N, K)`` of all pictures so far."""
        return np.concatenate([np.empty((0, len(self.classes)), np.float32), *self._probs])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return ``(N,)`` of all pictures so far."""
        return np.concatenate([np.empty(0, np.int64), *self._labels])

    def compute(self) -> dict[str, float]:
        """Return every score of the pictures so far; empty before the first."""
        if not self.names:
            return {}
        probs, labels = self.probs, self.labels
        answers = _answers(probs)
        scores = {"accuracy": float(np.mean(answers == labels))}
        if len(self.classes) > MOST_RECALLS:
            scores["top5_accuracy"] = _top_accuracy(probs, labels, 5)
        scores |= self._class_scores(answers, labels)
        scores["loss"] = float(_losses(probs, labels).mean())
        scores["calibration_error"] = expected_calibration_error(self.probs, self.labels)
        if self.positive is not None:
            scores |= _binary_scores(probs[:, self.positive], answers == self.positive, labels == self.positive)
        return scores

    def confusion(self) -> NDArray[np.int64]:
        """Return how often each class was taken for each: ``(K, K)``, a row is a true class, a column an answer."""
        return confusion_matrix(self.labels, _answers(self.probs), len(self.classes))

    def calibration(self, bins: int = CALIBRATION_BINS) -> list[CalibrationBin]:
        """Return a reliability diagram's table: how often answers of each certainty are right.

        Args:
            bins: Equally wide parts of 0 to 1. A picture whose probabilities are no numbers is in none.
        """
        return reliability_bins(self.probs, self.labels, bins)

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture, in order of :attr:`names`.

        ``correct`` (0 or 1), ``loss`` and ``prob_true``, the true class's probability; with a positive class also
        ``wanted``, whether it is of that class (0 or 1), and ``prob_wanted``, the probability that it is.
        """
        probs, labels = self.probs, self.labels
        columns = (_answers(probs) == labels, _losses(probs, labels), probs[np.arange(len(labels)), labels])
        rows = zip(*(column.astype(np.float64).tolist() for column in columns), strict=True)
        told = [{"correct": right, "loss": loss, "prob_true": prob} for right, loss, prob in rows]
        if self.positive is not None:
            for row, label, prob in zip(told, labels, probs[:, self.positive], strict=True):
                row |= {"wanted": float(label == self.positive), "prob_wanted": float(prob)}
        return told

    def reference(self) -> dict[str, float]:
        """Return nothing: what a person reaches on these pictures is not known."""
        return {}

    def _class_scores(self, answers: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, float]:
        classes = len(self.classes)
        hits = np.bincount(labels[answers == labels], minlength=classes)
        wanted = np.bincount(labels, minlength=classes)
        given = np.bincount(answers[answers != NO_CLASS], minlength=classes)
        recalls = [_ratio(int(part), int(whole)) for part, whole in zip(hits, wanted, strict=True)]
        seen = wanted + given > 0
        scores = {
            "balanced_accuracy": float(np.nanmean(recalls)),
            "macro_f1": float(np.mean(2 * hits[seen] / (wanted + given)[seen])),
        }
        if classes <= MOST_RECALLS:
            scores |= {f"recall_{slug}": recall for slug, recall in zip(self._slugs, recalls, strict=True)}
        return scores


def _slugs(classes: Sequence[str]) -> list[str]:
    """Return each class in lower-case letters, digits and underscores; all are numbered if two would be the same."""
    plain = [re.sub(r"[^a-z0-9]+", "_", each.lower()).strip("_") for each in classes]
    if len(set(plain) - {""}) == len(classes):
        return plain
    return [f"{slug}_{number}".strip("_") for number, slug in enumerate(plain)]


def _answers(probs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the most probable classes ``(N,)``, of equals the first; ``NO_CLASS`` where a probability is no number."""
    return np.where(np.isnan(probs).any(axis=1), NO_CLASS, probs.argmax(axis=1))


def _top_accuracy(probs: NDArray[np.float32], labels: NDArray[np.int64], count: int) -> float:
    best = np.argsort(-probs, axis=1, kind="stable")[:, :count]
    found = (best == labels[:, None]).any(axis=1) & ~np.isnan(probs).any(axis=1)
    return float(found.mean())


def _losses(probs: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    true = probs[np.arange(len(labels)), labels].astype(np.float64)
    return np.where(np.isnan(probs).any(axis=1), np.nan, -np.log(np.clip(true, SMALLEST, 1.0)))


def _binary_scores(probs: NDArray[np.float32], found: NDArray[np.bool_], labels: NDArray[np.bool_]) -> dict[str, float]:
    roc, precision_recall = _areas(probs, labels)
    hits, false_alarms = int((found & labels).sum()), int((found & ~labels).sum())
    misses, rest = int((~found & labels).sum()), int((~found & ~labels).sum())
    return {
        "roc_auc": roc,
        "pr_auc": precision_recall,
        "sensitivity": _ratio(hits, hits + misses),
        "specificity": _ratio(rest, rest + false_alarms),
        "f1": _ratio(2 * hits, 2 * hits + false_alarms + misses, empty=0.0),
    }


def _areas(probs: NDArray[np.float32], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """Return ROC AUC and average precision: exact, because every probability that occurs is a step of its own."""
    if np.isnan(probs).any():
        return float("nan"), float("nan")
    values, places = np.unique(probs, return_inverse=True)
    counts = np.bincount(places + len(values) * labels, minlength=2 * len(values))
    return areas_under_curves(counts.reshape(2, len(values)))


def _ratio(part: int, whole: int, *, empty: float = float("nan")) -> float:
    return part / whole if whole else empty
