"""One training step. The only place that calls ``backward``."""

import itertools
import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau

from core.config import RunConfig
from core.engine.averaging import WeightAverage
from core.engine.device import Compute
from core.engine.task import Batch, Task
from core.errors import UserError


class DivergedError(UserError):
    """The loss is no longer a number, or has run away."""


class Stepper:
    """Moves the parts of a task down their losses, each with its own optimiser and schedule."""

    def __init__(self, task: Task, config: RunConfig, compute: Compute, *, steps: int) -> None:
        """Place the task's parts on the device and build their optimisers.

        Args:
            task: Adopts the placed parts.
            config: Optimiser, rates, schedule, clipping.
            compute: Device, number format, memory order.
            steps: Steps of the whole run, for schedules that depend on it.
        """
        AcceleratorState._reset_state(reset_partial_state=True)  # one process may train several times, as tests do
        self.accelerator = Accelerator(
            cpu=compute.device == "cpu",
            mixed_precision={"fp32": "no"}.get(compute.precision, compute.precision),
        )
        self.config = config
        self.task = task
        self.compute = compute
        self.parts = {name: self._placed(part) for name, part in task.parts().items()}
        self.companions = {name: self._moved(module) for name, module in task.companions().items()}
        rates = task.rates()
        self.optimizers = {name: self._build_optimizer(part, rates.get(name, 1.0)) for name, part in self.parts.items()}
        self.schedules = self._build_schedules(config, steps)
        self.average = WeightAverage(self.unwrapped(), config.average) if config.average else None
        task.adopt({**self.parts, **self.companions})

    def _placed(self, part: nn.Module) -> nn.Module:
        return cast(nn.Module, self.accelerator.prepare(self._moved(part)))

    def _moved(self, module: nn.Module) -> nn.Module:
        return module.to(self.accelerator.device, memory_format=self.compute.torch_memory_format)  # type: ignore[call-overload, no-any-return]

    def _build_optimizer(self, part: nn.Module, factor: float) -> Optimizer:
        moved = [each for each in part.parameters() if each.requires_grad]
        optimizer = _build_optimizer(moved, self.config, rate=factor * self.config.learning_rate)
        return cast(Optimizer, self.accelerator.prepare(optimizer))

    def _build_schedules(self, config: RunConfig, steps: int) -> dict[str, LRScheduler | ReduceLROnPlateau | None]:
        return {name: _build_schedule(each, config, steps) for name, each in self.optimizers.items()}

    @property
    def learning_rate(self) -> float:
        """Return the rate of the first part's next step."""
        return float(next(iter(self.optimizers.values())).param_groups[0]["lr"])

    def step(self, batch: Batch) -> dict[str, float]:
        """Take one step for each loss of the batch; return the losses and what else the task recorded.

        Raises:
            DivergedError: If a loss is not a finite number; nothing has moved by it.
        """
        for module in (*self.parts.values(), *self.companions.values()):
            if not module.training:  # to set every layer's mode takes longer than a step on kept features
                module.train()
        recorded: dict[str, float] = {}
        for each in self.task.losses(batch):
            value = float(each.loss.detach())
            if not math.isfinite(value):
                raise DivergedError(f"The loss of the {each.part} became {value}")
            self._descend(each.part, each.loss)
            recorded |= {"loss" if len(self.parts) == 1 else f"loss_{each.part}": value, **each.values}
        if self.average:
            self.average.update()
        return recorded

    def to_keep(self) -> AbstractContextManager[None]:
        """Return a while in which the parts have the weights that are validated and kept."""
        return self.average.applied() if self.average else nullcontext()

    def _descend(self, part: str, loss: torch.Tensor) -> None:
        optimizer = self.optimizers[part]
        optimizer.zero_grad()
        self.accelerator.backward(loss)
        if self.config.gradient_clip:
            self.accelerator.clip_grad_norm_(self.parts[part].parameters(), self.config.gradient_clip)
        optimizer.step()
        schedule = self.schedules[part]
        if isinstance(schedule, OneCycleLR):
            schedule.step()

    def end_epoch(self, loss: float) -> None:
        """Let schedules that look at a loss look at this one."""
        for schedule in self.schedules.values():
            if isinstance(schedule, ReduceLROnPlateau):
                schedule.step(loss)

    def prolong(self, config: RunConfig, steps: int) -> None:
        """Let the schedules go on to another number of steps; see :meth:`load_state`."""
        states = {name: each.state_dict() for name, each in self.schedules.items() if each}
        self.schedules = self._build_schedules(config, steps)
        for name, schedule in self.schedules.items():
            if schedule:
                _load_schedule(schedule, states[name])

    def unwrapped(self) -> dict[str, nn.Module]:
        """Return the parts as plain modules, for saving."""
        return {name: self.accelerator.unwrap_model(part) for name, part in self.parts.items()}

    def state(self) -> dict[str, Any]:
        """Return weights, optimisers and schedules; :meth:`load_state` goes on from there."""
        modules = {**self.unwrapped(), **self.companions}
        return {
            "parts": {name: module.state_dict() for name, module in modules.items()},
            "optimizers": {name: each.state_dict() for name, each in self.optimizers.items()},
            "schedules": {name: each.state_dict() for name, each in self.schedules.items() if each},
            "average": self.average.state() if self.average else {},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a stored state; a one-cycle of another length goes on at the same step of the new cycle."""
        for name, module in {**self.unwrapped(), **self.companions}.items():
            module.load_state_dict(state["parts"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for name, schedule in self.schedules.items():
            if schedule:
                _load_schedule(schedule, state["schedules"][name])
        if self.average:
            self.average.load_state(state["average"])


def _build_optimizer(parameters: Iterable[nn.Parameter], config: RunConfig, *, rate: float) -> Optimizer:
    first, rest = itertools.tee(parameters)
    if next(first, None) is None:
        raise ValueError("this part has nothing to train")
    decay = config.weight_decay
    if config.optimizer == "sgd":
        return SGD(rest, lr=rate, momentum=config.momentum, weight_decay=decay)
    kind = AdamW if config.optimizer == "adamw" else Adam
    return kind(rest, lr=rate, betas=(config.beta1, 0.999), weight_decay=decay, fused=True)


def _build_schedule(optimizer: Optimizer, config: RunConfig, steps: int) -> LRScheduler | ReduceLROnPlateau | None:
    plain = cast(Optimizer, getattr(optimizer, "optimizer", optimizer))
    if config.schedule == "one-cycle":
        cycled = config.optimizer != "sgd"  # SGD's momentum is a knob; Adam's first beta is not
        group = plain.param_groups[0]
        peak = float(group.get("max_lr", group["lr"]))  # an earlier cycle has moved the rate
        return OneCycleLR(plain, max_lr=peak, total_steps=max(2, steps), cycle_momentum=cycled)
    if config.schedule == "plateau":
        return ReduceLROnPlateau(plain, factor=config.plateau_factor, patience=config.plateau_patience)
    return None


def _load_schedule(schedule: LRScheduler | ReduceLROnPlateau, state: dict[str, Any]) -> None:
    """Restore a schedule. A stored cycle that is shorter or longer than this run's would end before or after it."""
    own = schedule.state_dict()
    schedule.load_state_dict(state)
    if isinstance(schedule, OneCycleLR) and schedule.total_steps != own["total_steps"]:
        schedule.total_steps, schedule._schedule_phases = own["total_steps"], own["_schedule_phases"]
        schedule.last_epoch = min(schedule.last_epoch, schedule.total_steps) - 1
        schedule.step()  # sets the rate of this step in the new cycle
