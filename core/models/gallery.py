"""A network that carries pictures to compare with: the nearest to a new one can be shown wherever its weights are."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.byol import HIDDEN, PROJECTION, OnlineNetwork

THUMBNAIL = 64
"""Side of a kept picture, pixels."""
EMPTY = -1
"""Label of a place that holds no picture."""


class Gallery(nn.Module):
    """Small labelled pictures and their features, stored with the weights as buffers; nothing of it is trained.

    Attributes:
        features: ``(places, features)``.
        labels: ``(places,)``, :data:`EMPTY` where a place holds nothing.
        pictures: ``(places, 64, 64, 3)``, 0 to 255.
    """

    features: Tensor
    labels: Tensor
    pictures: Tensor

    def __init__(self, places: int, features: int) -> None:
        """Make room.

        Args:
            places: For so many pictures.
            features: Width of a feature vector.
        """
        super().__init__()
        self.register_buffer("features", torch.zeros(places, features))
        self.register_buffer("labels", torch.full((places,), EMPTY))
        self.register_buffer("pictures", torch.zeros(places, THUMBNAIL, THUMBNAIL, 3, dtype=torch.uint8))

    def fill(self, pictures: Tensor, labels: Tensor) -> None:
        """Hang pictures ``(N, 64, 64, 3)`` uint8 with their labels ``(N,)`` on the first places.

        Raises:
            ValueError: If there are more pictures than places.
        """
        if len(pictures) > len(self.labels):
            raise ValueError(f"{len(pictures)} pictures were given for {len(self.labels)} places")
        self.labels.fill_(EMPTY)
        self.pictures[: len(pictures)] = pictures
        self.labels[: len(labels)] = labels

    def remember(self, places: Tensor, features: Tensor) -> None:
        """Take the features ``(N, F)`` of the pictures at places ``(N,)``."""
        self.features[places] = features.to(self.features.dtype)

    def nearest(self, features: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Return cosine similarities and places of the most similar pictures, the nearest first, both ``(N, count)``.

        Fewer than ``count`` where fewer pictures hang.

        Args:
            features: ``(N, F)``.
            count: At most so many for each.
        """
        taken = (self.labels != EMPTY).nonzero().squeeze(1)
        bank = F.normalize(self.features[taken], dim=1)
        similarities = F.normalize(features.float(), dim=1) @ bank.T
        found, order = similarities.topk(min(count, len(taken)), dim=1)
        return found, taken[order]


class SearchableNetwork(OnlineNetwork):
    """BYOL's online network with a gallery of pictures that its features are compared with."""

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        gallery: Gallery,
        *,
        hidden: int = HIDDEN,
        projection: int = PROJECTION,
    ) -> None:
        """Join network and gallery; see :class:`core.models.byol.OnlineNetwork` for the other arguments."""
        super().__init__(backbone, features, hidden=hidden, projection=projection)
        self.gallery = gallery

    def forward(self, images: Tensor, *, only_features: bool = False) -> Tensor:
        """Map images ``(N, C, H, W)`` to predictions ``(N, projection)``, or to the backbone's features ``(N, F)``.

        Both go through this call because what is wrapped around a network, as mixed precision is, works on calls of the
        network itself and not of its parts.
        """
        if only_features:
            return cast(Tensor, self.backbone(images))
        return super().forward(images)
