"""The convolutional autoencoder of the report on retinal image reconstruction."""

from core.models.unet import UNet


class Autoencoder(UNet):
    """Maps a picture to itself: the vessel report's U-Net, one step shallower, with as many channels out as in.

    With the report's widths, three channels and a 3×3 head it has 7,701,379 parameters; without skips 6,927,235,
    because the first convolution of each step up then reads 256, 128 and 64 channels where it reads 512, 256 and 128
    with them. Nothing bounds the output: values may leave the range of the input.

    The skips let the picture pass by the bottleneck, so a small error says little about what the bottleneck holds.
    Leaving them out does not make the bottleneck narrow either: 512 maps at an eighth of the picture's sides are 8
    numbers a pixel, where an RGB picture has 3. Only a ``bottleneck`` below 192 holds fewer numbers than the picture.
    """

    def __init__(
        self,
        channels: int = 3,
        *,
        widths: tuple[int, ...] = (64, 128, 256),
        bottleneck: int = 512,
        skips: bool = True,
    ) -> None:
        """Build the network; the arguments are those of :class:`core.models.unet.UNet`."""
        super().__init__(channels, channels, widths=widths, bottleneck=bottleneck, head_kernel=3, skips=skips)
