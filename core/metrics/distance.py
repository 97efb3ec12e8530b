"""How far pictures lie from those that a network was trained on, by its own normalisations."""

import numpy as np
import torch
from torch import Tensor, nn


class NormalisationDistance:
    """How far pictures lie from those that a network's batch normalisations have counted.

    Every batch normalisation of a trained network remembers mean and deviation of each of its channels over the
    pictures it was trained on. The distance is by how many of these deviations a channel's mean over other pictures
    lies away, the median of a layer's channels, averaged over layers: near 0 for pictures of the same kind. It needs
    none of the pictures that the network was trained on. The same statistics are compared, by other norms, in
    DeepInversion (Yin et al., 2020, arXiv 1912.08795).

    Use it as a context manager around passes of the network in evaluation mode.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
        self._sums: dict[nn.Module, Tensor] = {}
        self._counts: dict[nn.Module, int] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "NormalisationDistance":
        self._hooks = [each.register_forward_pre_hook(self._count) for each in self._layers]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _count(self, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        maps = given[0].detach().double()
        self._sums[layer] = self._sums.get(layer, torch.zeros(())) + maps.sum(dim=(0, 2, 3)).cpu()
        self._counts[layer] = self._counts.get(layer, 0) + maps.numel() // maps.shape[1]

    def compute(self) -> float:
        """Return the distance of all pictures seen so far; NaN if there were none, or no batch normalisation."""
        found = []
        for layer in self._layers:
            if layer not in self._sums or layer.running_mean is None or layer.running_var is None:
                continue
            mean = self._sums[layer] / self._counts[layer]
            away = (mean - layer.running_mean.double().cpu()).abs() / (
                layer.running_var.double().cpu() + layer.eps
            ).sqrt()
            found.append(float(away.median()))
        return float(np.mean(found)) if found else float("nan")
