"""What a classifier answered for each held-back picture after an epoch, and what follows from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.layouts.class_names import positive_class
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.run import Run
from core.runs.store.places import ANSWERS
from core.runs.store.run_store import RunStore

BINS = 10
TEMPERATURES = np.geomspace(0.2, 10, 200)
"""Among which the one that makes the answers fit best is looked for."""


@dataclass(frozen=True)
class Answers:
    """Probabilities of a split after one epoch.

    Attributes:
        classes: Names.
        names: ``(N,)``, of the pictures: paths within the data set where these are files.
        labels: ``(N,)``, the true classes.
        probs: ``(N, K)``, 0 to 1.
        components: ``(N, C)``, principal components of the second-last layer; None for runs from before they were kept.
        positive: Place of the class that is looked for; None where the experiment has none.
    """

    classes: tuple[str, ...]
    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    probs: NDArray[np.float32]
    components: NDArray[np.float16] | None = None
    positive: int | None = None

    @property
    def found(self) -> NDArray[np.int64]:
        """Return ``(N,)``, the most probable classes."""
        found: NDArray[np.int64] = self.probs.argmax(axis=1)
        return found

    def confusion(self) -> NDArray[np.int64]:
        """Return ``(K, K)``, pictures by true class (rows) and answer (columns)."""
        size = len(self.classes)
        return np.bincount(self.labels * size + self.found, minlength=size * size).reshape(size, size)

    def of_cell(self, true: int, answer: int) -> list[int]:
        """Return the numbers of the pictures of one cell, the surest answers first."""
        numbers = np.flatnonzero((self.labels == true) & (self.found == answer))
        return [int(each) for each in numbers[np.argsort(-self.probs[numbers, answer], kind="stable")]]

    def ranked(self) -> list[int]:
        """Return the numbers of all pictures from the worst to the best: by the probability of the true class."""
        return [int(each) for each in np.argsort(self.probs[np.arange(len(self.labels)), self.labels], kind="stable")]


def epochs_with_answers(store: RunStore, run: Run) -> list[int]:
    """Return the epochs whose answers were kept, in order; none for runs that do not classify."""
    folder = store.files.fetch(run.id, ANSWERS)
    return sorted(int(each.stem) for each in folder.glob("*.npz")) if folder.is_dir() else []


def load_answers(store: RunStore, run: Run, epoch: int) -> Answers:
    """Return what was answered after an epoch.

    Raises:
        UserError: If it was not kept.
    """
    path = store.files.fetch(run.id, ANSWERS) / f"{epoch:05d}.npz"
    if not path.exists():
        raise UserError(f"Run {run.short_id} kept no answers of epoch {epoch}.")
    with np.load(path, allow_pickle=False) as kept:
        classes = _classes(run, kept["probs"].shape[1])
        positive = positive_class(classes, getattr(find_experiment(run.slug), "positive", ""))
        return Answers(classes, kept["names"], kept["labels"], kept["probs"], kept.get("components"), positive)


def _classes(run: Run, count: int) -> tuple[str, ...]:
    """Return the classes' names as the run's data have them; numbers where these are gone."""
    try:
        found: Any = find_experiment(run.slug).open_data(str(run.config["data"]))
        names = tuple(found.classes)
    except (UserError, OSError, AttributeError):
        names = ()
    return names if len(names) == count else tuple(f"class {number}" for number in range(count))


def roc(
    labels: NDArray[np.bool_], values: NDArray[np.floating[Any]]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return false alarm rate, hit rate and threshold ``(T,)`` of every possible threshold, the highest first.

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


def precision_recall(labels: NDArray[np.bool_], values: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return recall and precision ``(T,)`` of every possible threshold, the highest first."""
    alarms, hits, _ = roc(labels, values)
    found = hits[1:] * labels.sum()
    raised = found + alarms[1:] * (~labels).sum()
    return hits[1:], found / raised


def cheapest_threshold(
    labels: NDArray[np.bool_], values: NDArray[np.floating[Any]], *, miss: float, alarm: float
) -> tuple[float, float]:
    """Return the threshold whose errors cost least, and that cost by picture.

    Args:
        labels: ``(N,)``, whether each picture is of the class.
        values: ``(N,)``, its probability.
        miss: Cost of a picture of the class that is not found.
        alarm: Cost of another one that is taken for it.
    """
    alarms, hits, thresholds = roc(labels, values)
    costs = miss * (1 - hits) * labels.sum() + alarm * alarms * (~labels).sum()
    best = int(np.argmin(costs))
    return min(1.0, float(thresholds[best])), float(costs[best] / len(labels))


def reliability(probs: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> list[tuple[float, float, int]]:
    """Return confidence, share that is right, and count of each of ten bins of the top probability that are used."""
    top, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    places = np.minimum((top * BINS).astype(int), BINS - 1)
    return [
        (float(top[places == each].mean()), float(right[places == each].mean()), int((places == each).sum()))
        for each in range(BINS)
        if (places == each).any()
    ]


def calibration_error(probs: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Return the expected calibration error of the top probability over the bins of :func:`reliability`, 0 to 1."""
    return sum(abs(sure - right) * count for sure, right, count in reliability(probs, labels)) / max(1, len(labels))


def with_temperature(probs: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """Return probabilities whose logits are divided by a temperature: above 1 less sure (Guo et al., 2017)."""
    logits = np.log(np.maximum(probs.astype(np.float64), 1e-12)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return scaled


def best_temperature(probs: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Return the temperature at which the true classes are most probable on the whole."""

    def loss(temperature: float) -> float:
        chosen = with_temperature(probs, temperature)[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(chosen, 1e-12)).mean())

    losses = [loss(float(each)) for each in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))]) if math.isfinite(min(losses)) else 1.0


def cross_validated_temperature(
    probs: NDArray[np.floating[Any]], labels: NDArray[np.int64], folds: int = 5
) -> tuple[float, Sequence[float]]:
    """Return the error before and after, each picture scaled by the temperature of the other folds.

    Returns:
        Temperature of all pictures; calibration errors as answered and as scaled.
    """
    scaled = np.empty(probs.shape, np.float64)
    places = np.random.default_rng(0).permutation(len(labels)) % folds
    for fold in range(folds):
        inside = places == fold
        if inside.any() and (~inside).any():
            scaled[inside] = with_temperature(probs[inside], best_temperature(probs[~inside], labels[~inside]))
    return best_temperature(probs, labels), (calibration_error(probs, labels), calibration_error(scaled, labels))
