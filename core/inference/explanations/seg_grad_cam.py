"""Which part of a picture speaks for a region of the answer: Seg-Grad-CAM, by captum.

Vinogradova, Dibrov and Myers, 2020, "Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation
Mapping", arXiv 2002.11434: Grad-CAM whose scalar is the sum of a class's logits over a set of pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data.transforms.arrays import FloatImage, Mask, Pixels, resize

if TYPE_CHECKING:
    from core.engine.device import Compute

MOST = 12
"""So many regions are told apart; the smaller ones are left out."""
LARGEST = 1024
"""Side of what is explained at once, pixels: gradients take many times the memory of a prediction."""


@dataclass(frozen=True)
class Region:
    """One connected part of an answer.

    Attributes:
        mask: ``(H, W)``, True on it.
        size: Its pixels.
        row: Of its middle, 0 at the top to 1.
        column: Likewise, 0 at the left to 1.
    """

    mask: Mask
    size: int
    row: float
    column: float


def find_regions(found: Mask, most: int = MOST) -> list[Region]:
    """Return the connected parts of an answer ``(H, W)``, the largest first; pixels that touch at a corner are one."""
    _, labels, statistics, middles = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    sizes = statistics[1:, cv2.CC_STAT_AREA]
    height, width = found.shape
    order = np.argsort(-sizes, kind="stable")[:most] + 1
    return [
        Region(labels == number, int(sizes[number - 1]), (middles[number, 1] + 0.5) / height,
               (middles[number, 0] + 0.5) / width)
        for number in order
    ]  # fmt: skip


def outline(pixels: Pixels, region: Mask) -> Pixels:
    """Return a picture ``(h, w, 3)`` with a white line around a region ``(h, w)``."""
    edges, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.ascontiguousarray(pixels).copy(), edges, -1, (255, 255, 255), 1), np.uint8)


@runtime_checkable
class MappedNetwork(Protocol):
    """A network for pixels that names its deepest layers.

    Attributes:
        stride: Pixels, along a side, that one place of their output stands for; the first begins at the picture's
            upper left corner.
    """

    stride: int

    @property
    def deepest_map(self) -> nn.Module:
        """Layers whose output ``(N, C, h, w)`` has seen most, and still has a place for every part of the picture."""


def name_of_layer(network: MappedNetwork) -> str:
    """Return the name of the layers that are explained by, as PyTorch gives it."""
    modules = cast(nn.Module, network).named_modules()
    return str(next(name for name, module in modules if module is network.deepest_map))


def explain_region(
    network: MappedNetwork, images: Tensor, region: Mask, label: int, compute: "Compute"
) -> FloatImage:  # fmt: skip
    """Return how much each part of a picture speaks for a class in a region.

    The maps of the deepest layers are weighted by the mean of the gradient of the class's logits, summed over the
    region, at each of them; what speaks against it is left out. Gradients are computed in full precision. Of a picture
    that is larger than :data:`LARGEST` only the surroundings of the region are looked at.

    Args:
        network: In evaluation mode, placed by ``compute``; gives logits ``(N, K, h, w)``.
        images: ``(1, C, h, w)``, prepared.
        region: ``(H, W)`` of any size, True on the region; the picture it belongs to fills it.
        label: The class, 0 to K − 1.
        compute: Where the network is.

    Returns:
        ``(h, w)``, 0 to 1; zeros where nothing speaks for it.
    """
    whole: FloatImage = np.zeros(images.shape[-2:], np.float32)
    target = _fit(region, whole.shape)
    if not target.any():
        return whole
    rows, columns = _window(target)
    weights = torch.from_numpy(target[rows, columns]).to(compute.device)

    def score(pictures: Tensor) -> Tensor:
        logits: Tensor = cast(Callable[[Tensor], Tensor], network)(pictures)
        return (logits[:, label].float() * weights).sum(dim=(1, 2))

    coarse = _attribute(score, network.deepest_map, compute.place(images[..., rows, columns]).float())
    most = float(coarse.max())
    if np.isfinite(most) and most > 0:
        whole[rows, columns] = _enlarge(coarse / most, network.stride, weights.shape)
    return whole


def _attribute(score: Callable[[Tensor], Tensor], layer: nn.Module, images: Tensor) -> Tensor:
    from captum.attr import LayerGradCam  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a moment, for who asks

    with torch.enable_grad():
        heat = LayerGradCam(score, layer).attribute(images.requires_grad_(), relu_attributions=True)
    found: Tensor = heat.detach().float().cpu()
    return found


def _enlarge(coarse: Tensor, stride: int, size: torch.Size) -> FloatImage:
    """Return ``(H, W)`` of ``(1, 1, h, w)``: a place is ``stride`` pixels, and what was padded is cut off again."""
    large = F.interpolate(coarse, scale_factor=stride, mode="bilinear", align_corners=False)[0, 0]
    found: FloatImage = large[: size[0], : size[1]].clamp(0, 1).numpy()
    return found


def _fit(region: Mask, size: tuple[int, ...]) -> Mask:
    """Return the region at the network's size; thin parts are kept where at least a part of a pixel is theirs."""
    if region.shape == size:
        return region
    fitted = resize(region.astype(np.float32), (size[0], size[1]))
    return fitted > 0.5 if (fitted > 0.5).any() else fitted > 0


def _window(target: Mask) -> tuple[slice, slice]:
    """Return rows and columns around the middle of the region, at most :data:`LARGEST` of each."""
    return _span(np.asarray(target.any(axis=1))), _span(np.asarray(target.any(axis=0)))


def _span(taken: Mask) -> slice:
    length, places = len(taken), np.flatnonzero(taken)
    if length <= LARGEST:
        return slice(0, length)
    start = int(np.clip((places[0] + places[-1]) // 2 - LARGEST // 2, 0, length - LARGEST))
    return slice(start, start + LARGEST)
