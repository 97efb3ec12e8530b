import pytest
import torch
from torch import nn

from core.models.autoencoder import Autoencoder
from core.models.remove_batch_norm import remove_batch_normalisation


@pytest.fixture
def network() -> Autoencoder:
    torch.manual_seed(0)
    built = Autoencoder(widths=(4, 8, 8), bottleneck=16)
    remove_batch_normalisation(built)
    return built


def test_one_bias_for_each_map_takes_the_place_of_two_numbers() -> None:
    plain, bare = Autoencoder(), Autoencoder()
    remove_batch_normalisation(bare)
    maps = sum(each.num_features for each in plain.modules() if isinstance(each, nn.BatchNorm2d))
    count, left = (sum(each.numel() for each in network.parameters()) for network in (plain, bare))
    assert maps > 0
    assert left == count - 2 * maps + maps
    assert not [each for each in bare.modules() if isinstance(each, nn.BatchNorm2d)]


def test_a_picture_is_answered_alike_alone_in_company_and_while_training(network: Autoencoder) -> None:
    images = torch.randn(3, 3, 24, 24)
    together = network.train()(images)
    alone = network.eval()(images[:1])
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_every_weight_has_a_gradient(network: Autoencoder) -> None:
    network(torch.randn(2, 3, 32, 32)).square().mean().backward()
    assert [name for name, each in network.named_parameters() if each.grad is None or not each.grad.any()] == []


def test_features_keep_their_size_through_the_network() -> None:
    torch.manual_seed(0)
    built = Autoencoder(widths=(32, 64, 128), bottleneck=256)
    remove_batch_normalisation(built)
    with torch.no_grad():
        made = built(torch.randn(1, 3, 64, 64))
    assert 0.2 < float(made.std()) < 5


def test_a_network_built_alike_takes_the_weights(network: Autoencoder) -> None:
    again = Autoencoder(widths=(4, 8, 8), bottleneck=16)
    remove_batch_normalisation(again)
    again.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 16, 16)
    assert torch.equal(again.eval()(images), network.eval()(images))


def test_a_normalisation_that_follows_no_convolution_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\b1\b"):
        remove_batch_normalisation(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)))
