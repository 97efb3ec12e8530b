"""Which part of a picture speaks for a class: Grad-CAM (Selvaraju et al., 2017, arXiv 1610.02391), by captum."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from core.data.raster import FloatImage, Pixels, resize
from core.models.classifier import ClassificationNetwork

if TYPE_CHECKING:
    from core.engine.device import Compute

STRENGTH = 0.6
"""Of the hottest colour over the picture, 0 to 1."""


def explain_class(network: ClassificationNetwork, images: Tensor, label: int, compute: "Compute") -> FloatImage:
    """Return how much each part of a picture speaks for a class.

    The maps of the last layer that still has a place for every part of the picture are weighted by how much the class's
    logit grows with each, and what speaks against it is left out. Gradients are computed in full precision.

    Args:
        network: In evaluation mode, placed by ``compute``.
        images: ``(1, C, H, W)``, prepared.
        label: The class, 0 to K − 1.
        compute: Where the network is.

    Returns:
        ``(H, W)``, 0 to 1; zeros where nothing speaks for it.
    """
    from captum.attr import LayerGradCam  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a moment, for who asks

    with torch.enable_grad():
        given = compute.place(images).float().requires_grad_()
        heat = LayerGradCam(network, network.last_map).attribute(given, target=label, relu_attributions=True)
    coarse = heat.detach().float().cpu().numpy()[0, 0]
    most = float(coarse.max())
    if not np.isfinite(most) or most <= 0:
        return np.zeros(images.shape[-2:], np.float32)
    height, width = images.shape[-2:]
    found: FloatImage = np.clip(resize((coarse / most).astype(np.float32), (height, width)), 0, 1)
    return found


def overlay(pixels: Pixels, heat: FloatImage) -> Pixels:
    """Return a picture ``(H, W, 3)`` with a heat map ``(H, W)`` over it: the hotter a place, the less is seen of it."""
    colours = cv2.cvtColor(cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    weight = STRENGTH * heat[..., None]
    mixed: Pixels = (pixels * (1 - weight) + colours * weight).round().astype(np.uint8)
    return mixed
