import pytest
import torch

from core.models.autoencoder import Autoencoder
from core.models.unet import UNet


def _count(network: torch.nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize(("skips", "expected"), [(True, 7_701_379), (False, 6_927_235)])
def test_the_reported_network_has_the_stated_size(skips: bool, expected: int) -> None:
    encoder = 9 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 512 * 512)
    up = 4 * (512 * 256 + 256 * 128 + 128 * 64)
    decoder = 9 * sum((2 if skips else 1) * width**2 + width**2 for width in (256, 128, 64))
    normalisation = 2 * 2 * (2 * (64 + 128 + 256) + 512)
    head = 9 * 64 * 3 + 3
    with torch.device("meta"):
        assert _count(Autoencoder(skips=skips)) == encoder + up + decoder + normalisation + head == expected


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("size", [(32, 32), (19, 45)])
def test_a_picture_comes_back_with_its_shape(size: tuple[int, int], skips: bool) -> None:
    network = Autoencoder(widths=(4, 6, 8), bottleneck=12, skips=skips).eval()
    images = torch.randn(2, 3, *size)
    assert network(images).shape == images.shape


def test_nothing_bounds_the_pixels() -> None:
    network = Autoencoder(widths=(4, 8), bottleneck=8)
    network.head.bias.data.fill_(100.0)
    pixels = network(torch.randn(2, 3, 16, 16))
    assert pixels.min() > 50
    network.head.bias.data.fill_(-100.0)
    assert network(torch.randn(2, 3, 16, 16)).max() < -50


def test_with_skips_it_is_the_vessel_network_one_step_shallower() -> None:
    network = Autoencoder(widths=(4, 6, 8), bottleneck=12)
    twin = UNet(3, 3, widths=(4, 6, 8), bottleneck=12, head_kernel=3)
    twin.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 16, 24)
    assert torch.equal(network.eval()(images), twin.eval()(images))


@pytest.mark.parametrize("skips", [True, False])
def test_twenty_steps_lower_the_error(skips: bool) -> None:
    torch.manual_seed(0)
    network = Autoencoder(widths=(4, 8), bottleneck=16, skips=skips)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    rows = torch.linspace(-1, 1, 16)
    images = torch.stack([rows.expand(3, 16, 16), -rows[:, None].expand(3, 16, 16)])
    errors = []
    for _ in range(20):
        error = (network(images) - images).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < errors[0] / 4
