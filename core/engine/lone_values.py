"""Batch normalisation cannot train on one value of a channel: found before the first step, not in it."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

LONE = "more than 1 value per channel"
"""What torch says of it."""


def sees_lone_values(forward: Callable[[], object], modules: Iterable[nn.Module]) -> bool:
    """Say whether a pass in training mode fails because batch normalisation sees one value of a channel.

    Nothing is left behind: running means, other buffers and the random state are as they were.

    Args:
        forward: Runs the modules on a batch.
        modules: Those that it runs; they are in training mode afterwards, as before the first step.
    """
    parts = [module.train() for module in modules]
    before = [{name: each.clone() for name, each in part.state_dict().items()} for part in parts]
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            forward()
    except ValueError as error:
        return LONE in str(error)
    finally:
        for part, state in zip(parts, before, strict=True):
            part.load_state_dict(state)
    return False
