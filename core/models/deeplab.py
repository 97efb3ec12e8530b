"""DeepLabV3 (Chen et al., 2017, arXiv 1706.05587) on ResNet-50, torchvision's."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.segmentation import deeplabv3_resnet50  # type: ignore[import-untyped]

FEWEST = 4
"""Values from which a batch's own mean and variance say something."""


class PooledBatchNorm(nn.BatchNorm2d):
    """Batch normalisation of maps that are a single pixel, for batches of any size.

    There a channel has as many values as the batch has pictures. Of one, PyTorch refuses to take the variance; two
    become −1 and 1 whatever they are, and three tell little more. So while training, a batch of fewer than four values
    moves the running statistics (the variance by its squared distances to the running mean) and is then normalised
    by them, as in evaluation. Larger batches and evaluation are PyTorch's own.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise ``(N, C, 1, 1)``."""
        mean, variance = self.running_mean, self.running_var
        values = features.numel() // features.shape[1]
        if not self.training or values >= FEWEST or mean is None or variance is None:
            return super().forward(features)
        momentum = 0.1 if self.momentum is None else self.momentum
        with torch.no_grad():
            distance = features.float() - mean[:, None, None]
            variance.lerp_(distance.square().mean(dim=(0, 2, 3)), momentum)
            mean.add_(distance.mean(dim=(0, 2, 3)), alpha=momentum)
        # Copies, so that the next pass may move the statistics before this one has gone backward.
        return F.batch_norm(features, mean.clone(), variance.clone(), self.weight, self.bias, eps=self.eps)


class DeepLabV3ResNet50(nn.Module):
    """torchvision's network with a plain tensor as its answer, trainable with batches of one or two.

    With 21 classes and the auxiliary head it has torchvision's 42,004,074 parameters; the tensors bear torchvision's
    names after ``network.``.

    Deviation from torchvision: in the branch of the pyramid that pools the whole picture,
    :class:`PooledBatchNorm` takes the place of batch normalisation, which refuses batches of one picture. All other
    layers are torchvision's; they need pictures of more than 8 pixels a side when a batch is one.

    Attributes:
        auxiliary: Logits ``(N, classes, H, W)`` of the auxiliary head in the last forward pass; None unless there is
            such a head and the network is training. torchvision's recipe adds half their loss.
    """

    auxiliary: Tensor | None = None
    stride = 8

    def __init__(self, classes: int, *, auxiliary: bool = False) -> None:
        """Build it with random weights.

        Args:
            classes: Number of logits per pixel.
            auxiliary: Whether a second, plain head reads the third stage while training.
        """
        super().__init__()
        self.network = deeplabv3_resnet50(
            weights=None, weights_backbone=None, num_classes=classes, aux_loss=auxiliary
        )  # fmt: skip
        pooling = self.network.classifier[0].convs[-1]
        pooling[2] = PooledBatchNorm(pooling[2].num_features)

    @property
    def deepest_map(self) -> nn.Module:
        """Return ResNet-50's last stage: ``(N, 2048, h, w)``, a place for ``stride`` pixels."""
        stage: nn.Module = self.network.backbone["layer4"]
        return stage

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, 3, H, W)`` to logits ``(N, classes, H, W)``."""
        found = self.network(images)
        self.auxiliary = found.get("aux") if self.training else None
        logits: Tensor = found["out"]
        return logits

    def load_resnet50(self, state: Mapping[str, Tensor]) -> None:
        """Load ResNet-50 as torchvision publishes it, without its classifier.

        Raises:
            RuntimeError: If tensors are missing, unknown or of another shape.
        """
        self.network.backbone.load_state_dict({key: each for key, each in state.items() if not key.startswith("fc.")})

    def __getstate__(self) -> dict[str, Any]:
        """Leave the last pass's logits out of copies: a tensor within a graph cannot be copied."""
        return {**self.__dict__, "auxiliary": None}
