"""How well the outline of a mask is met: the boundary F1 score, for a picture and for a whole split."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.0075
"""Share of the picture's diagonal; Csurka's own choice."""


@dataclass(frozen=True)
class BoundaryCounts:
    """What is kept of one picture's outlines; counts of several pictures can be added.

    Attributes:
        right: Pixels of the predicted boundary near the label's, and its length.
        found: Pixels of the label's boundary near the predicted one, and its length.
    """

    right: tuple[int, int]
    found: tuple[int, int]

    @property
    def precision(self) -> float:
        """Return the share of the predicted boundary that is right; 1 where none is predicted."""
        return _share(self.right)

    @property
    def recall(self) -> float:
        """Return the share of the label's boundary that is found; 1 where there is none."""
        return _share(self.found)

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall.

        It is 1 where neither mask has a boundary and 0 where just one of them has. A mask that is empty and one that
        fills the picture both have none: this score cannot tell them apart, Dice can.
        """
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


class BoundaryScores:
    """Boundary F1 with its precision and recall, pooled over a split and as the mean over its pictures.

    Pooled (the plain name) counts the boundary pixels of all pictures together, so that long outlines weigh more; the
    mean over pictures (``_mean``) is the paper's.

    >>> import numpy as np
    >>> label = np.zeros((20, 20), bool); label[5:15, 5:15] = True
    >>> scores = BoundaryScores()
    >>> scores.update("perfect", label, label)
    >>> scores.compute()["boundary_f1"]
    1.0
    """

    def __init__(self, tolerance: float = TOLERANCE) -> None:
        self.tolerance = tolerance
        self.names: list[str] = []
        self.pictures: list[BoundaryCounts] = []

    def update(self, name: str, predicted: NDArray[np.bool_], label: NDArray[np.bool_]) -> None:
        """Count one picture; both masks ``(H, W)``."""
        self.pictures.append(count_boundary(predicted, label, tolerance=self.tolerance))
        self.names.append(name)

    def compute(self) -> dict[str, float]:
        """Return every score of the pictures so far; empty before the first."""
        if not self.pictures:
            return {}
        means = {"boundary_f1_mean": float(np.mean([each.f1 for each in self.pictures]))}
        return _scores(pool_boundaries(self.pictures)) | means

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`names`."""
        return [_scores(each) for each in self.pictures]

    def reference(self) -> dict[str, float]:
        """Return nothing: no second person has drawn these outlines."""
        return {}


def count_boundary(
    predicted: NDArray[np.bool_], label: NDArray[np.bool_], *, tolerance: float = TOLERANCE
) -> BoundaryCounts:
    """Count the boundary pixels of two masks that lie near the other's boundary.

    Boundary F1 of Csurka et al., 2013 ("What is a good evaluation measure for semantic segmentation?", BMVC): a pixel
    is near if its Euclidean distance to the nearest pixel of the other boundary is *less* than θ, a share of the
    picture's diagonal. At 0.75 % that is 5.4 pixels in 512×512; in 96×96 it is one pixel and below 94×94 less than
    one, so that small pictures are judged strictly.

    A mask's boundary are its own pixels with background above, below, left or right of them. Where an object leaves
    the picture there is no boundary: what lies beyond is not known.

    Args:
        predicted: ``(H, W)``.
        label: ``(H, W)``, the same size.
        tolerance: Share of the diagonal.

    Returns:
        The counts, from which precision, recall and F1 follow.

    Raises:
        ValueError: The masks differ in size.
    """
    if predicted.shape != label.shape:
        raise ValueError(f"A mask of {predicted.shape} cannot be compared with one of {label.shape}.")
    theta = tolerance * float(np.hypot(*label.shape))
    predicted_line, label_line = _outline(predicted), _outline(label)
    return BoundaryCounts(
        right=(_count_near(predicted_line, label_line, theta), int(predicted_line.sum())),
        found=(_count_near(label_line, predicted_line, theta), int(label_line.sum())),
    )


def pool_boundaries(counts: Iterable[BoundaryCounts]) -> BoundaryCounts:
    """Return the counts of all pictures together."""
    pairs = np.array([(each.right, each.found) for each in counts], np.int64).reshape(-1, 2, 2).sum(axis=0)
    right, found = ((int(near), int(length)) for near, length in pairs)
    return BoundaryCounts(right, found)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross)  # beyond the edge it takes the mask to go on
    return mask & ~np.asarray(inner, np.bool_)


def _count_near(line: NDArray[np.bool_], other: NDArray[np.bool_], theta: float) -> int:
    if not other.any():
        return 0
    distances = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return int((np.asarray(distances)[line] < theta).sum())


def _share(pair: tuple[int, int]) -> float:
    near, length = pair
    return near / length if length else 1.0


def _scores(counts: BoundaryCounts) -> dict[str, float]:
    return {
        "boundary_f1": counts.f1,
        "boundary_precision": counts.precision,
        "boundary_recall": counts.recall,
    }
