"""Bootstrap Your Own Latent (Grill et al., 2020, arXiv 2006.07733): a network learns to predict its own slow average.

"From an augmented view of an image, we train the online network to predict the target network representation of the
same image under a different augmented view. At the same time, we update the target network with a slow-moving average
of the online network." What the paper leaves open follows the authors' program (deepmind-research/byol).
"""

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN, PROJECTION = 4096, 256
"""Widths of the paper's projector and predictor."""

TAU_BASE = 0.996


class MLP(nn.Sequential):
    """A projector or a predictor: linear, batch normalisation, ReLU, linear.

    Deviation: the authors' first linear layer has a bias, which the batch normalisation after it takes away again; it
    is left out. The last one has none in both. Weights start as PyTorch's linear layers do.

    Shape: ``(N, inputs)`` to ``(N, projection)``; while training N ≥ 2.
    """

    def __init__(self, inputs: int, *, hidden: int = HIDDEN, projection: int = PROJECTION) -> None:
        super().__init__(
            nn.Linear(inputs, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, projection, bias=False),
        )


class OnlineNetwork(nn.Module):
    """What learns by gradients: backbone, projector and predictor. The backbone is what is kept in the end."""

    def __init__(
        self, backbone: nn.Module, features: int, *, hidden: int = HIDDEN, projection: int = PROJECTION
    ) -> None:
        """Put projector and predictor on a backbone.

        Args:
            backbone: ``(N, C, H, W)`` to ``(N, features)``.
            features: Width of what the backbone gives.
            hidden: Width inside projector and predictor; 4096 in the paper.
            projection: Width of what is compared; 256 in the paper.
        """
        super().__init__()
        self.backbone = backbone
        self.projector = MLP(features, hidden=hidden, projection=projection)
        self.predictor = MLP(projection, hidden=hidden, projection=projection)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` to predictions ``(N, projection)``."""
        predictions: Tensor = self.predictor(self.projector(self.backbone(images)))
        return predictions


class TargetNetwork(nn.Module):
    """What is predicted: a copy of an online network's backbone and projector that no gradient reaches.

    It starts as a true copy. Deviation: the authors' program starts it from other random values and its comment says
    that they "did not notice a significant difference"; a copy also serves backbones that were trained before.
    """

    def __init__(self, online: OnlineNetwork) -> None:
        """Copy the two parts; nothing of the online network's memory is shared."""
        super().__init__()
        self.backbone = copy.deepcopy(online.backbone)
        self.projector = copy.deepcopy(online.projector)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` to projections ``(N, projection)`` without a gradient."""
        projections: Tensor = self.projector(self.backbone(images))
        return projections


class Views(NamedTuple):
    """Both networks' answers to two views of the same pictures, each ``(N, projection)``.

    Attributes:
        predictions: The online network's, of the first view.
        second_predictions: Of the second.
        projections: The target network's, of the first view; without a gradient.
        second_projections: Of the second.
    """

    predictions: Tensor
    second_predictions: Tensor
    projections: Tensor
    second_projections: Tensor


class Byol(nn.Module):
    """The online and the target network.

    Batch normalisation, as in the authors' program: while training *both* networks normalise with the statistics of
    the batch, each view by itself, and each network keeps running statistics of its own forward passes. These buffers
    are therefore neither copied nor averaged by :meth:`move_target`, which moves parameters alone.
    """

    def __init__(self, online: OnlineNetwork) -> None:
        """Put a target beside an online network.

        Args:
            online: It is kept, not copied; the target starts as a copy of it.
        """
        super().__init__()
        self.online = online
        self.target = TargetNetwork(online)

    def forward(self, images: Tensor, second: Tensor) -> Views:
        """Answer two views ``(N, C, H, W)`` of the same pictures; :func:`symmetric_loss` compares the answers."""
        return Views(self.online(images), self.online(second), self.target(images), self.target(second))

    @torch.no_grad()
    def move_target(self, tau: float) -> None:
        """Move every parameter of the target to ``tau · target + (1 − tau) · online``.

        To be called once after each step of the optimiser, with :func:`tau_at` of the steps done before it.

        Raises:
            ValueError: If tau is not from 0 to 1.
        """
        if not 0 <= tau <= 1:
            raise ValueError(f"tau is {tau}; it must be from 0 to 1")
        online = dict(self.online.named_parameters())
        for name, parameter in self.target.named_parameters():
            parameter.lerp_(online[name], 1 - tau)


def tau_at(step: int, steps: int, *, base: float = TAU_BASE) -> float:
    """Return how much of itself the target keeps: ``base`` at step 0, rising to 1 at the last along half a cosine.

    ``1 − (1 − base) · (cos(π · step / steps) + 1) / 2``; 1 for every later step.

    >>> tau_at(0, 100), tau_at(50, 100), tau_at(100, 100)
    (0.996, 0.998, 1.0)

    Args:
        step: Steps done, from 0.
        steps: Steps of the whole training, ≥ 1.
        base: 0.996 is for the paper's 1,000 epochs; the authors' program takes 0.99 for 300 and 0.97 for 40.
    """
    return 1 - (1 - base) * (math.cos(math.pi * min(step, steps) / steps) + 1) / 2


def byol_loss(predictions: Tensor, projections: Tensor) -> Tensor:
    """Return ``2 − 2 · cosine`` of each pair, averaged: 0 where directions agree, 4 where they are opposite.

    The same as the squared distance of the two vectors scaled to length 1 (equation 2). Takes gradients to both sides;
    the target's projections have none to take.

    >>> import torch
    >>> one = torch.tensor([[3.0, 4.0]])
    >>> byol_loss(one, 5 * one).item(), byol_loss(one, -one).item()
    (0.0, 4.0)

    Args:
        predictions: ``(N, D)``.
        projections: ``(N, D)``.
    """
    return (2 - 2 * F.cosine_similarity(predictions.float(), projections.float(), dim=-1)).mean()


def symmetric_loss(views: Views) -> Tensor:
    """Return the loss that is trained on, 0 to 8: each view's prediction against the other view's projection, added."""
    first = byol_loss(views.predictions, views.second_projections)
    return first + byol_loss(views.second_predictions, views.projections)
