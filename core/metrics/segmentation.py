"""Scores of a binary segmentation, accumulated over a whole split and kept for every picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from core.metrics.curves import areas_under_curves

BINS = 16_384
LOGIT_LIMIT = 16.0


@dataclass(frozen=True)
class PictureCounts:
    """All that is kept of one picture: counts and a histogram instead of its pixels.

    Attributes:
        name: The picture.
        hits: Foreground pixels found (true positives) at the threshold.
        false_alarms: Background pixels taken for foreground.
        misses: Foreground pixels not found.
        rest: Background pixels left alone.
        skeleton_found: Pixels of the label's centre line that the prediction covers, and its length, if counted.
        skeleton_right: Pixels of the prediction's centre line that lie in the label, and its length.
        histogram: ``(2, BINS)`` background and foreground pixels by log-odds.
    """

    name: str
    hits: int
    false_alarms: int
    misses: int
    rest: int
    skeleton_found: tuple[int, int] | None
    skeleton_right: tuple[int, int] | None
    histogram: NDArray[np.int64]


class BinarySegmentationScores:
    """Dice, IoU, sensitivity, specificity, ROC AUC, PR AUC and clDice of a split.

    Every score is given pooled (all pixels of the split counted together, the plain name) and, for Dice, IoU and
    clDice, as the mean over pictures (``_mean``). Areas under curves come from a histogram of 16,384 steps of log-odds
    between −16 and 16, so that a split of any size fits in memory; the error against exact sorting is below 1e-3.

    >>> import numpy as np
    >>> label = np.zeros((8, 8), bool); label[2:6] = True
    >>> scores = BinarySegmentationScores()
    >>> scores.update("perfect", label.astype(np.float32), label)
    >>> scores.compute()["dice"]
    1.0
    """

    def __init__(self, threshold: float = 0.5, *, centre_lines: bool = True) -> None:
        """Start with no picture.

        Args:
            threshold: Probability from which a pixel counts as foreground.
            centre_lines: Whether clDice is counted, which says something of thin structures and takes most of the time.
        """
        self.threshold = threshold
        self.centre_lines = centre_lines
        self.pictures: list[PictureCounts] = []

    def update(
        self,
        name: str,
        probabilities: NDArray[np.float32],
        labels: NDArray[np.bool_],
        inside: NDArray[np.bool_] | None = None,
    ) -> None:
        """Count one picture.

        Args:
            name: Name of the picture.
            probabilities: ``(H, W)``, 0 to 1.
            labels: ``(H, W)``.
            inside: ``(H, W)``; pixels outside are not counted. None counts all.
        """
        inside = np.ones_like(labels) if inside is None else inside
        predicted = (probabilities >= self.threshold) & inside
        labels = labels & inside
        hits, false_alarms = int((predicted & labels).sum()), int((predicted & ~labels).sum())
        found, right = _compare_lines(predicted, labels) if self.centre_lines else (None, None)
        self.pictures.append(
            PictureCounts(
                name,
                hits,
                false_alarms,
                int(labels.sum()) - hits,
                int(inside.sum()) - int(labels.sum()) - false_alarms,
                found,
                right,
                _histogram(probabilities[inside], labels[inside]),
            )
        )

    def compute(self) -> dict[str, float]:
        """Return every score of the pictures so far; empty before the first."""
        if not self.pictures:
            return {}
        rows = self.per_picture()
        means = {f"{key}_mean": float(np.mean([row[key] for row in rows])) for key in self._averaged}
        return _scores(_pooled(self.pictures)) | means

    @property
    def _averaged(self) -> tuple[str, ...]:
        return ("dice", "iou", "cldice") if self.centre_lines else ("dice", "iou")

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`pictures`."""
        return [_scores(each) for each in self.pictures]

    @property
    def names(self) -> list[str]:
        """Return the pictures' names, in the same order."""
        return [each.name for each in self.pictures]


def _centre_line(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(skeletonize(mask), np.bool_)  # type: ignore[no-untyped-call]


def _compare_lines(predicted: NDArray[np.bool_], labels: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how much of the label's centre line is predicted, and how much of the prediction's is label."""
    label_line, predicted_line = _centre_line(labels), _centre_line(predicted)
    return (
        (int((label_line & predicted).sum()), int(label_line.sum())),
        (int((predicted_line & labels).sum()), int(predicted_line.sum())),
    )


def _histogram(probabilities: NDArray[np.float32], labels: NDArray[np.bool_]) -> NDArray[np.int64]:
    clipped = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    logits = np.log(clipped) - np.log1p(-clipped)
    places = ((logits + LOGIT_LIMIT) * (BINS / (2 * LOGIT_LIMIT))).astype(np.int64).clip(0, BINS - 1)
    return np.bincount(places + BINS * labels, minlength=2 * BINS).reshape(2, BINS)


def _pooled(pictures: list[PictureCounts]) -> PictureCounts:
    def add(field: str) -> int:
        return sum(getattr(each, field) for each in pictures)

    def add_pairs(field: str) -> tuple[int, int] | None:
        pairs = [getattr(each, field) for each in pictures]
        return None if None in pairs else (sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs))

    histogram = np.sum([each.histogram for each in pictures], axis=0)
    return PictureCounts(
        "pooled", add("hits"), add("false_alarms"), add("misses"), add("rest"),
        add_pairs("skeleton_found"), add_pairs("skeleton_right"), histogram,
    )  # fmt: skip


def _scores(counts: PictureCounts) -> dict[str, float]:
    """Return the scores of one set of counts. A ratio of nothing to nothing is 1: an empty mask, found empty."""
    hits, wrong = counts.hits, counts.false_alarms + counts.misses
    roc, precision_recall = areas_under_curves(counts.histogram)
    scores = {
        "dice": _ratio(2 * hits, 2 * hits + wrong),
        "iou": _ratio(hits, hits + wrong),
        "sensitivity": _ratio(hits, hits + counts.misses),
        "specificity": _ratio(counts.rest, counts.rest + counts.false_alarms),
        "roc_auc": roc,
        "pr_auc": precision_recall,
    }
    if counts.skeleton_right and counts.skeleton_found:
        line_precision, line_recall = _ratio(*counts.skeleton_right), _ratio(*counts.skeleton_found)
        scores["cldice"] = _ratio(2 * line_precision * line_recall, line_precision + line_recall, empty=0.0)
    return scores


def _ratio(part: float, whole: float, *, empty: float = 1.0) -> float:
    return part / whole if whole else empty
