import copy

import pytest
import torch
from torch import nn

from core.models.backbones import BACKBONES, build_backbone
from core.models.folding import fold_normalisations


def _with_lived_in_statistics(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2, generator=generator)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
    return network


@pytest.mark.parametrize("name", BACKBONES)
def test_a_folded_backbone_gives_the_same_features(name: str) -> None:
    torch.manual_seed(0)
    network = _with_lived_in_statistics(build_backbone(name)).eval()
    before = copy.deepcopy(network.state_dict())
    images = torch.randn(2, 3, 64, 96)
    folded = fold_normalisations(network, images[:1])
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(folded(images), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["efficientnet-lite0", "resnet18", "googlenet"])
def test_no_normalisation_is_left(name: str) -> None:
    folded = fold_normalisations(build_backbone(name), torch.randn(1, 3, 64, 64))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())


class Crossed(nn.Module):
    """Its normalisation stands after the convolution and comes before it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)
        self.normalisation = nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.convolution(torch.relu(self.normalisation(images)))  # type: ignore[no-any-return]


def test_a_normalisation_that_comes_before_its_convolution_is_left_alone() -> None:
    network = _with_lived_in_statistics(Crossed()).eval()
    images = torch.randn(2, 3, 8, 8)
    folded = fold_normalisations(network, images)
    torch.testing.assert_close(folded(images), network(images))
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
