"""Epochs: train, validate, keep the best, stop when asked. Knows neither which task nor who records."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from numpy.typing import NDArray

from core.config import RunConfig
from core.engine.checkpoint import Card, load_state, save_checkpoint, save_state
from core.engine.device import Compute
from core.engine.divergence import RunawayWatch
from core.engine.pace import Pace
from core.engine.stepper import DivergedError, Stepper
from core.engine.task import Batch, SamplePicture, Task, TaskData

BEST, LAST = "best", "last"
NAMED = 4
"""So many pictures of a batch are named."""
REMEDY = "Lower the learning rate, clip the gradient (gradient_clip=1), or use precision=fp32."


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        step: Steps done.
        steps: Steps of the whole run.
        epoch: Epochs done.
        epochs: Epochs of the whole run.
        seconds_left: Estimate from the pace so far; None before the first steps.
        stale_epochs: Epochs since the last improvement of the monitored score.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    seconds_left: float | None
    stale_epochs: int


class Recorder(Protocol):
    """Where a training reports to."""

    def record_step(self, step: int, values: dict[str, float]) -> None:
        """Take the numbers of one training step."""

    def record_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Take the numbers of one epoch, counted from 1."""

    def record_pictures(self, epoch: int, pictures: Iterable[SamplePicture]) -> None:
        """Take the sample predictions of one epoch."""

    def record_answers(self, epoch: int, answers: Mapping[str, NDArray[Any]]) -> None:
        """Take what was answered for each picture of the validation split after one epoch."""

    def record_best(self, epoch: int, scores: dict[str, float]) -> None:
        """Take the best epoch so far, its checkpoint just stored, and its scores."""

    def record_progress(self, progress: Progress) -> None:
        """Take how far the run is."""

    def stop_requested(self) -> bool:
        """Say whether the user asked to stop."""

    def unwritten(self) -> list[Any]:
        """Return what was taken and may not be written yet, for the checkpoint to keep: plain numbers and strings."""

    def take_again(self, unwritten: list[Any]) -> None:
        """Take what an earlier attempt of this run left unwritten; what was written after all is not written twice."""

    def epochs_wanted(self) -> int:
        """Return how many epochs the run is to have by now; less than the config's changes nothing."""


