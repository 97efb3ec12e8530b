import pytest
import torch
from torch import nn
from torchvision import models

from core.models.autoencoder import Autoencoder
from core.models.residual_unet import ResidualUNet
from core.models.summary import count_flops, count_parameters
from core.models.unet import UNet


def test_a_convolution_counts_two_for_every_weight_at_every_place() -> None:
    layer = nn.Conv2d(3, 5, 3, stride=2, padding=1)
    assert count_flops(layer, torch.zeros(2, 3, 8, 10)) == 2 * (3 * 5 * 9) * (4 * 5) * 2
    assert count_parameters(layer) == 3 * 5 * 9 + 5


def test_a_linear_layer_counts_two_for_every_weight() -> None:
    layer = nn.Linear(7, 4)
    assert count_flops(layer, torch.zeros(3, 7)) == 2 * 7 * 4 * 3
    assert count_parameters(layer) == 7 * 4 + 4


def test_a_transposed_convolution_counts_at_every_place_it_reads() -> None:
    layer = nn.ConvTranspose2d(6, 4, 2, stride=2)
    assert count_flops(layer, torch.zeros(1, 6, 5, 7)) == 2 * (6 * 4 * 4) * (5 * 7)


def test_groups_share_the_work() -> None:
    assert count_flops(nn.Conv2d(8, 8, 3, groups=8), torch.zeros(1, 8, 6, 6)) == 2 * 8 * 9 * 16


def test_normalisation_activation_and_pooling_count_nothing() -> None:
    layers = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2))
    assert count_flops(layers, torch.zeros(1, 3, 8, 8)) == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet18", {}), ("densenet121", {}), ("googlenet", {"init_weights": False}), ("convnext_tiny", {})],
)
def test_published_networks_have_the_published_numbers(name: str, options: dict[str, bool]) -> None:
    """torchvision states multiplications with additions counted once, in thousands of millions, to three places."""
    meta = models.get_model_weights(name).DEFAULT.meta
    with torch.device("meta"):
        network = models.get_model(name, weights=None, **options)
    flops = count_flops(network, torch.empty(1, 3, 224, 224))
    assert flops / 2e9 == pytest.approx(meta["_ops"], abs=6e-4)
    if name != "googlenet":  # published without the auxiliary classifiers
        assert count_parameters(network) == meta["num_params"]


def _unet_flops(widths: list[int], side: int, *, channels: int, head: int) -> int:
    """Return twice the multiplications of a U-Net, layer by layer; the last of the widths is the bottleneck."""
    total = head * side**2
    for depth, (inputs, outputs) in enumerate(zip([channels, *widths], widths, strict=False)):
        total += 9 * (inputs * outputs + outputs**2) * (side >> depth) ** 2
    for depth, width in enumerate(widths[:-1]):
        places = (side >> depth) ** 2
        total += widths[depth + 1] * width * places + 9 * 3 * width**2 * places
    return 2 * total


def test_the_networks_of_the_experiments_have_the_work_of_their_layers() -> None:
    images = torch.empty(1, 3, 512, 512, device="meta")
    with torch.device("meta"):
        unet, residual, autoencoder = UNet(3, head_kernel=1), ResidualUNet(), Autoencoder()
    assert count_flops(unet, images) == _unet_flops([64, 128, 256, 512, 1024], 512, channels=3, head=64)
    assert count_flops(autoencoder, images) == _unet_flops([64, 128, 256, 512], 512, channels=3, head=9 * 64 * 3)
    assert count_flops(residual, images) < count_flops(unet, images) / 6


def test_a_frozen_weight_counts_only_among_all() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    assert count_parameters(network) == 16 + 10
    assert count_parameters(network, trainable_only=True) == 10


def test_a_shared_weight_counts_once() -> None:
    layer = nn.Linear(3, 3)
    assert count_parameters(nn.Sequential(layer, nn.ReLU(), layer)) == 12


def test_counting_leaves_no_trace() -> None:
    network = UNet(3, widths=(4,), bottleneck=8, dropout=0.5)
    network.train()
    network.down[0].eval()
    modes = [each.training for each in network.modules()]
    weights = {name: each.clone() for name, each in network.state_dict().items()}
    random_state = torch.get_rng_state()
    images = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    count_flops(network, images)
    assert [each.training for each in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, each in network.state_dict().items():
        assert torch.equal(each, weights[name]), name
        assert each.device.type == "cpu"
    assert images.grad is None
    assert all(each.grad is None for each in network.parameters())


def test_modes_come_back_when_the_pass_fails() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    with pytest.raises(RuntimeError, match="channel"):
        count_flops(network, torch.zeros(1, 2, 8, 8))
    assert network.training
    assert network[1].training
