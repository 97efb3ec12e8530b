"""How long a run would take and how much memory, from a second of its real steps."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import torch

from core.config import RunConfig
from core.engine.device import Compute
from core.engine.stepper import Stepper
from core.errors import UserError
from core.experiments.experiment import Experiment
from core.experiments.setup import Say, say_nothing
from core.runs.measures import measure_peak_memory
from core.runs.preparation import Preparation, prepare

TRIED = 1.5
"""Seconds of steps, and of validation."""
FEWEST = 3
ENDLESS = 10**9
"""Steps of the schedule: a short run has fewer than are tried."""


@dataclass(frozen=True)
class Estimate:
    """What a run would cost on this machine as it is now.

    Attributes:
        seconds: Of the whole run.
        preparation: Seconds before the first step; less the next time, since decoded pictures and features are kept.
        steps: Of an epoch.
        step: Seconds of one.
        validation: Seconds after each epoch.
        epochs: Of the run.
        memory: MiB in use at once, as far as these steps show.
    """

    seconds: float
    preparation: float
    steps: int
    step: float
    validation: float
    epochs: int
    memory: int

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line prints it."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def estimate(experiment: Experiment, config: RunConfig, *, say: Say = say_nothing) -> Estimate:
    """Prepare a run, take a few of its steps, and say what all of it would cost. Nothing is recorded.

    Raises:
        UserError: If its data cannot be read, or it builds on a run.
    """
    if experiment.prerequisite(config) is not None:
        raise UserError("This arm builds on another run, so it cannot be tried before that has finished.")
    start = time.perf_counter()
    ready = prepare(experiment.set_up(config), None, say=say)
    compute = ready.choose_compute()
    steps = len(ready.data.training)
    stepper = Stepper(ready.task, config, compute, steps=ENDLESS)
    batches = (compute.place_batch(batch) for _ in count() for batch in ready.data.training)
    stepper.step(next(batches))  # warms up
    preparation = time.perf_counter() - start
    step = _time_each(stepper.step(batch) for batch in batches)
    validation = _time_validation(ready, compute, stepper)
    seconds = preparation + config.epochs * (steps * step + validation)
    memory = measure_peak_memory(compute)
    return Estimate(seconds, preparation, steps, step, validation, config.epochs, memory)


def _time_each(done: Iterator[Any]) -> float:
    """Return the seconds that one of many takes, by as many as fit into a moment."""
    start, taken = time.perf_counter(), 0
    for _ in done:
        taken += 1
        if taken >= FEWEST and time.perf_counter() - start > TRIED:
            break
    return (time.perf_counter() - start) / max(1, taken)


@torch.inference_mode()
def _time_validation(ready: Preparation, compute: Compute, stepper: Stepper) -> float:
    batches = len(ready.data.validation)
    if not batches:
        return 0.0
    for module in stepper.parts.values():
        module.eval()
    scores = ready.task.new_scores()
    each = _time_each(ready.task.evaluate(compute.place_batch(batch), scores) for batch in ready.data.validation)
    start = time.perf_counter()
    scores.compute()
    return batches * each + time.perf_counter() - start
