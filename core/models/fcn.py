"""FCN-32s (Long et al., 2015, arXiv 1411.4038): VGG-16 made fully convolutional, its answer enlarged 32 times."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import is_autocast_available
from torch.nn import functional as F

from core.models.backbones import build_backbone

STRIDE = 32
FEATURES = 512


class FCN32s(nn.Module):
    """VGG-16's convolutions, a 7×7 and a 1×1 convolution, scores for each class, one 32× transposed convolution.

    With the paper's ``width=4096`` and six classes it has 134,432,582 parameters, of which 102,764,544 lie in the 7×7
    convolution alone; quick recipes use a ``width`` of 256.

    The scores are enlarged by a kernel of 64×64 that starts as bilinear interpolation, each class by itself, and is
    learned.

    Deviations from the paper:

    - It pads the picture by 100 pixels, so that the unpadded 7×7 convolution has room, and crops. Here the picture is
      padded to a multiple of 32 by repeating its border, the 7×7 convolution by 3, and the map of scores by one row
      and column of its own border before it is enlarged: the same size for every picture, odd ones too, with less to
      compute, and the border is interpolated as the middle is.
    - The class scores start as PyTorch draws them, not as zeros, so that gradients reach every layer at once.
    - Whole maps are dropped out, not single values: neighbours in a map are too alike for dropout of single values to
      hide anything (Tompson et al., 2015, arXiv 1411.4280).
    """

    def __init__(self, classes: int, *, width: int = 4096, dropout: float = 0.5) -> None:
        """Build it with random weights.

        Args:
            classes: Number of logits per pixel.
            width: Channels of the two convolutions between VGG-16 and the scores.
            dropout: Probability with which each of their maps is left out while training.
        """
        super().__init__()
        self.encoder = build_backbone("vgg16", pooled=False)
        self.fc6 = nn.Conv2d(FEATURES, width, 7, padding=3)
        self.fc7 = nn.Conv2d(width, width, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.score = nn.Conv2d(width, classes, 1)
        # One more row and column of scores on each side make 32 more pixels there, and the kernel reaches 16 beyond.
        self.enlarge = nn.ConvTranspose2d(classes, classes, 2 * STRIDE, stride=STRIDE, padding=48, bias=False)
        for layer in (self.fc6, self.fc7):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        with torch.no_grad():
            self.enlarge.weight.copy_(bilinear_kernels(classes, STRIDE))
        self.stride = STRIDE

    @property
    def deepest_map(self) -> nn.Module:
        """Return VGG-16's convolutions: ``(N, 512, h, w)``, a place for ``stride`` pixels."""
        return self.encoder

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, 3, H, W)`` to logits ``(N, classes, H, W)``."""
        height, width = images.shape[-2:]
        images = F.pad(images, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        features = self.dropout(F.relu(_exactly_on_a_processor(self.fc6, self.encoder(images))))
        features = self.dropout(F.relu(self.fc7(features)))
        scores = F.pad(self.score(features), (1, 1, 1, 1), mode="replicate")
        # A processor's bf16 gradient of so large a kernel came out thirteen times too small and partly the wrong way.
        device = scores.device.type
        with torch.autocast(device if is_autocast_available(device) else "cpu", enabled=False):
            logits: Tensor = self.enlarge(scores.float())
        return logits[..., :height, :width]

    @property
    def hidden(self) -> list[nn.Conv2d]:
        """Return all convolutions but the last, which tells the classes, in forward order."""
        encoder = [each for each in self.encoder.modules() if isinstance(each, nn.Conv2d)]
        return [*encoder, self.fc6, self.fc7]

    def load_vgg16(self, state: Mapping[str, Tensor]) -> bool:
        """Load VGG-16 as torchvision publishes it.

        The published classifier's first two layers become the 7×7 and the first 1×1 convolution where they have the
        same ``width``, as in the paper; the third, which tells ImageNet's classes, is left out.

        Args:
            state: State dict of ``torchvision.models.vgg16``; the classifier may be missing.

        Returns:
            Whether the classifier's layers were loaded too.

        Raises:
            RuntimeError: If tensors are missing, unknown or of another shape.
        """
        self.encoder.load_imagenet(state)
        first = state.get("classifier.0.weight")
        if first is None or first.shape[0] != self.fc6.out_channels:
            return False
        for layer, key in ((self.fc6, "classifier.0"), (self.fc7, "classifier.3")):
            weight = state[f"{key}.weight"].reshape(layer.weight.shape)
            layer.load_state_dict({"weight": weight, "bias": state[f"{key}.bias"]})
        return True


def _exactly_on_a_processor(layer: nn.Module, maps: Tensor) -> Tensor:
    """Return what a layer gives of maps, on a processor in fp32 whatever the format around it.

    Where a 7×7 kernel is larger than its map, some processors' bf16 gradients of the weights come out infinite.
    """
    found: Tensor
    if maps.device.type != "cpu":
        found = layer(maps)
        return found
    with torch.autocast("cpu", enabled=False):
        found = layer(maps.float())
    return found


def bilinear_kernels(channels: int, factor: int) -> Tensor:
    """Return weights of a transposed convolution that enlarges each channel by bilinear interpolation.

    Args:
        channels: In and out.
        factor: By how much it enlarges; an even number.

    Returns:
        ``(channels, channels, 2 * factor, 2 * factor)``, zero between different channels.
    """
    distance = (torch.arange(2 * factor) - (factor - 0.5)).abs()
    ramp = 1 - distance / factor
    return torch.eye(channels)[:, :, None, None] * ramp[:, None] * ramp
