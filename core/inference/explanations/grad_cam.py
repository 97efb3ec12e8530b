"""Which part of a picture speaks for a class.

Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391), by captum. A network whose last layer sees statistics of all stages
is linear in them, and what each place of each stage adds to them is known: there the map is a sum, without Grad-CAM's
approximation, which would see the last stage alone.
"""

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from core.data.transforms.arrays import FloatImage, Pixels, resize
from core.models.classifier import ClassificationNetwork, Classifier
from core.models.stage_statistics import StageStatistics

if TYPE_CHECKING:
    from core.engine.device import Compute

STRENGTH = 0.6
"""Of the hottest colour over the picture, 0 to 1."""
BLUR = 1 / 28
"""Deviation of the blur of a sum of stages, as a part of the side: the first stages have a value for every edge."""


def explain_class(network: ClassificationNetwork, images: Tensor, label: int, compute: "Compute") -> FloatImage:
    """Return how much each part of a picture speaks for a class.

    The maps of the last layer that still has a place for every part of the picture are weighted by how much the class's
    logit grows with each, and what speaks against it is left out. Gradients are computed in full precision. Where the
    last layer sees all stages, see :func:`sum_of_stages`.

    Args:
        network: In evaluation mode, placed by ``compute``.
        images: ``(1, C, H, W)``, prepared.
        label: The class, 0 to K − 1.
        compute: Where the network is.

    Returns:
        ``(H, W)``, 0 to 1; zeros where nothing speaks for it.
    """
    size = _size(images)
    given = compute.place(images).float()
    if isinstance(network, Classifier) and network.all_stages:
        added = cv2.GaussianBlur(sum_of_stages(network, given, label), (0, 0), BLUR * min(size))
        return _as_heat(np.asarray(added, np.float32), size)
    from captum.attr import LayerGradCam  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a moment, for who asks

    with torch.enable_grad():
        heat = LayerGradCam(network, network.last_map).attribute(
            given.requires_grad_(), target=label, relu_attributions=True
        )
    return _as_heat(heat.detach().float().cpu().numpy()[0, 0], size)


def say_method(network: ClassificationNetwork) -> str:
    """Return what :func:`explain_class` shows of a network, to begin a sentence with."""
    if isinstance(network, Classifier) and network.all_stages:
        return "What each place adds to the class, summed over all stages"
    return "Grad-CAM"


def sum_of_stages(network: Classifier, images: Tensor, label: int) -> FloatImage:
    """Return what each place adds to a class's logit, where the last layer sees statistics of all stages.

    Such a logit is a bias and a weighted sum of means and standard deviations over places, each less its mean over the
    training pictures. A mean is a sum over places; so is a deviation σ, of (x − mean) x / σ. What the training pictures
    have is taken away alike everywhere. The sum over all places is the logit without its bias.

    Args:
        network: With ``all_stages``, in evaluation mode.
        images: ``(1, C, H, W)``, prepared, where the network is.
        label: The class, 0 to K − 1.

    Returns:
        ``(H, W)``, positive where a place speaks for the class.
    """
    described_by = cast(StageStatistics, network.held_still)
    size = _size(images)
    with torch.no_grad():
        seen = described_by.look(images)
    with torch.enable_grad():
        maps = [each.detach().float().requires_grad_() for each, _ in seen]
        parts = [describe(each) for each, (_, describe) in zip(maps, seen, strict=True)]
        logit = network.trained_part(torch.cat(parts, dim=1))[0, label]
        slopes = torch.autograd.grad(logit, [*maps, *parts])
    assert network.scale.running_mean is not None
    usual = torch.split(network.scale.running_mean, [part.shape[1] for part in parts])
    total = np.zeros(size, np.float32)
    for each, slope, part, weight, mean in zip(
        maps, slopes[: len(maps)], parts, slopes[len(maps) :], usual, strict=True
    ):
        added = (each * slope).sum(dim=1)[0].detach()
        added += ((part[0] - mean) @ weight[0] - added.sum()).detach() / added.numel()
        share = added.numel() / (size[0] * size[1])
        total += share * resize(added.cpu().numpy(), size)
    return total


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]


def _as_heat(coarse: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Return what is above 0 of a map as a part of its largest value, enlarged."""
    most = float(coarse.max())
    if not np.isfinite(most) or most <= 0:
        return np.zeros(size, np.float32)
    found: FloatImage = np.clip(resize((coarse / most).astype(np.float32), size), 0, 1)
    return found


def overlay(pixels: Pixels, heat: FloatImage) -> Pixels:
    """Return a picture ``(H, W, 3)`` with a heat map ``(H, W)`` over it: the hotter a place, the less is seen of it."""
    colours = cv2.cvtColor(cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    weight = STRENGTH * heat[..., None]
    mixed: Pixels = (pixels * (1 - weight) + colours * weight).round().astype(np.uint8)
    return mixed
