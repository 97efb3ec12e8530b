"""U-Net (Ronneberger et al., 2015, arXiv 1505.04597) as the retinal vessel report built it."""

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
    """Doubles height and width with a 2×2 transposed convolution, joins the skip, convolves twice."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False)
        self.convolve = DoubleConvolution(2 * out_channels, out_channels)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """Map ``(N, in, H, W)`` and a skip ``(N, out, 2H, 2W)`` to ``(N, out, 2H, 2W)``."""
        joined: Tensor = self.convolve(torch.cat([self.up(features), skip], dim=1))
        return joined


class UNet(nn.Module):
    """Encoder and decoder with skip concatenation; logits of the picture's own size.

    With ``in_channels=1``, ``widths=(64, 128, 256, 512)``, ``bottleneck=1024`` and the 3×3 head it has 31,036,033
    parameters: 31,024,257 in convolutions, 11,776 in batch normalisation. Only the head has a bias: batch
    normalisation takes away what a bias before it adds, while its gradient takes time. With all the
    useless biases it would be 31,042,881, the same 31.04 million.

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
    ) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        channels = in_channels
        for width in widths:
            self.down.append(DoubleConvolution(channels, width))
            channels = width
        self.bottleneck = DoubleConvolution(channels, bottleneck)
        self.up = nn.ModuleList()
        channels = bottleneck
        for width in reversed(widths):
            self.up.append(UpBlock(channels, width))
            channels = width
        self.head = nn.Conv2d(channels, out_channels, head_kernel, padding=head_kernel // 2)
        self.stride = 2 ** len(widths)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, H, W)`` to logits ``(N, out_channels, H, W)``."""
        height, width = images.shape[-2:]
        features = F.pad(images, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        skips = []
        for block in self.down:
            features = block(features)
            skips.append(features)
            features = F.max_pool2d(features, 2)
        features = self.bottleneck(features)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            features = block(features, skip)
        logits: Tensor = self.head(features)
        return logits[..., :height, :width]
