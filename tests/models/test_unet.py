import pytest
import torch

from core.experiments import find_experiment
from core.models.unet import UNet


def _small(channels: int = 1, **options: int) -> UNet:
    return UNet(channels, widths=(4, 8), bottleneck=16, **options)


def _count(network: torch.nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def test_the_reported_network_has_31_036_033_parameters() -> None:
    with torch.device("meta"):
        assert _count(UNet(1)) == 31_036_033


def test_the_arms_of_the_experiment_have_the_published_sizes() -> None:
    vessels = find_experiment("vessels")
    with torch.device("meta"):
        assert (
            _count(vessels.set_up(vessels.config(arm="unet", changes={"colour": "grey"})).build_network()) == 31_036_033
        )
        assert (
            _count(vessels.set_up(vessels.config(arm="unet-small", changes={"colour": "rgb"})).build_network())
            == 482_625
        )


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 31), (5, 7), (33, 50), (1, 9)])
def test_logits_have_the_size_of_any_picture(size: tuple[int, int]) -> None:
    logits = _small(3, out_channels=2).eval()(torch.randn(2, 3, *size))
    assert logits.shape == (2, 2, *size)
    assert torch.isfinite(logits).all()


def test_a_border_that_was_added_to_fit_does_not_move_what_is_far_from_it() -> None:
    torch.manual_seed(0)
    network = _small().eval()
    picture = torch.randn(1, 1, 96, 96)
    whole, cut = network(picture), network(picture[..., :94, :])
    torch.testing.assert_close(whole[..., :48, :], cut[..., :48, :])


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = _small(3)
    network(torch.randn(2, 3, 19, 22)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        if name.endswith("weight"):  # batch normalisation takes the gradient of the biases before it away
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("depth", [0, 1])
def test_every_skip_carries_the_picture_past_the_bottleneck(depth: int) -> None:
    torch.manual_seed(0)
    network = _small().eval()
    for parameter in network.up[depth].up.parameters():
        parameter.data.zero_()
    first, second = network(torch.randn(2, 1, 16, 16))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("depth", [0, 1])
def test_the_bottleneck_reaches_the_logits(depth: int) -> None:
    torch.manual_seed(0)
    network = _small().eval()
    features, skip = (
        torch.randn(2, 16 // (1 + depth), 4, 4),
        torch.randn(1, 8 // (1 + depth), 8, 8).expand(2, -1, -1, -1),
    )
    first, second = network.up[depth](features, skip)
    assert not torch.allclose(first, second)
