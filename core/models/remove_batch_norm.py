"""Networks without batch normalisation, for pictures whose brightness must come out as it went in."""

from itertools import pairwise

import torch
from torch import nn

from core.models.unet import initialise_he


def remove_batch_normalisation(network: nn.Module) -> None:
    """Take batch normalisation out of a network, in place: the convolutions before it get biases, weights are He's.

    While it trains, batch normalisation makes every map relative to the other pictures of the step, and afterwards to
    running averages: how bright a picture is has to be guessed back. Lim et al. (2017, EDSR, arXiv 1707.02921) leave it
    out of networks that give pictures back for that reason. What it does for the first steps is left to the weights,
    which are drawn anew by :func:`core.models.unet.initialise_he`.

    Args:
        network: Each of its batch normalisations follows a convolution in an ``nn.Sequential``.

    Raises:
        ValueError: One of them does not.
    """
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for (_, before), (name, layer) in pairwise(list(block.named_children())):
                if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
                    before.bias = nn.Parameter(torch.zeros(before.out_channels))
                    setattr(block, name, nn.Identity())
    left = [name for name, layer in network.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    if left:
        raise ValueError(f"batch normalisation without a convolution before it: {', '.join(left)}")
    initialise_he(network)
