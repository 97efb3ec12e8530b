import copy
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from core.models.folding import fold_normalisations, join_activations
from tests.models.shared_backbones import FAMILIES, shared_backbone


def _with_lived_in_statistics(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2, generator=generator)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
    return network


@dataclass(frozen=True)
class Folded:
    """A backbone, pictures, what it makes of them, and its folded copy."""

    name: str
    images: Tensor
    features: Tensor
    copy: nn.Module


@pytest.fixture(scope="module", params=FAMILIES)
def folded(request: pytest.FixtureRequest) -> Folded:
    network = _with_lived_in_statistics(shared_backbone(request.param))
    images = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    before = copy.deepcopy(network.state_dict())
    made = fold_normalisations(network, images[:1])
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    with torch.inference_mode():
        return Folded(request.param, images, network(images), made)


def _assert_alike(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@torch.inference_mode()
def test_a_folded_backbone_gives_the_same_features(folded: Folded) -> None:
    _assert_alike(folded.copy(folded.images), folded.features)


def test_no_normalisation_is_left_that_follows_a_convolution(folded: Folded) -> None:
    left = [each for each in folded.copy.modules() if isinstance(each, nn.BatchNorm2d)]
    assert len(left) == (62 if folded.name == "densenet121" else 0)  # DenseNet's others come before the convolution


@torch.inference_mode()
def test_a_backbone_whose_convolutions_activate_gives_the_same_features(folded: Folded) -> None:
    joined = join_activations(folded.copy, folded.images[:1])
    _assert_alike(joined(folded.images), folded.features)
    order = torch.channels_last
    _assert_alike(joined.to(memory_format=order)(folded.images.to(memory_format=order)), folded.features)


@pytest.mark.parametrize(("backbone", "left"), [("efficientnet-lite0", False), ("resnet18", True)])
def test_activations_are_joined_where_each_is_used_once(backbone: str, *, left: bool) -> None:
    """ResNet's blocks use one activation twice."""
    images = torch.randn(1, 3, 32, 32)
    joined = join_activations(fold_normalisations(shared_backbone(backbone), images), images)
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
