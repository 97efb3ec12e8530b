import copy

import pytest
import torch
from torch import nn

from core.models.backbones import BACKBONES, build_backbone
from core.models.folding import fold_normalisations, join_activations


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


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_a_backbone_whose_convolutions_activate_gives_the_same_features(name: str, order: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = _with_lived_in_statistics(build_backbone(name)).eval()
    images = torch.randn(2, 3, 64, 96)
    folded = fold_normalisations(network, images[:1])
    joined = join_activations(folded, images[:1]).to(memory_format=order)  # type: ignore[call-overload]
    with torch.inference_mode():
        expected = network(images)
        found = joined(images.to(memory_format=order))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(("backbone", "left"), [("efficientnet-lite0", False), ("resnet18", True)])
def test_activations_are_joined_where_each_is_used_once(backbone: str, *, left: bool) -> None:
    """ResNet's blocks use one activation twice."""
    images = torch.randn(1, 3, 64, 64)
    joined = join_activations(fold_normalisations(build_backbone(backbone), images), images)
    assert any(isinstance(layer, nn.ReLU | nn.ReLU6) for layer in joined.modules()) is left


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_joined_activations_end_at_their_limits(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    for activation, highest in ((nn.ReLU6(), 6.0), (nn.ReLU(), 40.0)):
        network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), activation)
        images = torch.linspace(-50, 50, 3 * 12 * 12).reshape(1, 3, 12, 12)
        joined = join_activations(network, images).to(precision)
        assert len([each for each in joined.modules() if isinstance(each, nn.Identity)]) == 1
        with torch.inference_mode():
            found, expected = joined(images), network(images)
        assert found.dtype is precision
        assert float(found.min()) == 0
        assert (float(found.max()) == 6.0) if highest == 6.0 else (float(found.max()) > 6)
        torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.1)
        assert isinstance(network[1], nn.ReLU | nn.ReLU6)


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
