"""ResNet34-U-Net: the encoder of ResNet-34 (He et al., 2015, arXiv 1512.03385) under the decoder of the U-Net."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from core.models.unet import UpBlock

STRIDE = 64

Residual = Literal["reported", "standard"]
"""Where the second ReLU of a residual block stands; see :class:`ResidualBlock`."""


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch normalisation, and a shortcut around them.

    ``standard`` is He's basic block: the sum goes through a ReLU. ``reported`` is the pets report's: the second
    convolution has its ReLU *before* the addition and the sum has none, so that a block can add to its input but
    never take away, and values can only grow along a stage.

    The shortcut is the input itself where the shapes agree, else a 1×1 convolution of the same stride with batch
    normalisation (option B of the paper). Modules bear torchvision's names, so that its weights fit.

    Shape: ``(N, in_channels, H, W)`` to ``(N, out_channels, H / stride, W / stride)``, rounded up.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, residual: Residual) -> None:
        super().__init__()
        self.residual = residual
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(out_channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return the sum of the shortcut and the convolutions' answer."""
        shortcut: Tensor = features if self.downsample is None else self.downsample(features)
        change = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(features)))))
        if self.residual == "reported":
            return shortcut + F.relu(change)
        return F.relu(shortcut + change)


class ResidualEncoder(nn.Module):
    """ResNet-34 without its pooling and classifier: stem, max pooling and stages of 3, 4, 6 and 3 blocks.

    With the standard block and the default widths it takes torchvision's ``resnet34`` weights name by name (all but
    ``fc``) and returns what torchvision's stages return.
    """

    def __init__(
        self, in_channels: int, *, widths: tuple[int, int, int, int] = (64, 128, 256, 512), residual: Residual
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = _stage(widths[0], widths[0], depth=3, stride=1, residual=residual)
        self.layer2 = _stage(widths[0], widths[1], depth=4, stride=2, residual=residual)
        self.layer3 = _stage(widths[1], widths[2], depth=6, stride=2, residual=residual)
        self.layer4 = _stage(widths[2], widths[3], depth=3, stride=2, residual=residual)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map ``(N, in_channels, H, W)`` to the four stages' features, at 1/4, 1/8, 1/16 and 1/32 of the sides."""
        features = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)
        stages = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = stage(features)
            stages.append(features)
        return stages


class ResidualUNet(nn.Module):
    """ResNet34-U-Net of the pets report; logits of the picture's own size.

    Stem and four stages (:class:`ResidualEncoder`), a residual block of stride 2 to the bottleneck with 2-D dropout,
    the U-Net's decoder with the four stages as skips, then two more doublings, each a 2×2 transposed convolution with
    batch normalisation and ReLU, and a 1×1 convolution. The report does not give the width of those two; they keep
    the width of the last decoder step.

    With three channels in and one out it has 48,193,409 parameters: 21,284,672 in the encoder (torchvision's
    ``resnet34`` without ``fc``), 14,686,208 in the bottleneck, 12,189,440 in the decoder, 33,024 in the
    doublings and 65 in the head. Both forms of the residual block have the same parameters.

    Pictures whose sides are no multiple of 64 are padded by repeating the border, and the logits are cropped back. A
    training batch needs more than one value a channel at 1/64 of the sides: a single picture must be larger than 64×64.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        widths: tuple[int, int, int, int] = (64, 128, 256, 512),
        bottleneck: int = 1024,
        dropout: float = 0.1,
        residual: Residual = "reported",
    ) -> None:
        """Build the network.

        Args:
            in_channels: Channels of a picture.
            out_channels: Channels of the logits.
            widths: Channels of the four stages.
            bottleneck: Channels at the lowest resolution.
            dropout: Share of the bottleneck's channels (whole maps, not pixels) that a training step leaves out.
            residual: Form of the residual blocks, the bottleneck's included.
        """
        super().__init__()
        self.encoder = ResidualEncoder(in_channels, widths=widths, residual=residual)
        self.bottleneck = ResidualBlock(widths[-1], bottleneck, stride=2, residual=residual)
        self.dropout = nn.Dropout2d(dropout)
        self.up = nn.ModuleList()
        channels = bottleneck
        for width in reversed(widths):
            self.up.append(UpBlock(channels, width))
            channels = width
        self.enlarge = nn.Sequential(_doubling(channels), _doubling(channels))
        self.head = nn.Conv2d(channels, out_channels, 1)
        self.stride = STRIDE

    @property
    def deepest_map(self) -> nn.Module:
        """Return the layers at the lowest resolution: ``(N, bottleneck, h, w)``, a place for ``stride`` pixels."""
        return self.bottleneck

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, H, W)`` to logits ``(N, out_channels, H, W)``."""
        height, width = images.shape[-2:]
        skips = self.encoder(F.pad(images, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate"))
        features = self.dropout(self.bottleneck(skips[-1]))
        for block, skip in zip(self.up, reversed(skips), strict=True):
            features = block(features, skip)
        logits: Tensor = self.head(self.enlarge(features))
        return logits[..., :height, :width]


def _stage(in_channels: int, out_channels: int, *, depth: int, stride: int, residual: Residual) -> nn.Sequential:
    first = ResidualBlock(in_channels, out_channels, stride=stride, residual=residual)
    others = [ResidualBlock(out_channels, out_channels, residual=residual) for _ in range(depth - 1)]
    return nn.Sequential(first, *others)


def _doubling(channels: int) -> nn.Sequential:
    up = nn.ConvTranspose2d(channels, channels, 2, stride=2, bias=False)
    return nn.Sequential(up, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
