import pytest
import torch
from torch import nn

from core.models.fcn import FCN32s
from core.models.lsuv_init import even_out


def _deep() -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for number in range(20):
        layers += [nn.Conv2d(3 if number == 0 else 24, 24, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(24, 4, 1))


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [each for each in network.modules() if isinstance(each, nn.Conv2d)]


def _maps(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    maps: list[torch.Tensor] = []
    handles = [
        each.register_forward_hook(lambda *call: maps.append(call[2].clone())) for each in _convolutions(network)
    ]
    with torch.inference_mode():
        network.eval()(images)
    for handle in handles:
        handle.remove()
    return maps


def test_each_map_has_mean_0_and_deviation_1_on_these_pictures() -> None:
    network, images = _deep(), torch.rand(4, 3, 16, 16)
    even_out(network, _convolutions(network), images)
    for maps in _maps(network, images):
        assert maps.mean(dim=(0, 2, 3)).abs().max() < 1e-4
        torch.testing.assert_close(maps.std(dim=(0, 2, 3)), torch.ones(maps.shape[1]), atol=1e-3, rtol=0)


def test_places_that_looked_alike_are_told_apart() -> None:
    torch.manual_seed(1)
    images = torch.rand(2, 3, 16, 16)

    def likeness(network: nn.Module) -> float:
        first, second = (each.flatten() for each in _maps(network, images)[-2])
        return float(nn.functional.cosine_similarity(first, second, dim=0))

    network = _deep()
    for layer in _convolutions(network):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    before = likeness(network)
    even_out(network, _convolutions(network), images)
    assert before > 0.8
    assert likeness(network) < 0.5


@pytest.mark.parametrize("training", [True, False])
def test_nothing_else_is_changed(training: bool) -> None:
    network = _deep().train(training)
    left = {key: each.clone() for key, each in network[-1].state_dict().items()}
    even_out(network, _convolutions(network)[:-1], torch.rand(2, 3, 16, 16))
    assert network.training is training
    assert all(torch.equal(each, left[key]) for key, each in network[-1].state_dict().items())


def test_pictures_that_come_later_move_no_weight() -> None:
    network = _deep()
    even_out(network, _convolutions(network), torch.rand(2, 3, 16, 16))
    before = {key: each.clone() for key, each in network.state_dict().items()}
    later = 3 * torch.rand(2, 3, 16, 16)
    assert torch.equal(network(later), network(later))
    assert all(torch.equal(each, before[key]) for key, each in network.state_dict().items())


def test_a_map_that_never_changes_is_left_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1))
    with torch.no_grad():
        network[0].weight[0] = 0
    before = network[0].bias[0].item()
    even_out(network, _convolutions(network), torch.rand(2, 3, 8, 8))
    assert network[0].bias[0].item() == before
    assert torch.isfinite(network[0].weight).all()


def test_it_reaches_every_layer_of_fcn32s_but_the_scores() -> None:
    torch.manual_seed(0)
    network = FCN32s(6, width=16, dropout=0.0)
    even_out(network, network.hidden, torch.rand(2, 3, 64, 64))
    maps = _maps(network, torch.rand(2, 3, 64, 64))
    assert len(network.hidden) == 15
    assert all(0.3 < float(each.std()) < 3 for each in maps[:-1])
