"""U-Net (Ronneberger et al., 2015, arXiv 1505.04597) as the reports on vessels and on pets built it."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DoubleConvolution(nn.Sequential):
    """Two 3×3 convolutions, each followed by batch normalisation and ReLU.

    Deviation from the paper: convolutions are padded, so that a mask has the picture's size, and batch normalisation
    (2015, after the paper) is added, as in the report.

    Shape: ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            convolution = nn.Conv2d(channels, out_channels, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class UpBlock(nn.Module):
    """Doubles height and width with a 2×2 transposed convolution, joins the skip, convolves twice.

    The first of the two convolutions reads ``2 * out_channels`` channels: half from below, half from the skip. A block
    built without a skip has nothing to join and reads ``out_channels``.
    """

    def __init__(self, in_channels: int, out_channels: int, *, skip: bool = True) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False)
        self.convolve = DoubleConvolution(2 * out_channels if skip else out_channels, out_channels)

    def forward(self, features: Tensor, skip: Tensor | None = None) -> Tensor:
        """Map ``(N, in, H, W)`` and a skip ``(N, out, 2H, 2W)``, if there is one, to ``(N, out, 2H, 2W)``."""
        features = self.up(features)
        convolved: Tensor = self.convolve(features if skip is None else torch.cat([features, skip], dim=1))
        return convolved


class UNet(nn.Module):
    """Encoder and decoder with skip concatenation; logits of the picture's own size.

    With ``in_channels=1``, ``widths=(64, 128, 256, 512)``, ``bottleneck=1024`` and the 3×3 head (the vessel report's)
    it has 31,036,033 parameters: 31,024,257 in convolutions, 11,776 in batch normalisation. Only the head has a bias:
    batch normalisation takes away what a bias before it adds, while its gradient takes time. With all the
    useless biases it would be 31,042,881, the same 31.04 million.

    The pets report's network reads three channels, has a 1×1 head and ``dropout=0.1``: 31,036,673 parameters. Its
    sigmoid belongs to the task, not to the network.

    Pictures whose sides are no multiple of ``2 ** len(widths)`` are padded by repeating the border, and the logits
    are cropped back.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 1,
        *,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        bottleneck: int = 1024,
        head_kernel: int = 3,
        dropout: float = 0.0,
        skips: bool = True,
    ) -> None:
        """Build the network.

        Args:
            in_channels: Channels of a picture.
            out_channels: Channels of the logits.
            widths: Channels of each step down; their number is the number of halvings.
            bottleneck: Channels at the lowest resolution.
            head_kernel: Side of the last convolution, odd.
            dropout: Share of the bottleneck's channels (whole maps, not pixels) that a training step leaves out.
            skips: Hand the features of each step down to the step up of the same size. Without them the steps up read
                the bottleneck alone, and everything the logits know has passed through it.
        """
        super().__init__()
        self.skips = skips
        self.down = nn.ModuleList()
        channels = in_channels
        for width in widths:
            self.down.append(DoubleConvolution(channels, width))
            channels = width
        self.bottleneck = DoubleConvolution(channels, bottleneck)
        self.dropout = nn.Dropout2d(dropout)
        self.up = nn.ModuleList()
        channels = bottleneck
        for width in reversed(widths):
            self.up.append(UpBlock(channels, width, skip=skips))
            channels = width
        self.head = nn.Conv2d(channels, out_channels, head_kernel, padding=head_kernel // 2)
        self.stride = 2 ** len(widths)

    @property
    def deepest_map(self) -> nn.Module:
        """Return the layers at the lowest resolution: ``(N, bottleneck, h, w)``, a place for ``stride`` pixels."""
        return self.bottleneck

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, H, W)`` to logits ``(N, out_channels, H, W)``."""
        height, width = images.shape[-2:]
        features = F.pad(images, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        skips: list[Tensor | None] = []
        for block in self.down:
            features = block(features)
            skips.append(features if self.skips else None)
            features = F.max_pool2d(features, 2)
        features = self.dropout(self.bottleneck(features))
        for block, skip in zip(self.up, reversed(skips), strict=True):
            features = block(features, skip)
        logits: Tensor = self.head(features)
        return logits[..., :height, :width]


def initialise_he(module: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw the weights of every convolution inside a module from He's normal distribution, fan-out form, in place.

    The standard deviation is √(2 / fan-out), where fan-out is the number of outputs that one input pixel reaches at
    stride 1: ``out_channels`` times the kernel's area (He et al., 2015, arXiv 1502.01852, equation 14). Through
    convolutions and ReLUs alone, gradients then keep their size from layer to layer; PyTorch's default lets them
    shrink. Biases become zero; batch normalisation, which starts at one and zero in any case, and linear layers stay
    as they are.

    PyTorch counts the fans of a transposed convolution in the order of its weights, ``(in, out, k, k)``, so that its
    "fan_in" is the fan-out meant here.

    Args:
        module: A network or a part of one.
        generator: Source of the weights; None takes PyTorch's own.
    """
    for each in module.modules():
        if isinstance(each, nn.Conv2d | nn.ConvTranspose2d):
            fan: Literal["fan_in", "fan_out"] = "fan_in" if isinstance(each, nn.ConvTranspose2d) else "fan_out"
            nn.init.kaiming_normal_(each.weight, mode=fan, nonlinearity="relu", generator=generator)
            if each.bias is not None:
                nn.init.zeros_(each.bias)
