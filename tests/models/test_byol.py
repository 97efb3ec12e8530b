import copy
import doctest
import math

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet50

import core.models.byol
from core.models.byol import MLP, Byol, OnlineNetwork, Views, byol_loss, symmetric_loss, tau_at


def _backbone() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def _network(seed: int = 0) -> Byol:
    torch.manual_seed(seed)
    return Byol(OnlineNetwork(_backbone(), 8, hidden=12, projection=5))


def _pair(pictures: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(pictures, 3, 16, 16, generator=generator)
    return first, first + 0.3 * torch.randn(first.shape, generator=generator)


def _step(network: Byol, optimizer: torch.optim.Optimizer, pair: tuple[Tensor, Tensor]) -> float:
    loss = symmetric_loss(network(*pair))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def _optimizer(network: Byol) -> torch.optim.Optimizer:
    return torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=0.05)


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_paper_s_heads_have_the_published_widths() -> None:
    with torch.device("meta"):
        backbone = resnet50()
        backbone.fc = nn.Identity()
        network = Byol(OnlineNetwork(backbone, 2048))
    projector, predictor = network.online.projector, network.online.predictor
    assert [tuple(each.weight.shape) for each in (projector[0], projector[3], predictor[0], predictor[3])] == [
        (4096, 2048), (256, 4096), (4096, 256), (256, 4096)
    ]  # fmt: skip
    assert sum(each.numel() for each in projector.parameters()) == 2048 * 4096 + 2 * 4096 + 4096 * 256
    assert sum(each.numel() for each in network.online.backbone.parameters()) == 23_508_032


def test_the_target_starts_as_a_copy_of_backbone_and_projector() -> None:
    network = _network()
    online, target = network.online.state_dict(), network.target.state_dict()
    assert set(target) == {name for name in online if not name.startswith("predictor")}
    for name, tensor in target.items():
        torch.testing.assert_close(tensor, online[name], rtol=0, atol=0)


def test_the_two_networks_share_no_memory() -> None:
    network = _network()

    def storages(part: nn.Module) -> set[int]:
        return {each.untyped_storage().data_ptr() for each in [*part.parameters(), *part.buffers()]}

    assert not storages(network.online) & storages(network.target)
    assert not {id(each) for each in network.online.modules()} & {id(each) for each in network.target.modules()}


def test_no_gradient_reaches_the_target() -> None:
    network = _network()
    views = network(*_pair())
    assert not views.projections.requires_grad
    assert not views.second_projections.requires_grad
    symmetric_loss(views).backward()
    for parameter in network.target.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None


def test_gradients_reach_every_online_parameter() -> None:
    network = _network()
    symmetric_loss(network(*_pair())).backward()
    for name, parameter in network.online.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_step_of_the_optimiser_leaves_the_target_s_parameters_alone() -> None:
    network = _network()
    before = copy.deepcopy(list(network.target.parameters()))
    online = copy.deepcopy(list(network.online.parameters()))
    _step(network, _optimizer(network), _pair())
    assert all(torch.equal(*each) for each in zip(before, network.target.parameters(), strict=True))
    assert not any(torch.equal(*each) for each in zip(online, network.online.parameters(), strict=True))


@pytest.mark.parametrize("tau", [0.0, 0.3, 0.5, 0.996, 1.0])
def test_the_target_moves_by_the_exponential_average(tau: float) -> None:
    network = _network()
    _step(network, _optimizer(network), _pair())
    online, target = _copied(network.online), _copied(network.target)
    network.move_target(tau)
    for name, parameter in network.target.named_parameters():
        expected = tau * target[name].double() + (1 - tau) * online[name].double()
        torch.testing.assert_close(parameter.double(), expected, rtol=0, atol=1e-7)
    after = network.online.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in online.items())


def test_a_target_that_keeps_nothing_of_itself_becomes_the_online_network_and_moves_on() -> None:
    network = _network()
    optimizer = _optimizer(network)
    _step(network, optimizer, _pair())
    network.move_target(0.0)
    kept = _copied(network.target)
    _step(network, optimizer, _pair(seed=2))
    for name, parameter in network.target.named_parameters():
        assert torch.equal(parameter, kept[name])


def test_moving_the_target_leaves_running_statistics_to_its_own_passes() -> None:
    network = _network()
    alone = copy.deepcopy(network.target)
    pair = _pair()
    _step(network, _optimizer(network), pair)
    network.move_target(0.5)
    for images in pair:
        alone(images)
    for (name, buffer), expected in zip(network.target.named_buffers(), alone.buffers(), strict=True):
        assert torch.equal(buffer, expected), name
    assert int(network.target.projector[1].num_batches_tracked) == 2


def test_the_target_normalises_with_the_batch_s_statistics_while_training() -> None:
    network = _network().train()
    linear, normalise = list(network.target.projector)[:2]
    hidden = normalise(linear(network.target.backbone(_pair()[0])))
    torch.testing.assert_close(hidden.mean(dim=0), torch.zeros(12), atol=1e-5, rtol=0)
    first, rest = (network(images, images).projections[0] for images in (_pair()[0], _pair()[0][:3]))
    assert not torch.allclose(first, rest)


