"""Backbones: published networks cut into named stages, so that a part of one can be frozen or used as an encoder."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]
from torchvision.models.vgg import cfgs, make_layers  # type: ignore[import-untyped]

from core.models.backbone_specs import BACKBONES, BackboneSpec, Stage, find_backbone
from core.models.efficientnet_lite import EfficientNetLite0, timm_key
from core.models.tiny_cnn import TinyCNN

__all__ = ["BACKBONES", "BackboneSpec", "Stage", "StagedBackbone", "build_backbone", "find_backbone"]

CLASSIFIER = "classifier"
"""Where a published classifier goes while its state dict is regrouped; no stage is called so."""


class StagedBackbone(nn.Module):
    """A published network without its classifier, as a sequence of named stages.

    The layers are the published network's own objects, regrouped: with the same weights, the same numbers come out.

    Attributes:
        spec: What it is.
        stages: The stages by name, in forward order.
        frozen_stages: How many of them are held still.
    """

    def __init__(self, spec: BackboneSpec, published: nn.Module, *, pooled: bool = True) -> None:
        """Regroup a network.

        Args:
            spec: Where its layers lie.
            published: The network; it shares its layers with the backbone and should be let go.
            pooled: See :func:`build_backbone`.
        """
        super().__init__()
        self.spec = spec
        count = len(spec.stages) if pooled else spec.stage_names.index(spec.pyramid[-1]) + 1
        self.stages = nn.Sequential(OrderedDict((each.name, _group(published, each)) for each in spec.stages[:count]))
        self.frozen_stages = 0

    @property
    def pyramid_channels(self) -> tuple[int, ...]:
        """Return the channels of :meth:`pyramid`'s maps."""
        return tuple(self.spec.stage(name).channels for name in self.spec.pyramid)

    @property
    def pyramid_strides(self) -> tuple[int, ...]:
        """Return how many of the picture's pixels one pixel of each of :meth:`pyramid`'s maps stands for."""
        return tuple(self.spec.stage(name).stride for name in self.spec.pyramid)

    @property
    def deepest_map(self) -> nn.Module:
        """Return the stage whose output is the last of :meth:`pyramid`'s maps."""
        return self.stages[self.spec.stage_names.index(self.spec.pyramid[-1])]

    def forward(self, images: Tensor) -> Tensor:
        """Map pictures ``(N, 3, H, W)`` to features ``(N, features)``; without pooling, to the last map."""
        features: Tensor = self.stages(images)
        return features

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Map pictures ``(N, 3, H, W)`` to maps ``(N, C, H / stride, W / stride)``, the finest first.

        Strides are 2, 4, 8, 16 and 32; ConvNeXt starts with 4. Where a stride does not divide a side, networks round up
        or down each in its own way: pad pictures to a multiple of 32 where maps must fit each other.
        """
        maps = []
        for name, stage in self.stages.named_children():
            images = stage(images)
            if name in self.spec.pyramid:
                maps.append(images)
            if name == self.spec.pyramid[-1]:
                break
        return maps

    def freeze(self, stages: int) -> None:
        """Hold the first stages still and let the others move.

        A stage that is held gets no gradients to its weights and stays in evaluation mode, so its batch normalisation
        neither uses a batch's statistics nor moves its own. Gradients still pass through it, to the picture.
        """
        self.frozen_stages = stages
        for i, stage in enumerate(self.stages):
            stage.requires_grad_(i >= stages)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the stages that are not held still."""
        super().train(mode)
        for stage in self.stages[: self.frozen_stages]:
            stage.eval()
        return self

    def load_imagenet(self, state: Mapping[str, Tensor]) -> nn.Linear | None:
        """Load a published state dict; return its classifier, which maps features to the classes it was trained on.

        Args:
            state: As torchvision publishes it; for EfficientNet-Lite0 timm's or the bundled package's.

        Returns:
            The classifier, or None if the state dict has none that takes pooled features.

        Raises:
            RuntimeError: If tensors are missing, unknown or of another shape.
        """
        tensors = _regrouped(self.spec, state)
        classifier = {key: tensors.pop(f"{CLASSIFIER}.{key}", None) for key in ("weight", "bias")}
        built = dict(self.stages.named_children())
        self.stages.load_state_dict({key: each for key, each in tensors.items() if key.split(".")[0] in built})
        return _linear(self.spec.features, classifier["weight"], classifier["bias"])


def build_backbone(name: str, *, pooled: bool = True) -> StagedBackbone:
    """Build a backbone with random weights.

    Args:
        name: Key of :data:`BACKBONES`.
        pooled: False leaves out all that follows the pyramid's last map, which an encoder does not need.

    Raises:
        UserError: If there is no such backbone.
    """
    spec = find_backbone(name)
    return StagedBackbone(spec, _BUILDERS[name](), pooled=pooled)


def _build_vgg16() -> nn.Module:
    """Return torchvision's VGG-16 without the classifier, whose 124 million weights would only be thrown away."""
    layers: nn.Sequential = make_layers(cfgs["D"])
    for layer in layers:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:  # drawn as torchvision draws them
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return nn.ModuleDict({"features": layers})


_BUILDERS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "resnet18": models.resnet18,
        "resnet50": models.resnet50,
        "densenet121": models.densenet121,
        "googlenet": partial(models.googlenet, aux_logits=False, transform_input=False, init_weights=False),
        "convnext-tiny": models.convnext_tiny,
        "vgg16": _build_vgg16,
        "efficientnet-lite0": EfficientNetLite0,
        "tiny-cnn": TinyCNN,
    }
)
_CALLED: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {"+relu": partial(nn.ReLU, inplace=True), "+pool": partial(nn.AdaptiveAvgPool2d, 1), "+flatten": nn.Flatten}
)
"""Layers that published networks call as functions."""


def _group(published: nn.Module, stage: Stage) -> nn.Module:
    layers = [_CALLED[path]() if path in _CALLED else published.get_submodule(path) for path in stage.layers]
    if len(layers) == 1:
        return layers[0]
    return nn.Sequential(OrderedDict(zip(map(_last_name, stage.layers), layers, strict=True)))


def _last_name(path: str) -> str:
    return path.rpartition(".")[2].removeprefix("+")


def _places(spec: BackboneSpec) -> dict[str, str]:
    """Return where each layer of the published network lies in a backbone's stages."""
    places = {spec.classifier: CLASSIFIER}
    for stage in spec.stages:
        for path in stage.layers:
            places[path] = stage.name if len(stage.layers) == 1 else f"{stage.name}.{_last_name(path)}"
    return places


def _regrouped(spec: BackboneSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a published state dict under the names of a backbone's stages."""
    places = _places(spec)
    tensors = {}
    for published, tensor in state.items():
        key = timm_key(_current_key(published))
        parts = key.split(".")
        path = next((path for path in accumulate(parts, "{}.{}".format) if path in places), None)
        if path:
            tensors[places[path] + key.removeprefix(path)] = tensor
        elif parts[0] not in spec.left_out:
            raise RuntimeError(f"{published} is no tensor of {spec.title}")
    return tensors


def _current_key(key: str) -> str:
    """Return today's name of a tensor of DenseNet's published file, which is from 2017: ``norm.1`` is now ``norm1``."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", key)


def _linear(features: int, weight: Tensor | None, bias: Tensor | None) -> nn.Linear | None:
    if weight is None or bias is None:
        return None
    with torch.device("meta"):  # nothing is drawn, so that a seed means the same with and without weights
        layer = nn.Linear(features, bias.numel())
    layer = layer.to_empty(device="cpu")
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer
