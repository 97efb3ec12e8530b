"""Classification by a backbone and a linear layer, of which a part can be held still."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torchvision.models.googlenet import InceptionAux  # type: ignore[import-untyped]

from core.errors import UserError
from core.models.backbone_specs import TUNED, BackboneSpec
from core.models.backbones import StagedBackbone
from core.models.stage_statistics import StageStatistics, count_statistics


class ClassificationNetwork(nn.Module, ABC):
    """A network in two parts: what is held still, then what is trained.

    What the first part gives of a picture never changes, so it can be computed once and kept.

    Attributes:
        auxiliary: Logits ``(N, classes)`` of auxiliary classifiers in the last forward pass; empty unless a network
            that has them is trained as a whole.
    """

    auxiliary: tuple[Tensor, ...] = ()
    head: nn.Sequential

    @property
    def last_layer(self) -> nn.Linear:
        """Return the layer that gives the logits."""
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        return last

    @property
    @abstractmethod
    def last_map(self) -> nn.Module:
        """Return the last layers whose output still has a place for every part of the picture: ``(N, C, h, w)``."""

    @property
    @abstractmethod
    def is_fixed(self) -> bool:
        """Return whether something is held still, so that :meth:`frozen_part` does work."""

    @property
    @abstractmethod
    def held_still(self) -> nn.Module:
        """Return the layers before the first trained one; an empty sequence if all is trained."""

    def frozen_part(self, images: Tensor) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to what enters the first trained layer; to themselves if all is trained.

        Gradients pass through it, because explanations ask for them at the picture.
        """
        features: Tensor = self.held_still(images)
        return features

    @abstractmethod
    def trained_part(self, features: Tensor) -> Tensor:
        """Map what :meth:`frozen_part` gives to logits ``(N, classes)``; it is not changed."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to the second-last layer ``(N, F)``, before dropout."""

    def forward(self, images: Tensor, *, precomputed: bool = False) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to logits ``(N, classes)``.

        Args:
            images: Pictures, or what :meth:`frozen_part` gave of them.
            precomputed: Whether it is the latter. What is wrapped around a network, as mixed precision is, works on
                calls of the network itself and not of :meth:`trained_part`.
        """
        return self.trained_part(images if precomputed else self.frozen_part(images))


class Classifier(ClassificationNetwork):
    """A backbone with a fresh linear layer.

    Weights have the same names whatever is trained, so a checkpoint of one way can be continued in another.

    GoogLeNet keeps its two auxiliary classifiers (Szegedy et al., 2014): they give :attr:`auxiliary` while the
    whole network is trained, the one nearer to the picture first.
    """

    def __init__(self, backbone: StagedBackbone, classes: int, *, tuned: str = "all", all_stages: bool = False) -> None:
        """Join a backbone and a linear layer.

        Args:
            backbone: With pooling; it is changed, not copied.
            classes: Number of logits.
            tuned: One of :data:`TUNED`. The rest gets no gradients and stays in evaluation mode.
            all_stages: Whether the linear layer sees :class:`StageStatistics`, standardised, instead of the backbone's
                last features. Only for a backbone that is held still as a whole.

        Raises:
            UserError: If ``tuned`` is none of them, or more than the linear layer is trained on all stages.
        """
        super().__init__()
        spec = backbone.spec
        if tuned not in TUNED:
            raise UserError(f"tuned was given as {tuned!r}; one of {', '.join(TUNED)} is allowed.")
        if all_stages and tuned != "head":
            raise UserError(
                "The last layer can see all stages only where the backbone is held still as a whole; train the last "
                "layer alone, or let it see the last features."
            )
        self.backbone = backbone
        self.all_stages = all_stages
        self.head = _build_head(spec, classes, all_stages=all_stages)
        self.auxiliary_heads = nn.ModuleDict(
            {name: InceptionAux(spec.stage(name).channels, classes) for name in spec.auxiliary}
        )
        held = {"head": len(spec.stages), "last-stage": spec.stage_names.index(spec.last_stage), "all": 0}
        backbone.freeze(held[tuned])
        self.auxiliary_heads.requires_grad_(tuned == "all")

    @property
    def last_map(self) -> nn.Module:
        """Return the backbone's last stage before pooling."""
        stages = zip(self.backbone.spec.stages, self.backbone.stages, strict=True)
        return [module for stage, module in stages if stage.stride][-1]

    @property
    def is_fixed(self) -> bool:
        """Return whether a part of the backbone is held still."""
        return self.backbone.frozen_stages > 0

    @property
    def held_still(self) -> nn.Module:
        """Return the backbone's frozen stages: to features ``(N, F)`` or, before the last stage, to a map."""
        if self.all_stages:
            return StageStatistics(self.backbone)
        return self.backbone.stages[: self.backbone.frozen_stages]

    def trained_part(self, features: Tensor) -> Tensor:
        """Map what :meth:`frozen_part` gives to logits ``(N, classes)``."""
        if self.all_stages:
            seen: Tensor = self.head(features)
            return seen
        branches_off = self.training and not self.is_fixed
        auxiliary = []
        for name, stage in list(self.backbone.stages.named_children())[self.backbone.frozen_stages :]:
            features = stage(features)
            if branches_off and name in self.auxiliary_heads:
                auxiliary.append(self.auxiliary_heads[name](features))
        self.auxiliary = tuple(auxiliary)
        logits: Tensor = self.head(features)
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Map pictures ``(N, 3, H, W)`` to what the linear layer sees of them, ``(N, F)``."""
        features: Tensor = self.scale(self.frozen_part(images)) if self.all_stages else self.backbone(images)
        return features

    @property
    def scale(self) -> nn.BatchNorm1d:
        """Return what brings the statistics of all stages to one scale."""
        scale = self.head[0]
        assert isinstance(scale, nn.BatchNorm1d)
        return scale

    def __getstate__(self) -> dict[str, Any]:
        """Leave the last pass's logits out of copies: a tensor within a graph cannot be copied."""
        return {**self.__dict__, "auxiliary": ()}


def _build_head(spec: BackboneSpec, classes: int, *, all_stages: bool) -> nn.Sequential:
    """Return dropout and a linear layer; statistics of many stages are first brought to one scale."""
    features = count_statistics(spec) if all_stages else spec.features
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if all_stages:
        layers["scale"] = nn.BatchNorm1d(features, affine=False)
    layers["dropout"] = nn.Dropout(spec.dropout)
    layers["linear"] = nn.Linear(features, classes)
    return nn.Sequential(layers)