def test_each_view_is_normalised_by_itself() -> None:
    network = _network().train()
    first, second = _pair()
    views = network(first, second)
    torch.testing.assert_close(network(first, 100 * second).predictions, views.predictions)
    torch.testing.assert_close(network(second, first).second_predictions, views.predictions)


def test_when_judged_both_networks_use_running_statistics() -> None:
    network = _network().eval()
    first, second = _pair()
    whole = network(first, second)
    one = network(first[:1], second[:1])
    for part, alone in zip(whole, one, strict=True):
        torch.testing.assert_close(part[:1], alone)


def test_a_batch_of_two_works() -> None:
    network = _network()
    views = network(*_pair(pictures=2))
    assert [tuple(each.shape) for each in views] == [(2, 5)] * 4
    assert math.isfinite(_step(network, _optimizer(network), _pair(pictures=2)))


def _slow_loss(predictions: Tensor, projections: Tensor) -> float:
    """Equation 2: the squared distance of the two vectors, each divided by its length, number by number."""
    total = 0.0
    for prediction, projection in zip(predictions.tolist(), projections.tolist(), strict=True):
        lengths = [math.sqrt(sum(value * value for value in vector)) for vector in (prediction, projection)]
        pairs = zip(prediction, projection, strict=True)
        total += sum((one / lengths[0] - other / lengths[1]) ** 2 for one, other in pairs)
    return total / len(predictions)


def test_the_loss_agrees_with_a_slow_one() -> None:
    generator = torch.Generator().manual_seed(0)
    predictions, projections = torch.randn(2, 7, 9, generator=generator)
    assert float(byol_loss(predictions, projections)) == pytest.approx(_slow_loss(predictions, projections), abs=1e-5)
    assert byol_loss(predictions.bfloat16(), projections).dtype == torch.float32


def test_the_loss_is_0_for_equal_4_for_opposite_and_2_for_upright_directions() -> None:
    one = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    assert float(byol_loss(one, 3 * one)) == pytest.approx(0, abs=1e-6)
    assert float(byol_loss(one, -0.2 * one)) == pytest.approx(4, abs=1e-6)
    assert float(byol_loss(torch.eye(4), torch.eye(4).roll(1, 0))) == 2.0


def test_the_loss_crosses_the_views() -> None:
    first, second = torch.eye(2), torch.eye(2).flip(0)
    assert float(symmetric_loss(Views(first, second, second, first))) == 0.0
    assert float(symmetric_loss(Views(first, second, first, second))) == 4.0
    generator = torch.Generator().manual_seed(0)
    views = Views(*torch.randn(4, 6, 5, generator=generator))
    expected = _slow_loss(views.predictions, views.second_projections)
    expected += _slow_loss(views.second_predictions, views.projections)
    assert float(symmetric_loss(views)) == pytest.approx(expected, abs=1e-5)
    swapped = Views(views.second_predictions, views.predictions, views.second_projections, views.projections)
    assert float(symmetric_loss(swapped)) == pytest.approx(expected, abs=1e-5)


def test_the_schedule_is_half_a_cosine_from_its_base_to_1() -> None:
    values = [tau_at(step, 200) for step in range(201)]
    assert values[0] == 0.996
    assert values[100] == pytest.approx(0.998)
    assert values[-1] == tau_at(500, 200) == 1.0
    assert values == sorted(values)
    assert tau_at(50, 200, base=0.9) == pytest.approx(1 - 0.1 * (math.cos(math.pi / 4) + 1) / 2)


@pytest.mark.parametrize("tau", [-0.1, 1.1, math.nan])
def test_a_tau_that_would_throw_the_target_off_is_refused(tau: float) -> None:
    with pytest.raises(ValueError, match=rf"{tau}\b.*\b0\b.*\b1\b"):
        _network().move_target(tau)


def test_40_steps_lower_the_loss_and_do_not_collapse() -> None:
    network, pair = _network(), _pair(pictures=16)
    optimizer = _optimizer(network)
    losses = []
    for step in range(40):
        losses.append(_step(network, optimizer, pair))
        network.move_target(tau_at(step, 40, base=0.9))
    assert losses[-1] < 0.6 * losses[0]
    features = nn.functional.normalize(network.eval().target(pair[0]), dim=1)
    assert features.std(dim=0).mean() > 0.2 / math.sqrt(5)


def test_a_stored_network_goes_on_where_it_was() -> None:
    network, other = _network(), _network(seed=9)
    optimizer = _optimizer(network)
    _step(network, optimizer, _pair())
    network.move_target(0.9)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(tuple(other(*_pair())), tuple(network(*_pair())))


def test_a_head_maps_features_to_a_projection() -> None:
    assert MLP(7, hidden=11, projection=3)(torch.randn(4, 7)).shape == (4, 3)


def test_the_doctest_holds() -> None:
    assert doctest.testmod(core.models.byol).failed == 0
