import json
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from core.models.unet import UNet, initialise_he
from core.paths import PROJECT

SMALL = {"widths": (4, 8), "bottleneck": 16}


def _seeded(**options: object) -> UNet:
    torch.manual_seed(0)
    return UNet(3, **(SMALL | options))


def _block(inputs: int, outputs: int) -> int:
    """Return the parameters of two 3×3 convolutions without bias, and of the normalisation after each."""
    return 9 * inputs * outputs + 9 * outputs**2 + 2 * 2 * outputs


def _unet_size(widths: list[int], *, head: int, channels: int, skips: bool = True) -> int:
    """Return the parameters of a U-Net by summing its layers; the last of the widths is the bottleneck."""
    total = head
    for inputs, outputs in zip([channels, *widths], widths, strict=False):
        total += _block(inputs, outputs)
    for lower, upper in zip(widths[:0:-1], widths[-2::-1], strict=True):
        total += 4 * lower * upper + _block(2 * upper if skips else upper, upper)
    return total


def test_the_pets_network_has_the_stated_size() -> None:
    with torch.device("meta"):
        network = UNet(3, head_kernel=1, dropout=0.1)
    expected = _unet_size([64, 128, 256, 512, 1024], head=64 + 1, channels=3)
    assert sum(each.numel() for each in network.parameters()) == expected == 31_036_673


@pytest.mark.parametrize("skips", [True, False])
def test_the_size_without_skips_is_the_sum_of_its_layers(skips: bool) -> None:
    network = _seeded(skips=skips, head_kernel=1)
    expected = _unet_size([4, 8, 16], head=4 + 1, channels=3, skips=skips)
    assert sum(each.numel() for each in network.parameters()) == expected


def test_neither_dropout_nor_skips_rename_a_weight() -> None:
    plain, changed = _seeded(), _seeded(dropout=0.5)
    assert list(plain.state_dict()) == list(changed.state_dict()) == list(_seeded(skips=False).state_dict())


def test_the_shipped_vessel_checkpoint_still_fits() -> None:
    folder = PROJECT / "checkpoints/vessels/chase"
    weights = {key.removeprefix("network."): each for key, each in load_file(folder / "weights.safetensors").items()}
    channels = {"rgb": 3, "green": 1, "grey": 1}[json.loads((folder / "card.json").read_text())["config"]["colour"]]
    network = UNet(channels, widths=(16, 32, 64), bottleneck=128, head_kernel=1)
    network.load_state_dict(weights)
    assert set(weights) == set(network.state_dict())


@torch.no_grad()
def test_dropout_leaves_out_whole_maps_of_the_bottleneck_while_training() -> None:
    network = _seeded(dropout=0.5, bottleneck=64)
    seen: list[Tensor] = []
    network.bottleneck.register_forward_hook(lambda *step: seen.append(step[2]))
    network.up[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    images = torch.randn(2, 3, 32, 32)
    network(images)
    network.eval()(images)
    before, trained, whole, evaluated = seen
    dropped = (trained == 0).all(dim=(2, 3), keepdim=True)
    assert 0.3 < dropped.float().mean() < 0.7
    torch.testing.assert_close(trained, torch.where(dropped, 0, 2 * before))
    assert torch.equal(evaluated, whole)


def test_no_dropout_draws_no_random_number() -> None:
    network = _seeded()
    before = torch.get_rng_state()
    network(torch.zeros(1, 3, 16, 16))
    assert torch.equal(torch.get_rng_state(), before)


def test_without_skips_the_picture_has_no_way_round_the_bottleneck() -> None:
    pictures = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    for skips, alike in ((True, False), (False, True)):
        network = _seeded(skips=skips).eval()
        for weight in network.bottleneck.parameters():
            weight.data.zero_()
        first, second = network(pictures)
        assert torch.equal(first, second) is alike


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (1, 9)])
def test_without_skips_logits_have_the_size_of_any_picture(size: tuple[int, int]) -> None:
    assert _seeded(skips=False).eval()(torch.randn(2, 3, *size)).shape == (2, 1, *size)


def test_without_skips_gradients_reach_every_weight() -> None:
    network = _seeded(skips=False, dropout=0.1)
    network(torch.randn(4, 3, 16, 16)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert not name.endswith("weight") or parameter.grad.abs().sum() > 0, name


def _convolutions(module: nn.Module) -> Iterator[nn.Conv2d | nn.ConvTranspose2d]:
    return (each for each in module.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d))


def test_he_weights_have_the_deviation_of_their_fan_out() -> None:
    network = UNet(3, widths=(32, 64), bottleneck=96, head_kernel=1)
    initialise_he(network, torch.Generator().manual_seed(0))
    for each in _convolutions(network):
        fan_out = each.out_channels * each.kernel_size[0] * each.kernel_size[1]
        share = each.weight.numel() ** -0.5  # how much the deviation of so few draws varies, about
        assert each.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=3 * share)
        assert each.weight.mean().abs().item() < 4 * share * (2 / fan_out) ** 0.5
    assert network.head.bias is not None
    assert network.head.bias.abs().sum() == 0


@pytest.mark.parametrize("transposed", [False, True])
def test_he_weights_keep_the_size_of_gradients_through_many_layers(transposed: bool) -> None:
    layers: list[nn.Module] = []
    for _ in range(12):
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        layers += [kind(24, 48, 1), nn.ReLU(), nn.Conv2d(48, 24, 3, padding=1, padding_mode="circular"), nn.ReLU()]
    network = nn.Sequential(*layers)
    images = torch.randn(2, 24, 16, 16, generator=torch.Generator().manual_seed(2), requires_grad=True)
    sizes = []
    for prepare in (lambda _: None, lambda module: initialise_he(module, torch.Generator().manual_seed(0))):
        prepare(network)
        features = network(images)
        direction = torch.randn(features.shape, generator=torch.Generator().manual_seed(3))
        (gradient,) = torch.autograd.grad(features, images, direction)
        sizes.append((gradient.square().mean() / direction.square().mean()).item())
    assert sizes[0] < 1e-6
    assert 0.1 < sizes[1] < 10


def test_he_weights_repeat_with_the_seed_and_leave_the_rest_alone() -> None:
    first, second = _seeded(), _seeded()
    linear = nn.Linear(3, 2)
    kept = linear.weight.clone()
    before = torch.get_rng_state()
    for module in (first, second):
        initialise_he(nn.ModuleList([module, linear]), torch.Generator().manual_seed(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(linear.weight, kept)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name
