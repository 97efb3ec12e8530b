"""What a classifier answered for each held-back picture after an epoch, and what follows from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.layouts.class_names import positive_class
from core.errors import UserError
from core.experiments import find_experiment
from core.metrics.confusion import confusion_matrix
from core.runs.run import Run
from core.runs.store.places import ANSWERS
from core.runs.store.run_store import RunStore


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
        return confusion_matrix(self.labels, self.found, len(self.classes))

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