@dataclass
class Best:
    """The epoch with the best monitored score so far, and its scores."""

    epoch: int = 0
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        ending: ``finished``, ``stopped`` on request, or ``early`` for want of improvement.
        epoch: Epochs done.
        best: The epoch whose weights are kept.
        seconds: All attempts together.
        note: Why another number than the monitored score decided which epoch is the best; empty where it did.
    """

    ending: str
    epoch: int
    best: Best
    seconds: float
    note: str = ""


class Trainer:
    """Runs a task's epochs and keeps its best and last state in a folder."""

    def __init__(
        self, task: Task, data: TaskData, config: RunConfig, recorder: Recorder, *, compute: Compute, folder: Path,
        card: Card,
    ) -> None:  # fmt: skip
        """Join what a training needs.

        Args:
            task: What is learned.
            data: From what.
            config: For how long and how.
            recorder: Who is told.
            compute: Device, number format, memory order.
            folder: Gets ``best/`` and ``last/``.
            card: What the best checkpoint's card says beside epoch and scores.
        """
        self.task, self.data, self.config, self.recorder = task, data, config, recorder
        self.compute, self.folder, self.card = compute, folder, card
        self.steps_per_epoch = len(data.training)
        self.steps = self.steps_per_epoch * config.epochs
        self.stepper = Stepper(task, config, compute, steps=self.steps)
        self.best = Best()
        self.epoch = 0
        self.step = 0
        self._validated = 0
        self._trained: dict[str, float] = {}
        self._clock = time.perf_counter()
        self._seconds_before = 0.0
        self._pace = Pace()
        self._watch = RunawayWatch()
        self._forgiven = 0

    def fit(self, *, resume: bool = False) -> Outcome:
        """Train to the end, to a stop, or to the end of patience.

        Args:
            resume: Go on from the last whole epoch in the folder, if there is one.
        """
        if resume:
            self._load()
        self._clock = time.perf_counter()
        while self.epoch < self.config.epochs or self._prolong():
            self._prolong()
            if not self._train_epoch():
                return self._stop()
            self._validate()
            if self.epoch < self.config.epochs and self.recorder.stop_requested():
                return self._stop()
            if self.config.patience and self.epoch - max(self.best.epoch, self._forgiven) >= self.config.patience:
                return self._outcome("early")
        return self._outcome("finished")

    def _prolong(self) -> bool:
        """Take on the epochs that were added meanwhile; return whether there were any."""
        wanted = self.recorder.epochs_wanted()
        if wanted <= self.config.epochs:
            return False
        self.config = replace(self.config, epochs=wanted)
        self.steps = self.steps_per_epoch * wanted
        self.stepper.prolong(self.config, self.steps)
        return True

    def _train_epoch(self) -> bool:
        """Go through the training split once; return False if the user asked to stop before its last step."""
        torch.manual_seed(self.config.seed * 1_000_003 + self.epoch)
        sampler: Any = self.data.training.sampler
        sampler.epoch = self.epoch
        start, totals, count = time.perf_counter(), Counter[str](), 0
        self._pace.begin_epoch()
        for batch in self.data.training:
            rate = self.stepper.learning_rate
            values = self._step(batch, count)
            self.step += 1
            count += 1
            totals.update(values | {"loss": _total(values)})
            self._pace.end_step()
            self.recorder.record_step(self.step, {**values, "learning_rate": rate})
            self.recorder.record_progress(self._progress())
            if self.recorder.stop_requested() and count < self.steps_per_epoch:
                return False
        self.epoch += 1
        self._trained = {f"train/{key}": total / count for key, total in totals.items()}
        self._trained["train/seconds"] = time.perf_counter() - start
        return True

    def _step(self, batch: Batch, count: int) -> dict[str, float]:
        """Take a step and return its numbers.

        Raises:
            DivergedError: If the loss is no number, or has run away; says where.
        """
        try:
            values = self.stepper.step(self.compute.place_batch(batch))
            if len(self.stepper.parts) == 1 and self._watch.runs_away(_total(values)):
                first, last = self._watch.means
                raise DivergedError(f"The loss ran away, from {first:.3g} in the first steps to {last:.3g}")
        except DivergedError as error:
            raise DivergedError(f"{error}{self._say_where(count)}. {REMEDY}") from error
        return values

    def _say_where(self, count: int) -> str:
        """Return step, learning rate and pictures of the batch that is under way."""
        where = f" in step {self.step + 1} (epoch {self.epoch + 1}) at learning rate {self.stepper.learning_rate:.3g}"
        names, size = self.data.names, self.data.training.batch_size or 1
        if not names:
            return where
        numbers = [index for _, index in self.data.training.sampler][count * size : (count + 1) * size]
        shown = [names[number % len(names)] for number in numbers[:NAMED]]
        more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
        return f"{where}, on the pictures {', '.join(shown)}{more}"

    def _validate(self) -> None:
        start = time.perf_counter()
        with self.stepper.to_keep():
            scores = self.evaluate(draw=True)
            if self._is_best(scores):
                self.best = Best(self.epoch, scores)
                self._save_best()
        values = {f"val/{key}": value for key, value in scores.items()}
        values |= self._trained | {"learning_rate": self.stepper.learning_rate}
        self.stepper.end_epoch(scores.get("loss", self._trained["train/loss"]))
        values["val/seconds"] = time.perf_counter() - start
        self.recorder.record_epoch(self.epoch, values)
        self._validated = self.epoch
        self.recorder.record_progress(self._progress())
        self._save_last()
        self._pace.end_epoch()

    @torch.inference_mode()
    def evaluate(self, *, draw: bool = False) -> dict[str, float]:
        """Return the scores of the validation split; with ``draw`` its sample pictures are recorded."""
        for module in (*self.stepper.parts.values(), *self.stepper.companions.values()):
            module.eval()
        scores = self.task.new_scores()
        pictures: list[SamplePicture] = []
        for batch in self.data.validation:
            placed = self.compute.place_batch(batch)
            prediction = self.task.evaluate(placed, scores)
            if draw and len(pictures) < 4:
                pictures.extend(self.task.draw(placed, prediction))
        if pictures:
            self.recorder.record_pictures(self.epoch, pictures)
        if draw and (answers := self.task.answers(scores)):
            self.recorder.record_answers(self.epoch, answers)
        return scores.compute()

    def _save_last(self) -> None:
        """Store this epoch as the last, with what is recorded of it: a crash from now on loses nothing of either."""
        state = {"epoch": self.epoch, "step": self.step, "best_epoch": self.best.epoch, "best_scores": self.best.scores}
        state |= {"seconds": self._seconds(), "unwritten": self.recorder.unwritten()}
        save_state(self.folder / LAST, state | {"stepper": self.stepper.state()})

    def _is_best(self, scores: dict[str, float]) -> bool:
        """Say whether an epoch is the best so far: of two with the same score, the one with the lower loss is.

        So it is where neither has a score that is a number, as ROC AUC is none of a single class. Without a validation
        split every epoch is the best so far.
        """
        best = self.best
        if not scores or not best.epoch:
            return True
        value, reached = (each[self.task.monitor.key] for each in (scores, best.scores))
        if value == reached or (math.isnan(value) and math.isnan(reached)):
            loss, lowest = scores.get("loss", math.inf), best.scores.get("loss", -math.inf)
            return loss < lowest or (math.isnan(lowest) and not math.isnan(loss))
        return self.task.monitor.is_better(value, reached)

    def _say_what_decided(self) -> str:
        """Return why the loss decided which epoch is the best; empty where the monitored score did."""
        monitor = self.task.monitor
        if not self.best.epoch or not math.isnan(self.best.scores.get(monitor.key, 0.0)):
            return ""
        return (
            f"{monitor.title} is no number on the validation split in any epoch, as where it holds a single class, so "
            "the lowest validation loss decided which epoch is the best."
        )

    def _save_best(self) -> None:
        reached = {"epoch": self.best.epoch, "validation": self.best.scores}
        save_checkpoint(self.folder / BEST, self.stepper.unwrapped(), self.card | reached)
        self.recorder.record_best(self.best.epoch, self.best.scores)

    def _stop(self) -> Outcome:
        """Keep what there is: the best epoch, or the weights of this moment if no epoch was completed."""
        if not self.best.epoch:
            with self.stepper.to_keep():
                self.best = Best(self.epoch, self.evaluate(draw=True))
                self._save_best()
        return self._outcome("stopped")

    def _load(self) -> None:
        state = load_state(self.folder / LAST)
        if state:
            self.epoch, self.step, self._seconds_before = state["epoch"], state["step"], state["seconds"]
            self._validated = self.epoch
            self.best = Best(state["best_epoch"], state["best_scores"])
            self.stepper.load_state(state["stepper"])
            self.recorder.take_again(state["unwritten"])
            if self.best.epoch:
                self.recorder.record_best(self.best.epoch, self.best.scores)  # it may not have been written either
            if self.config.patience and self.epoch - self.best.epoch >= self.config.patience:
                self._forgiven = self.epoch  # it had ended for want of improvement, and was prolonged all the same

    def _outcome(self, ending: str) -> Outcome:
        return Outcome(ending, self.epoch, self.best, self._seconds(), self._say_what_decided())

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._clock

    def _progress(self) -> Progress:
        left = self._pace.seconds_left(self.steps - self.step, self.config.epochs - self._validated)
        stale = self.epoch - self.best.epoch if self.best.epoch else 0
        return Progress(self.step, self.steps, self.epoch, self.config.epochs, left, stale)


def _total(values: dict[str, float]) -> float:
    return sum(value for key, value in values.items() if key.startswith("loss"))
