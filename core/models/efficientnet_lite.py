"""EfficientNet-Lite0: EfficientNet without squeeze-and-excite, with ReLU6, for small machines.

Tan and Le, 2019 (arXiv 1905.11946); the Lite form is of the TensorFlow team, 2020
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Layers are named as in timm's
`tf_efficientnet_lite0`, so that its state dict loads as it is; :func:`timm_key` renames that of the bundled package.
"""

import math
from collections import OrderedDict
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlockGroup(NamedTuple):
    """Blocks in a row: the first one strides and widens, the others keep the size."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


GROUPS = (
    BlockGroup(3, 1, 1, 16, 1),
    BlockGroup(3, 2, 6, 24, 2),
    BlockGroup(5, 2, 6, 40, 2),
    BlockGroup(3, 2, 6, 80, 3),
    BlockGroup(5, 1, 6, 112, 3),
    BlockGroup(5, 2, 6, 192, 4),
    BlockGroup(3, 1, 6, 320, 1),
)
STEM, HEAD, CLASSES = 32, 1280, 1000


class SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's ``SAME``: the map has ``ceil(side / stride)`` rows and columns.

    With stride 2 and an even side, all of an odd padding's surplus goes to the right and bottom. Padding both sides
    alike, as PyTorch does, would shift what trained weights see by half a pixel at every such layer.

    Shape: ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Pad and convolve; whole numbers alone, because what traces a network takes ``math.ceil`` for a constant."""
        height, width = (
            max(((side + stride - 1) // stride - 1) * stride + kernel - side, 0)
            for side, stride, kernel in zip(images.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        padded = F.pad(images, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(padded)


def _convolution(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution without bias; with stride 1, TensorFlow's padding is PyTorch's."""
    if stride > 1:
        return SameConvolution(in_channels, out_channels, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False)


def _filter(layer: nn.Conv2d, maps: Tensor) -> Tensor:
    """Convolve depthwise; on a processor, what is to learn from it, and is not 3×3 with stride 1, in fp32.

    oneDNN's bf16 gradients of such layers take 4 to 38 times as long (672 channels of 14×14 on two cores: weights of a
    5×5 kernel 44 ms instead of 12 ms, input of stride 2 88 ms instead of 2.3 ms); without them a step of the pets'
    U-Net takes 0.51 s instead of 0.70 s.
    """
    small = layer.kernel_size == (3, 3) and layer.stride == (1, 1)
    if small or not torch.is_autocast_enabled("cpu") or maps.device.type != "cpu":
        return cast(Tensor, layer(maps))
    if not torch.is_grad_enabled() or not (maps.requires_grad or layer.weight.requires_grad):
        return cast(Tensor, layer(maps))
    with torch.autocast("cpu", enabled=False):
        return cast(Tensor, layer(maps.float()).to(maps.dtype))


def _normalisation(channels: int) -> nn.BatchNorm2d:
    """Return a batch normalisation with TensorFlow's epsilon.

    Deviation: its running statistics move by PyTorch's 0.1 a step instead of 0.01, because fine-tuning is short.
    """
    return nn.BatchNorm2d(channels, eps=1e-3)


class SeparableBlock(nn.Sequential):
    """A depthwise convolution and a linear 1×1 convolution: the form of a block that does not expand."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        super().__init__(
            OrderedDict(
                conv_dw=_convolution(in_channels, in_channels, kernel, stride=stride, groups=in_channels),
                bn1=_normalisation(in_channels),
                act1=nn.ReLU6(inplace=True),
                conv_pw=_convolution(in_channels, out_channels, 1),
                bn2=_normalisation(out_channels),
            )
        )


class InvertedResidual(nn.Module):
    """Expand by a 1×1 convolution, filter depthwise, project by a linear 1×1 convolution; add the input if it fits.

    Deviation from the training of the published weights: no block is dropped at random (they used 0.2).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.conv_pw = _convolution(in_channels, wide, 1)
        self.bn1 = _normalisation(wide)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_dw = _convolution(wide, wide, kernel, stride=stride, groups=wide)
        self.bn2 = _normalisation(wide)
        self.act2 = nn.ReLU6(inplace=True)
        self.conv_pwl = _convolution(wide, out_channels, 1)
        self.bn3 = _normalisation(out_channels)
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``."""
        features = self.act1(self.bn1(self.conv_pw(images)))
        features = self.act2(self.bn2(_filter(self.conv_dw, features)))
        features = cast(Tensor, self.bn3(self.conv_pwl(features)))
        return features + images if self.adds else features


class EfficientNetLite0(nn.Sequential):
    """The whole network, 4,652,008 parameters: ``(N, 3, H, W)`` to logits ``(N, 1000)``.

    Pictures are ``(x - 127) / 128`` for pixels 0 to 255.
    """

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                conv_stem=_convolution(3, STEM, 3, stride=2),
                bn1=_normalisation(STEM),
                act1=nn.ReLU6(inplace=True),
                blocks=_build_blocks(),
                conv_head=_convolution(GROUPS[-1].channels, HEAD, 1),
                bn2=_normalisation(HEAD),
                act2=nn.ReLU6(inplace=True),
                avgpool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                classifier=nn.Linear(HEAD, CLASSES),
            )
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                _initialise(layer)


def _build_blocks() -> nn.Sequential:
    groups = nn.Sequential()
    channels = STEM
    for kernel, stride, expansion, width, repeats in GROUPS:
        group = nn.Sequential()
        for i in range(repeats):
            step = stride if i == 0 else 1
            if expansion == 1:
                group.append(SeparableBlock(channels, width, kernel, step))
            else:
                group.append(InvertedResidual(channels, width, kernel, stride=step, expansion=expansion))
            channels = width
        groups.append(group)
    return groups


@torch.no_grad()
def _initialise(convolution: nn.Conv2d) -> None:
    """Draw weights as TensorFlow's EfficientNet does: normal, by the outputs that one weight feeds."""
    kernel = convolution.kernel_size[0] * convolution.kernel_size[1]
    convolution.weight.normal_(0, math.sqrt(2 / (kernel * convolution.out_channels / convolution.groups)))


_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def timm_key(key: str) -> str:
    """Return timm's name of a tensor of the bundled package's state dict; other keys as they are.

    The package counts blocks through (``_blocks.0`` to ``_blocks.15``), timm counts them within groups, and each names
    its layers in its own way. The tensors and their order are the same.

    >>> timm_key("_blocks.2._bn0.weight"), timm_key("_fc.bias"), timm_key("blocks.1.1.bn1.weight")
    ('blocks.1.1.bn1.weight', 'classifier.bias', 'blocks.1.1.bn1.weight')
    """
    first, _, rest = key.partition(".")
    if first in _OUTSIDE:
        return f"{_OUTSIDE[first]}.{rest}"
    number, _, inside = rest.partition(".")
    if first != "_blocks" or not number.isdecimal():
        return key
    places = [(group, block) for group, each in enumerate(GROUPS) for block in range(each.repeats)]
    layer, _, tensor = inside.partition(".")
    names = _SEPARABLE if number == "0" else _INVERTED
    if int(number) >= len(places) or layer not in names:
        return key
    group, block = places[int(number)]
    return f"blocks.{group}.{block}.{names[layer]}.{tensor}"
