"""A start from random weights for deep networks without normalisation."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

SMALLEST = 1e-5
"""Deviation below which a map counts as constant and is left as it is."""


@torch.no_grad()
def even_out(network: nn.Module, layers: Sequence[nn.Conv2d], images: Tensor) -> None:
    """Scale and shift convolutions so that each of their maps has mean 0 and deviation 1 on some pictures.

    After a dozen layers of random weights and ReLUs all places of all pictures look nearly alike, and a network without
    normalisation takes very long to tell them apart. This moves weights and biases once, as batch normalisation would
    move the maps, and adds nothing to the network (Krähenbühl et al., 2016, arXiv 1511.06856, without its second part,
    which evens out how fast layers learn).

    Args:
        network: Is run once, as in evaluation, and left in the mode it was in.
        layers: Convolutions with a bias, in the order in which the network calls them.
        images: What it takes, ``(N, C, H, W)``; a few pictures like those of the training.
    """

    def correct(layer: nn.Module, _: Any, answer: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(answer, dim=(0, 2, 3))
        constant = deviation < SMALLEST
        deviation, mean = deviation.masked_fill(constant, 1), mean.masked_fill(constant, 0)
        assert isinstance(layer, nn.Conv2d)
        assert layer.bias is not None
        layer.weight.div_(deviation[:, None, None, None])
        layer.bias.sub_(mean).div_(deviation)
        return (answer - mean[:, None, None]) / deviation[:, None, None]

    handles, training = [each.register_forward_hook(correct) for each in layers], network.training
    try:
        network.eval()(images)
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
