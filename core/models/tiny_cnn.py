"""A backbone small enough that a minute on two processor cores shows it learn; of this project, not published."""

from collections import OrderedDict

from torch import Tensor, nn

WIDTHS = (16, 32, 64, 128)


class TinyCNN(nn.Module):
    """Six 3×3 convolutions, each with batch normalisation and ReLU, in four stages that halve the picture.

    The second and the third stage have two convolutions. 143,952 parameters; features are the mean of the last map.

    Shape: ``(N, 3, H, W)`` to ``(N, 128)``; sides of 16 pixels and more.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for number, width in enumerate(WIDTHS, 1):
            layers = [_convolve(channels, width, stride=2)]
            if number in (2, 3):
                layers.append(_convolve(width, width, stride=1))
            self.add_module(f"stage{number}", nn.Sequential(*layers))
            channels = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()

    def forward(self, images: Tensor) -> Tensor:
        """Map pictures to features."""
        for part in self.children():
            images = part(images)
        return images


def _convolve(before: int, after: int, *, stride: int) -> nn.Sequential:
    layers = OrderedDict(
        conv=nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), norm=nn.BatchNorm2d(after),
        relu=nn.ReLU(inplace=True),
    )  # fmt: skip
    return nn.Sequential(layers)
