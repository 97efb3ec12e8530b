"""How well two sets of pictures can be told apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPONENTS, RESAMPLED, FEWEST = 64, 500, 20
LEVEL = 95


@dataclass(frozen=True)
class Separation:
    """How well two sets of pictures can be told apart.

    Attributes:
        auc: Area under the ROC curve, 0 to 1: 0.5 where they cannot be told apart, 1 where each can.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    auc: float
    low: float
    high: float

    @property
    def is_there(self) -> bool:
        """Say whether the interval lies above what guessing gives."""
        return self.low > 0.5


def separate(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> Separation:
    """Return how well features ``(N, F)`` can be told from features ``(M, F)``.

    A logistic regression on the principal components is trained on half of both and judged on the other half
    ("classifier two-sample test", Lopez-Paz and Oquab, 2017, arXiv 1610.06545); the interval is of 500 resamplings of
    the half that it is judged on (percentile bootstrap). Cross-validation would use more pictures, but its folds
    depend on each other, and such an interval claims a difference too often.

    Raises:
        ValueError: If there are less than 20 of either.
    """
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a second, which few need
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]  # noqa: PLC0415

    if min(len(first), len(second)) < FEWEST:
        raise ValueError(f"there are {len(first)} and {len(second)}; at least {FEWEST} of each are needed")
    both = np.concatenate([first, second]).astype(np.float64)
    origin = np.arange(len(both)) >= len(first)
    seen, judged, of_seen, of_judged = train_test_split(both, origin, test_size=0.5, stratify=origin, random_state=0)
    judge = make_pipeline(
        StandardScaler(), PCA(min(COMPONENTS, both.shape[1], len(seen)), random_state=0), StandardScaler(),
        LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"),
    )  # fmt: skip
    answers = judge.fit(seen, of_seen).decision_function(judged)
    rng, found = np.random.default_rng(0), []
    places = [np.flatnonzero(of_judged == which) for which in (False, True)]
    for _ in range(RESAMPLED):
        rows = np.concatenate([rng.choice(each, len(each)) for each in places])
        found.append(roc_auc_score(of_judged[rows], answers[rows]))
    low, high = np.percentile(found, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Separation(float(roc_auc_score(of_judged, answers)), float(low), float(high))
