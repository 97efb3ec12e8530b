"""What a network costs: the work and the time of one picture, and the memory of the process that trains it."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from core.engine.device import Compute
from core.engine.task import Task
from core.errors import UserError
from core.experiments.setup import Setup
from core.models.summary import count_flops
from core.platforms import peak_memory

PLAIN_SIDE = 256
"""Of the picture that stands for a user's where training itself sees no pictures."""
LARGEST_SIDE = 1024
"""Of the picture that is timed, pixels: larger ones are predicted in tiles."""
WARMING, FEWEST_PASSES = 1, 3
BUSY = 0.15
"""Part of the machine that others may take while something is timed: half a processor of a small one is too much."""
LONGEST = 2.0
"""Seconds after which no further pass is begun: a large network on a processor needs no average of many."""


def count_work(setup: Setup[Any, Any, Any], network: nn.Module, example: tuple[nn.Module, Tensor] | None) -> int:
    """Return the floating-point operations that one training picture takes, a multiplication with its addition being 2.

    Args:
        setup: Of the run.
        network: As built.
        example: The task's module that takes the time, and a batch for it. Where there is none because training goes
            over stored features, the whole network is counted on a picture prepared as a user's.
    """
    if example is None:
        picture = np.zeros((PLAIN_SIDE, PLAIN_SIDE, 3), np.uint8)
        return count_flops(network, setup.prepare_picture(picture).images)
    module, images = example
    return count_flops(module, images[:1])


def picture_of(setup: Setup[Any, Any, Any], task: Task, network: nn.Module) -> tuple[nn.Module, Tensor]:
    """Return the module that answers for a picture, and a picture ``(1, C, h, w)`` as it gets one.

    It is the first that the run held back, whole, or the first to test on; where there is none any more, a black
    picture of 256 by 256 pixels that is prepared as a user's.

    Args:
        setup: Of the run.
        task: Of the run, with its network.
        network: As built.
    """
    images = None
    for split in ("val", "test"):
        try:
            images = next(iter(setup.build_split("", split)))["images"][:1]
            break
        except (UserError, OSError, StopIteration):
            continue
    if images is None:
        plain = np.zeros((PLAIN_SIDE, PLAIN_SIDE, 3), np.uint8)
        images = setup.prepare_picture(plain).images[:1]
    images = images[..., :LARGEST_SIDE, :LARGEST_SIDE]
    example = task.example({"images": images})
    return (network, images) if example is None else (example[0], images)


@dataclass(frozen=True)
class Latency:
    """How long one forward pass takes with one picture.

    Attributes:
        milliseconds: Of each pass, the first, which warms up, left out.
        compute: Where and in which number format.
        shape: Of the picture, ``(C, h, w)``.
        others: Part of the machine's processors that other programs took meanwhile, 0 to 1.
    """

    milliseconds: tuple[float, ...]
    compute: Compute
    shape: tuple[int, ...]
    others: float = 0.0

    @property
    def is_fair(self) -> bool:
        """Say whether the machine had little else to do, so that the time can stand beside others."""
        return self.others < BUSY

    @property
    def median(self) -> float:
        """Return the middle one, milliseconds."""
        return float(np.median(self.milliseconds))

    @property
    def slow(self) -> float:
        """Return the time that nine passes in ten stay within, milliseconds."""
        return float(np.quantile(self.milliseconds, 0.9, method="higher"))

    def say(self) -> str:
        """Return what was measured, in a sentence."""
        size = " × ".join(str(each) for each in self.shape)
        passes = "one pass" if len(self.milliseconds) == 1 else f"{len(self.milliseconds)} passes"
        said = (
            f"Median of {passes} with one picture of {size} on {self.compute.device}, "
            f"{self.compute.precision}, {self.compute.memory_format}; nine in ten took at most "
            f"{say_milliseconds(self.slow)}."
        )
        if not self.is_fair:
            said += f" Other programs took {100 * self.others:.0f} % of the machine meanwhile: alone it takes less."
        return said


def say_milliseconds(value: float) -> str:
    """Return a time with three digits or so, as people write it."""
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def measure_latency(module: nn.Module, images: Tensor, compute: Compute, *, seconds: float = 0.5) -> Latency:
    """Measure forward passes in evaluation mode, one after the other, after one to warm up.

    Args:
        module: Placed by ``compute``; its mode is put back.
        images: ``(1, C, h, w)``.
        compute: Where and in which number format.
        seconds: Passes are repeated for so long, and at least :data:`FEWEST_PASSES` times unless that takes longer than
            :data:`LONGEST`; where the first pass alone does, it is the one that counts.
    """
    placed, training, load = compute.place(images), module.training, _Load()
    taken: list[float] = []
    module.eval()
    try:
        with torch.inference_mode(), compute.autocast():
            while sum(taken) < 1e3 * max(LONGEST, 2 * seconds) and (
                len(taken) < WARMING + FEWEST_PASSES or sum(taken[WARMING:]) < 1e3 * seconds
            ):
                start = time.perf_counter()
                module(placed)
                if compute.device == "cuda":
                    torch.cuda.synchronize()
                elif compute.device == "mps":
                    torch.mps.synchronize()
                taken.append(1e3 * (time.perf_counter() - start))
    finally:
        module.train(training)
    return Latency(tuple(taken[WARMING:] or taken), compute, tuple(images.shape[1:]), load.of_others())


class _Load:
    """How much of the machine's processors others take from now on."""

    def __init__(self) -> None:
        self._since, self._all, self._own = time.monotonic(), *self._used()

    def of_others(self) -> float:
        """Return the part of all processors that other programs took, 0 to 1."""
        seconds = time.monotonic() - self._since
        every, own = self._used()
        return min(1.0, max(0.0, (every - self._all - (own - self._own)) / (seconds * (psutil.cpu_count() or 1))))

    @staticmethod
    def _used() -> tuple[float, float]:
        """Return the processor seconds that all programs have taken, and this one."""
        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return sum(times) - times.idle - getattr(times, "iowait", 0.0), own.user + own.system


def measure_peak_memory(compute: Compute) -> int:
    """Return the most memory that was in use at once, MiB: the GPU's that torch held, else this process's."""
    if compute.device == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20)
    return round(peak_memory() / 2**20)
