"""Scores of a segmentation into several classes, accumulated over a whole split and kept for every picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.confusion import confusion_matrix

Counts = NDArray[np.int64]
"""``(classes, classes)`` pixels: rows are what was labelled, columns what was predicted."""


@dataclass(frozen=True)
class PictureConfusion:
    """All that is kept of one picture."""

    name: str
    counts: Counts


class MulticlassSegmentationScores:
    """Mean IoU, the IoU of each class, frequency-weighted IoU and pixel accuracy of a split.

    Pixels are counted over the whole split before any ratio is formed, so a picture weighs as much as it has labelled
    pixels, and a class that most pictures lack is not scored on the few pixels of one.

    - ``iou_<class>``: hits / (hits + misses + false alarms); not a number where the class is neither labelled nor
      predicted.
    - ``miou``: mean of these over the classes that *are* labelled or predicted. A class that occurs nowhere is left
      out; some programs count it as 0, others as 1. In a split that shows every class all agree.
    - ``fwiou``: mean of these weighted by labelled pixels (frequency-weighted IoU of Long et al., 2015).
    - ``pixel_accuracy``: hits of all classes / labelled pixels.

    Pixels whose label is ``ignored`` count for nothing, whatever is predicted there. The course's own program for land
    cover counts predictions on them as false alarms, which lowers the IoU of every class by as much as it is
    predicted on unknown ground.

    >>> import numpy as np
    >>> scores = MulticlassSegmentationScores(("land", "water"))
    >>> scores.update("tile", np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 255]]))
    >>> scores.compute()["miou"], scores.compute()["iou_water"]
    (0.5, 0.5)
    """

    def __init__(self, classes: Sequence[str], ignored: int = 255) -> None:
        """Begin a split.

        Args:
            classes: Names in the order of their numbers; they become parts of keys.
            ignored: Label of pixels that are not counted; no number of a class.
        """
        if 0 <= ignored < len(classes):
            raise ValueError(f"{ignored} is the number of {classes[ignored]} and cannot be ignored")
        self.classes = tuple(classes)
        self.ignored = ignored
        self.pictures: list[PictureConfusion] = []

    def update(self, name: str, predicted: NDArray[np.integer[Any]], labels: NDArray[np.integer[Any]]) -> None:
        """Count one picture.

        Args:
            name: Name of the picture.
            predicted: ``(H, W)`` class numbers.
            labels: ``(H, W)`` class numbers, and ``ignored``.

        Raises:
            ValueError: If shapes differ, or a number that is counted is none of a class.
        """
        self.pictures.append(PictureConfusion(name, self._count(predicted, labels)))

    def _count(self, predicted: NDArray[np.integer[Any]], labels: NDArray[np.integer[Any]]) -> Counts:
        if predicted.shape != labels.shape:
            raise ValueError(f"predictions are {predicted.shape} and labels {labels.shape}; they must be of one shape")
        counted, size = labels != self.ignored, len(self.classes)
        right, found = labels[counted].astype(np.int64), predicted[counted].astype(np.int64)
        for what, numbers in (("labels", right), ("predictions", found)):
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < size:
                raise ValueError(f"{what} go from {numbers.min()} to {numbers.max()}; 0 to {size - 1} is allowed")
        return confusion_matrix(right, found, size)

    @property
    def confusion(self) -> Counts:
        """Return the pixels of the pictures so far, ``(classes, classes)``: rows labelled, columns predicted."""
        total = np.zeros((len(self.classes), len(self.classes)), np.int64)
        for each in self.pictures:
            total += each.counts
        return total

    def compute(self) -> dict[str, float]:
        """Return every score of the pictures so far; empty before the first."""
        return self._scores(self.confusion) if self.pictures else {}

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`pictures`."""
        return [self._scores(each.counts) for each in self.pictures]

    def reference(self) -> dict[str, float]:
        """Return nothing: no second person's labels are known."""
        return {}

    @property
    def names(self) -> list[str]:
        """Return the pictures' names, in the same order."""
        return [each.name for each in self.pictures]

    def _scores(self, counts: Counts) -> dict[str, float]:
        """Return the scores of one set of counts; not a number where nothing is labelled."""
        hits, labelled = np.diag(counts), counts.sum(axis=1)
        union = labelled + counts.sum(axis=0) - hits
        iou = np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)
        occur, total = union > 0, int(labelled.sum())
        return {
            "miou": float(iou[occur].mean()) if total else float("nan"),
            "fwiou": float((labelled[occur] * iou[occur]).sum() / total) if total else float("nan"),
            "pixel_accuracy": float(hits.sum() / total) if total else float("nan"),
        } | {f"iou_{name}": float(value) for name, value in zip(self.classes, iou, strict=True)}
