"""What stands ready before the first step of a run: network, data, task, and how to compute."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.engine import device
from core.engine.device import Compute
from core.engine.lone_values import sees_lone_values
from core.engine.task import Batch, Task, TaskData
from core.errors import UserError
from core.experiments.setup import Say, Setup
from core.runs.measures import count_work


@dataclass(frozen=True)
class Preparation:
    """The parts of a run.

    Attributes:
        setup: What they were built by.
        network: All of it, also what no part of the task trains.
        begun: Sentences about the weights it begins with.
        data: What it learns from.
        task: What it learns.
        example: Module that takes the time and a batch for it; None where that is too little to matter.
        sees_pictures: Whether the batch is of pictures, not of stored features.
    """

    setup: Setup[Any, Any, Any]
    network: nn.Module
    begun: tuple[str, ...]
    data: TaskData
    task: Task
    example: tuple[nn.Module, Tensor] | None
    sees_pictures: bool

    def choose_compute(self) -> Compute:
        """Choose by trying, where it matters."""
        config = self.setup.config
        exact = config.precision == "fp32"  # asked for: the same seed shall give the same numbers, and a trial's winner
        order = "contiguous" if exact and config.memory_format == "auto" else config.memory_format  # is not always one
        if self.example is None:
            precision = "fp32" if config.precision == "auto" else config.precision
            order = "contiguous" if order == "auto" else order
            return Compute(device.choose_device(config.device), precision, order)
        return device.choose_compute(
            *self.example, device=config.device, precision=config.precision, memory_format=order
        )

    def facts(self, compute: Compute) -> dict[str, str]:
        """Return what is recorded with the run."""
        facts = {
            "fingerprint": self.data.fingerprint,
            "device": compute.describe(),
            "compute": json.dumps([compute.device, compute.precision, compute.memory_format]),
            "parameters": str(sum(each.numel() for each in self.network.parameters())),
            "flops": str(count_work(self.setup, self.network, self.example if self.sees_pictures else None)),
            "data": " ".join(self.data.notes),
        }
        return facts | ({"start": " ".join(self.begun)} if self.begun else {})


def prepare(setup: Setup[Any, Any, Any], earlier: Path | None, *, say: Say) -> Preparation:
    """Build a run's parts from its seed.

    Args:
        setup: Of its config.
        earlier: Best checkpoint of the run that it builds on, if it builds on one.
        say: Is told what is being done.

    Raises:
        UserError: If its data cannot be read, the weights it begins with cannot be had, or its batches are too small.
    """
    torch.manual_seed(setup.config.seed)
    say("Opening the data.")
    network = setup.build_network()
    begun = setup.begin(network, earlier)
    data = setup.build_data(network, say=say)
    task = setup.build_task(network)
    say("Trying number formats.")
    batch = next(iter(data.training))
    _refuse_lone_values(setup, task, data, batch)
    return Preparation(setup, network, begun, data, task, task.example(batch), "features" not in batch)


def _refuse_lone_values(setup: Setup[Any, Any, Any], task: Task, data: TaskData, batch: Batch) -> None:
    """Refuse batches of one image on which batch normalisation cannot train."""
    if next((len(each) for each in batch.values() if isinstance(each, Tensor)), 0) != 1:
        return
    modules = [*task.parts().values(), *task.companions().values()]
    if not sees_lone_values(lambda: next(iter(task.losses(batch))), modules):
        return
    needs = "the batch normalisation of this network needs at least 2 values of each channel"
    if setup.config.batch_size == 1:
        raise UserError(f"batch_size was given as 1, but {needs} to train on; give 2 or more.")
    raise UserError(
        f"The training split makes batches of 1 image ({len(data.names) or 1} to train on), but {needs}; give at least "
        "2 images to train on."
    )
