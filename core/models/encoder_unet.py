"""A U-Net (Ronneberger et al., 2015, arXiv 1505.04597) whose encoder is any network that gives maps of five sizes."""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.unet import DoubleConvolution

STRIDE = 32
DOUBLINGS = (4, 5)

Upsampling = Literal["bilinear", "transposed"]


class PyramidEncoder(Protocol):
    """A network that gives feature maps of several sizes."""

    @property
    def pyramid_channels(self) -> tuple[int, ...]:
        """Channels of the maps, the finest first."""

    @property
    def deepest_map(self) -> nn.Module:
        """Layers whose output is the coarsest map."""

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Map ``(N, 3, H, W)`` to maps of half the size each, the last of a thirty-second of the picture's."""


class DecoderBlock(nn.Module):
    """Doubles height and width, joins the skip if there is one, convolves twice."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, *, upsampling: Upsampling) -> None:
        super().__init__()
        self.up: nn.Module
        if upsampling == "transposed":
            self.up = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False)
            in_channels = out_channels
        else:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.convolve = DoubleConvolution(in_channels + skip_channels, out_channels)

    def forward(self, features: Tensor, skip: Tensor | None) -> Tensor:
        """Map ``(N, in, H, W)`` and a skip ``(N, skip, 2H, 2W)`` to ``(N, out, 2H, 2W)``."""
        features = self.up(features)
        joined: Tensor = self.convolve(features if skip is None else torch.cat([features, skip], dim=1))
        return joined


class EncoderUNet(nn.Module):
    """An encoder, a decoder that joins its maps on the way up, and logits of the picture's own size.

    Maps from half the picture's size to a sixteenth are skips; the last doubling, to the picture's own size, has none
    (an encoder whose finest map is a quarter has two such). Without that last doubling, logits of half the size are
    enlarged by interpolation: a quarter less work for outlines that are two pixels coarser. Pictures whose sides are no
    multiple of 32 are padded by repeating the border, and the logits are cropped back, so an encoder's own way of
    rounding sizes does not matter.

    Deviations from the paper: convolutions are padded and normalised (:class:`core.models.unet.DoubleConvolution`), the
    encoder is another network, and by default maps are enlarged by interpolation, which leaves no chequered traces.
    """

    def __init__(
        self,
        encoder: PyramidEncoder,
        out_channels: int,
        *,
        widths: Sequence[int] = (256, 128, 64, 32, 16),
        upsampling: Upsampling = "bilinear",
    ) -> None:
        """Put a decoder of random weights on an encoder.

        Args:
            encoder: A module; it is used, not copied.
            out_channels: Logits per pixel.
            widths: Channels after each of the four or five doublings, from the coarsest.
            upsampling: ``bilinear`` interpolation, or a learned 2×2 ``transposed`` convolution.
        """
        super().__init__()
        if len(widths) not in DOUBLINGS:
            raise ValueError(f"{len(widths)} widths were given; 4 or 5, one for each doubling, are needed")
        self.encoder = encoder
        *skips, channels = encoder.pyramid_channels
        self.decoder = nn.ModuleList()
        for doubling, width in enumerate(widths):
            skip_channels = skips[-1 - doubling] if doubling < len(skips) else 0
            self.decoder.append(DecoderBlock(channels, skip_channels, width, upsampling=upsampling))
            channels = width
        self.head = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.stride = STRIDE

    @property
    def deepest_map(self) -> nn.Module:
        """Return the encoder's last stage: ``(N, C, h, w)``, a place for ``stride`` pixels."""
        return self.encoder.deepest_map

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, 3, H, W)`` to logits ``(N, out_channels, H, W)``."""
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        *skips, features = self.encoder.pyramid(padded)
        for block in self.decoder:
            features = block(features, skips.pop() if skips else None)
        logits: Tensor = self.head(features)
        if logits.shape[-1] < padded.shape[-1]:
            logits = F.interpolate(logits, padded.shape[-2:], mode="bilinear", align_corners=False)
        return logits[..., :height, :width]
