"""Batch normalisations in evaluation mode become part of the convolutions before them: the same map in fewer steps."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CLOSE = 1e-3
"""Largest difference, as a part of the largest value, at which two networks count as the same map."""


def fold_normalisations(network: nn.Module, images: Tensor) -> nn.Module:
    """Return a copy, in evaluation mode, whose batch normalisations are folded into the convolutions before them.

    A normalisation is taken to follow the convolution that stands before it in the same module. Whether it really
    does is checked on pictures: where the copy maps them to anything else, a plain copy is returned.

    Args:
        network: Is left as it is.
        images: ``(N, C, H, W)`` to check with.
    """
    plain = copy.deepcopy(network).eval()
    folded = copy.deepcopy(plain)
    for module in list(folded.modules()):
        _fold(module)
    with torch.inference_mode():
        expected, found = plain(images), folded(images)
    difference = float((expected - found).abs().max())
    return folded if difference <= CLOSE * float(expected.abs().max()) else plain


def _fold(module: nn.Module) -> None:
    """Fold the normalisations among a module's own children."""
    before: tuple[str, nn.Module] = ("", module)
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        before = name, child
