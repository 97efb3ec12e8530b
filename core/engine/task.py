"""The contract between a learning problem and the loop that trains it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from core.engine.score import Score

Batch = dict[str, Any]


@dataclass(frozen=True)
class PartLoss:
    """One loss to go down, and the part of the network it moves.

    Attributes:
        loss: Scalar with a gradient.
        part: Key of :meth:`Task.parts`; only this part's optimiser steps.
        values: Further numbers to record, without a gradient.
    """

    loss: Tensor
    part: str = "network"
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SamplePicture:
    """A picture that shows what the network does with one example: ``(H, W, 3)`` RGB, 0 to 255."""

    name: str
    pixels: NDArray[np.uint8]


class SplitScores(Protocol):
    """Scores accumulated over a whole split."""

    @property
    def names(self) -> Sequence[str]:
        """Return the pictures' names."""

    def compute(self) -> dict[str, float]:
        """Return every score by key."""

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone."""

    def reference(self) -> dict[str, float]:
        """Return what a person reaches on the same pictures; empty where that is not known."""


class Task(ABC):
    """A learning problem: a batch becomes losses, a split becomes scores, an example becomes a picture.

    A task knows neither epochs nor files nor who watches.

    Attributes:
        monitor: The score that decides which epoch is the best.
    """

    monitor: Score

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Return the modules that are trained, each with an optimiser of its own, by name."""

    def companions(self) -> dict[str, nn.Module]:
        """Return modules that no optimiser moves but that a resumed run needs, such as a moving average, by name."""
        return {}

    def rates(self) -> dict[str, float]:
        """Return factors on the config's learning rate for parts that learn slower or faster than the others."""
        return {}

    @abstractmethod
    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Use these modules (moved to a device, wrapped) in place of those of :meth:`parts` and :meth:`companions`."""

    def example(self, batch: Batch) -> tuple[nn.Module, Tensor] | None:
        """Return the module that takes the time and its input, to try number formats on; None where it is no matter."""
        images = batch.get("images")
        return None if images is None else (next(iter(self.parts().values())), images)

    @abstractmethod
    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield losses in the order in which they are to be stepped on.

        The stepper goes backward and steps after each yield, before it asks for the next: a GAN yields its
        discriminator's loss and then its generator's; what follows a yield sees the moved weights.
        """

    @abstractmethod
    def new_scores(self) -> SplitScores:
        """Return an empty accumulator."""

    @abstractmethod
    def evaluate(self, batch: Batch, scores: Any) -> Any:
        """Predict a validation batch without gradients, add it to the scores and return the prediction."""

    @abstractmethod
    def draw(self, batch: Batch, prediction: Any) -> Iterable[SamplePicture]:
        """Show a prediction of :meth:`evaluate` as pictures."""

    def answers(self, scores: Any) -> Mapping[str, NDArray[Any]]:  # noqa: ARG002 - for tasks that have some
        """Return what was answered for each picture of a split, where that is little enough to be kept every epoch."""
        return {}


class Batches(Protocol):
    """Batches of known number, to be gone through any number of times."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[Batch]:
        """Go through them, always in the same order."""


@dataclass(frozen=True)
class TaskData:
    """What a task learns from.

    Attributes:
        training: Batches; its sampler has an ``epoch``.
        validation: Batches of the held-back part, always in the same order; empty if nothing is held back.
        fingerprint: Of the data set.
        notes: Sentences for the log.
        names: Of the training pictures, by the loader's index; from their number on indices count round again.
    """

    training: DataLoader[Any]
    validation: Batches
    fingerprint: str
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
