"""Mean and spread of what every stage of a backbone sees: what an extractor knows before its last layer."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.models.backbone_specs import BackboneSpec
from core.models.backbones import StagedBackbone

Description = Callable[[Tensor], Tensor]


class StageStatistics(nn.Module):
    """Mean and standard deviation of each stage's map over the picture, and the backbone's last features.

    The last features are made for ImageNet's classes; earlier stages know textures that serve pictures of another
    kind. Taking from all stages is the idea of Head2Toe (Evci et al., 2022, arXiv 2201.03529). Deviations from it: maps
    are described by mean and deviation over the whole picture instead of averages over parts of it, and no features
    are selected.

    Shape: ``(N, 3, H, W)`` to ``(N, D)`` float32, where ``D`` is :func:`count_statistics`.
    """

    def __init__(self, backbone: StagedBackbone) -> None:
        """Take a backbone with pooling; its stages are shared, not copied."""
        super().__init__()
        self.stages = backbone.stages
        self.last = backbone.spec.pyramid[-1]
        self.mapping = max(number for number, stage in enumerate(backbone.spec.stages, 1) if stage.stride)
        """How many stages give a map; those behind them pool the last one."""

    def forward(self, images: Tensor) -> Tensor:
        """Describe pictures."""
        return torch.cat([describe(each) for each, describe in self.look(images)], dim=1)

    def look(self, images: Tensor) -> list[tuple[Tensor, Description]]:
        """Return the maps ``(N, C, h, w)`` that pictures are described by, each with what describes it: ``(N, F)``.

        The descriptions one after another are what :meth:`forward` gives.
        """
        seen: list[tuple[Tensor, Description]] = []
        before_the_last = True
        for name, stage in list(self.stages.named_children())[: self.mapping]:
            images = stage(images)
            if before_the_last:
                seen.append((images, describe_map))
            before_the_last &= name != self.last
        return [*seen, (images, self._pooled)]

    def _pooled(self, last: Tensor) -> Tensor:
        for stage in list(self.stages)[self.mapping :]:
            last = stage(last)
        return last.float()


def describe_map(maps: Tensor) -> Tensor:
    """Return mean and standard deviation of maps ``(N, C, h, w)`` side by side, ``(N, 2 C)`` float32.

    From the mean of squares: `torch.var_mean` takes ten times as long on a processor (5.0 against 0.5 ms for
    EfficientNet-Lite0's stages of one picture).
    """
    maps = maps.float()
    mean = maps.mean((2, 3))
    variance = (maps.square().mean((2, 3)) - mean.square()).clamp_min(0)
    return torch.cat([mean, (variance + 1e-12).sqrt()], dim=1)  # the slope of a root at 0 is infinite


def count_statistics(spec: BackboneSpec) -> int:
    """Return how many numbers :class:`StageStatistics` gives of a picture."""
    described = spec.stages[: spec.stage_names.index(spec.pyramid[-1]) + 1]
    return 2 * sum(each.channels for each in described) + spec.features
