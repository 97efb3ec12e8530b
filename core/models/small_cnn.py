"""The small CNN that a course report trained from scratch on 32×32 pictures."""

from collections import OrderedDict

from torch import Tensor, nn

from core.errors import UserError
from core.models.classifier import ClassificationNetwork

SMALLEST_SIDE = 4


class SmallCNN(ClassificationNetwork):
    """Two convolutions and two linear layers; all of it is always trained.

    Convolution 3→32, ReLU, pool, convolution 32→64, ReLU, pool, linear to 128, ReLU, dropout 0.25, linear to the
    classes, as in the report. Where it is silent, this is the reading: convolutions are 3×3 and padded by 1, pools are
    2×2 maxima, and weights start as PyTorch draws them. With 50 classes and 32×32 pictures it has 550,258 parameters,
    524,416 of them in the first linear layer.

    Attributes:
        only_size: Height and width of the pictures that it takes.
    """

    def __init__(self, classes: int, *, size: tuple[int, int] = (32, 32), channels: int = 3) -> None:
        """Build the network for pictures of one size.

        Args:
            classes: Number of logits.
            size: Height and width of the pictures; the report inferred the linear layer's inputs from it.
            channels: Colours of the pictures.

        Raises:
            UserError: If a side is shorter than 4 pixels.
        """
        super().__init__()
        self.only_size = size
        height, width = size
        if min(size) < SMALLEST_SIDE:
            raise UserError(
                f"The small CNN was asked for pictures of {height}×{width} pixels; it halves them twice, so both sides "
                f"must be at least {SMALLEST_SIDE}."
            )
        self.body = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, 32, 3, padding=1),
                relu1=nn.ReLU(inplace=True),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(32, 64, 3, padding=1),
                relu2=nn.ReLU(inplace=True),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                linear=nn.Linear(64 * (height // 4) * (width // 4), 128),
                relu3=nn.ReLU(inplace=True),
            )
        )
        self.head = nn.Sequential(OrderedDict(dropout=nn.Dropout(0.25), linear=nn.Linear(128, classes)))

    @property
    def last_map(self) -> nn.Module:
        """Return the second convolution's ReLU."""
        return self.body.get_submodule("relu2")

    @property
    def is_fixed(self) -> bool:
        """Return False: nothing is held still."""
        return False

    @property
    def held_still(self) -> nn.Module:
        """Return an empty sequence."""
        return nn.Sequential()

    def trained_part(self, features: Tensor) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to logits ``(N, classes)``."""
        logits: Tensor = self.head(self.body(features))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to the second-last layer ``(N, 128)``."""
        features: Tensor = self.body(images)
        return features
