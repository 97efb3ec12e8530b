"""What a network costs: the work of one picture, and the memory of the process that trains it."""

import resource
import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.engine.device import Compute
from core.experiments.setup import Setup
from core.models.summary import count_flops

PLAIN_SIDE = 256
"""Of the picture that stands for a user's where training itself sees no pictures."""


def count_work(setup: Setup[Any], network: nn.Module, example: tuple[nn.Module, Tensor] | None) -> int:
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


def measure_peak_memory(compute: Compute) -> int:
    """Return the most memory that was in use at once, MiB: the GPU's that torch held, else this process's."""
    if compute.device == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**20)
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)
