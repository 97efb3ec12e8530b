"""What features are worth before any classifier is trained on them: their nearest neighbours, and whether they differ.

Both are watched while a network learns without labels: the labels only look on.
"""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating]
"""``(N, D)``, one row a picture."""
Labels = NDArray[np.integer]
"""``(N,)``, classes from 0."""

CHUNK = 1024
"""Queries compared with the whole bank at once: 40 MB of similarities against a bank of 10,000."""

NO_CLASS = -1


def neighbour_scores(bank: Features, bank_labels: Labels, queries: Features, labels: Labels) -> dict[str, float]:
    """Return what is watched while features are learned.

    - ``knn_accuracy``, the one to monitor: share of queries whose 20 nearest pictures of the bank, weighted, vote for
      their class. Weights make ties as good as impossible and it moves less from epoch to epoch than the next.
    - ``knn5_accuracy``: the same with the plain majority of 5.
    - ``feature_deviation``: see :func:`feature_deviation`, of the queries.

    Args:
        bank: Features of labelled pictures, those of the training split.
        bank_labels: Their classes.
        queries: Features of other pictures.
        labels: Their classes.
    """
    return {
        "knn_accuracy": neighbour_accuracy(bank, bank_labels, queries, labels),
        "knn5_accuracy": neighbour_accuracy(bank, bank_labels, queries, labels, count=5, temperature=None),
        "feature_deviation": feature_deviation(queries),
    }


def neighbour_accuracy(
    bank: Features,
    bank_labels: Labels,
    queries: Features,
    labels: Labels,
    *,
    count: int = 20,
    temperature: float | None = 0.1,
) -> float:
    """Return the share of queries that :func:`classify_by_neighbours` names rightly; NaN without a query."""
    if not len(queries):
        return float("nan")
    answers = classify_by_neighbours(bank, bank_labels, queries, count=count, temperature=temperature)
    return float(np.mean(answers == labels))


def classify_by_neighbours(
    bank: Features, bank_labels: Labels, queries: Features, *, count: int = 20, temperature: float | None = 0.1
) -> NDArray[np.int64]:
    """Return the class of each query by a vote of the most similar pictures of a bank, ``(M,)``.

    A neighbour at cosine similarity s has ``exp(s / temperature)`` votes (Wu et al., 2018, arXiv 1805.01978).
    Deviation: they take 200 neighbours of 1.3 million pictures and a temperature of 0.07; small sets have fewer
    pictures of a class than that, hence 20 and the 0.1 that later work settled on.

    Args:
        bank: ``(N, D)``, N ≥ 1; rows that are no numbers are passed over.
        bank_labels: ``(N,)``.
        queries: ``(M, D)``; a row that is no number gets the class −1.
        count: Neighbours that vote; all where the bank has fewer.
        temperature: None gives each neighbour one vote. Of classes with equally many votes the first wins.

    Raises:
        ValueError: If the bank is empty or the shapes do not belong together.
    """
    if not len(bank) or bank.shape[1:] != queries.shape[1:] or bank_labels.shape != bank.shape[:1]:
        raise ValueError(f"bank {bank.shape}, its labels {bank_labels.shape}, queries {queries.shape} were given")
    sound = np.isfinite(bank).all(axis=1)
    answers = np.full(len(queries), NO_CLASS, np.int64)
    if not sound.any():
        return answers
    bank, bank_labels = _normalised(bank[sound]), bank_labels[sound]
    for start in range(0, len(queries), CHUNK):
        similarities = _normalised(queries[start : start + CHUNK]) @ bank.T
        answers[start : start + CHUNK] = _vote(similarities, bank_labels, min(count, len(bank)), temperature)
    answers[~np.isfinite(queries).all(axis=1)] = NO_CLASS
    return answers


def feature_deviation(features: Features) -> float:
    """Return how far pictures' features differ: 0 where all are the same (collapse), ``1 / sqrt(D)`` where well spread.

    The mean over dimensions of the standard deviation over pictures (divided by N) of features scaled to length 1
    (Chen and He, 2021, arXiv 2011.10566, figure 2). ``1 / sqrt(D)`` belongs to features spread evenly around 0;
    features after a ReLU are never negative and stay below it. NaN without a picture.

    >>> import numpy as np
    >>> feature_deviation(np.ones((8, 4))), feature_deviation(np.array([[1.0], [-1.0]]))
    (0.0, 1.0)

    Args:
        features: ``(N, D)``.
    """
    if not len(features):
        return float("nan")
    return float(_normalised(features).astype(np.float64).std(axis=0).mean())


def _normalised(features: Features) -> NDArray[np.float32]:
    """Scale rows to length 1; a row of zeros stays one."""
    exact = features.astype(np.float32)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = exact / np.maximum(lengths, np.float32(1e-12))
    return scaled


def _vote(
    similarities: NDArray[np.float32], bank_labels: Labels, count: int, temperature: float | None
) -> NDArray[np.int64]:
    nearest = np.argpartition(similarities, -count, axis=1)[:, -count:]
    weights = np.ones(nearest.shape)
    if temperature is not None:
        near = np.take_along_axis(similarities, nearest, axis=1).astype(np.float64)
        weights = np.exp((near - near.max(axis=1, keepdims=True)) / temperature)  # the largest is 1: no overflow
    rows, classes = len(similarities), int(bank_labels.max()) + 1
    ballots = np.arange(rows)[:, None] * classes + bank_labels[nearest]
    votes = np.bincount(ballots.ravel(), weights.ravel(), minlength=rows * classes)
    answers: NDArray[np.int64] = votes.reshape(rows, classes).argmax(axis=1)
    return answers
