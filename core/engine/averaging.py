"""A moving average of weights, which is steadier than any of the weights that it is made of."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import compress
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of every weight that is trained, and every running statistic, of some modules.

    Polyak and Juditsky (1992); for generators Yazıcı et al. (2019, arXiv 1806.04498). In its first steps it follows
    faster, by ``(1 + n) / (10 + n)`` as TensorFlow's does, so that it is of use before ``1 / (1 − decay)`` steps.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        """Start with the weights as they are.

        Args:
            modules: Their weights are read at each update; placed on their device already.
            decay: How much of itself the average keeps at each update, 0 to 1.
        """
        self.decay = decay
        self.updates = 0
        states = [(module.state_dict(), _held_still(module)) for module in modules.values()]
        self._moves = [name not in still for state, still in states for name in state]
        """Of every tensor of the modules."""
        self._live = list(compress((tensor for state, _ in states for tensor in state.values()), self._moves))
        self._kept = [tensor.clone() for tensor in self._live]

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the weights of now; what is counted in whole numbers is taken over."""
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        pairs = [(kept, live) for kept, live in zip(self._kept, self._live, strict=True)]
        moving = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([kept for kept, _ in moving], [live for _, live in moving], 1 - keep)
        for kept, live in pairs:
            if not kept.is_floating_point():
                kept.copy_(live)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the modules have the averaged weights for a while, and their own again afterwards."""
        own = [tensor.clone() for tensor in self._live]
        _copy(self._kept, self._live)
        try:
            yield
        finally:
            _copy(own, self._live)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load_state` needs to go on."""
        return {"updates": self.updates, "kept": self._kept}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a stored average."""
        self.updates = int(state["updates"])
        kept = state["kept"]
        whole = len(kept) == len(self._moves)  # older runs kept what is held still, too
        _copy(list(compress(kept, self._moves)) if whole else kept, self._kept)


def _held_still(module: nn.Module) -> set[str]:
    return {name for name, weight in module.named_parameters() if not weight.requires_grad}


@torch.no_grad()
def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    for one, other in zip(source, target, strict=True):
        other.copy_(one)
