from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet34

from core.models.residual_unet import Residual, ResidualBlock, ResidualEncoder, ResidualUNet
from core.models.unet import initialise_he

FORMS = get_args(Residual)


def _small(residual: Residual = "reported", **options: int) -> ResidualUNet:
    torch.manual_seed(0)
    return ResidualUNet(3, widths=(4, 6, 8, 10), bottleneck=12, residual=residual, **options)


def _count(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


@pytest.fixture(scope="module")
def published() -> nn.Module:
    """ResNet-34 with random weights and with running means that are not all alike."""
    torch.manual_seed(0)
    network = resnet34(weights=None)
    for each in network.modules():
        if isinstance(each, nn.BatchNorm2d):
            nn.init.uniform_(each.running_mean, -0.2, 0.2)
            nn.init.uniform_(each.running_var, 0.5, 1.5)
    return network.eval()


def _published_stages(network: nn.Module, images: Tensor) -> list[Tensor]:
    features = network.maxpool(network.relu(network.bn1(network.conv1(images))))
    return [features := stage(features) for stage in (network.layer1, network.layer2, network.layer3, network.layer4)]


def _encoder(published: nn.Module, residual: Residual) -> ResidualEncoder:
    encoder = ResidualEncoder(3, residual=residual).eval()
    encoder.load_state_dict({key: each for key, each in published.state_dict().items() if not key.startswith("fc.")})
    return encoder


@torch.no_grad()
def test_stages_of_standard_blocks_are_those_of_the_published_network(published: nn.Module) -> None:
    images = torch.randn(2, 3, 64, 96)
    found, expected = _encoder(published, "standard")(images), _published_stages(published, images)
    assert [each.shape[1:] for each in found] == [(64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


@torch.no_grad()
def test_stages_of_reported_blocks_are_not(published: nn.Module) -> None:
    images = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(_encoder(published, "reported")(images)[0], _published_stages(published, images)[0])


def _by_hand(block: ResidualBlock, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shortcut, and the second convolution after its normalisation, from the weights alone."""

    def normalised(pixels: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        return F.batch_norm(pixels, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)

    stride = block.conv1.stride[0]
    first = normalised(F.conv2d(features, block.conv1.weight, stride=stride, padding=1), block.bn1).clamp(min=0)
    change = normalised(F.conv2d(first, block.conv2.weight, padding=1), block.bn2)
    if block.downsample is None:
        return features, change
    projected = F.conv2d(features, block.downsample[0].weight, stride=stride)
    return normalised(projected, block.downsample[1]), change


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2])
def test_the_second_relu_stands_where_the_form_says(stride: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 6, 9, 9)
    for form in FORMS:
        block = ResidualBlock(6, 6, stride=stride, residual=form).eval()
        shortcut, change = _by_hand(block, features)
        expected = shortcut + change.clamp(min=0) if form == "reported" else (shortcut + change).clamp(min=0)
        torch.testing.assert_close(block(features), expected)
        assert (block(features) < 0).any() == (form == "reported")


@torch.no_grad()
def test_a_reported_block_only_adds_to_its_input() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 6, 9, 9)
    assert (ResidualBlock(6, 6, residual="reported")(features) >= features).all()
    assert (ResidualBlock(6, 6, residual="standard")(features) < features).any()


def _block(inputs: int, outputs: int, *, projected: bool) -> int:
    normalised = 3 if projected else 2
    return 9 * inputs * outputs + 9 * outputs**2 + projected * inputs * outputs + normalised * 2 * outputs


@pytest.mark.parametrize("residual", FORMS)
def test_the_reported_network_has_the_stated_size(residual: Residual, published: nn.Module) -> None:
    encoder = 49 * 3 * 64 + 2 * 64
    for inputs, outputs, depth in ((64, 64, 3), (64, 128, 4), (128, 256, 6), (256, 512, 3)):
        encoder += _block(inputs, outputs, projected=inputs != outputs)
        encoder += (depth - 1) * _block(outputs, outputs, projected=False)
    bottleneck = _block(512, 1024, projected=True)
    decoder = sum(4 * 2 * width**2 + 27 * width**2 + 4 * width for width in (512, 256, 128))
    decoder += 4 * 128 * 64 + 27 * 64**2 + 4 * 64
    doublings = 2 * (4 * 64 * 64 + 2 * 64)
    with torch.device("meta"):
        network = ResidualUNet(residual=residual)
    assert encoder == _count(published) - _count(published.fc) == _count(network.encoder) == 21_284_672
    assert bottleneck == _count(network.bottleneck) == 14_686_208
    assert decoder == _count(network.up) == 12_189_440
    assert doublings == _count(network.enlarge) == 33_024
    assert _count(network) == encoder + bottleneck + decoder + doublings + 65 == 48_193_409


@pytest.mark.parametrize("residual", FORMS)
@pytest.mark.parametrize("size", [(64, 64), (65, 64), (70, 130), (5, 7), (1, 9)])
def test_logits_have_the_size_of_any_picture(size: tuple[int, int], residual: Residual) -> None:
    logits = _small(residual, out_channels=2).eval()(torch.randn(2, 3, *size))
    assert logits.shape == (2, 2, *size)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("residual", FORMS)
def test_gradients_reach_every_weight(residual: Residual) -> None:
    network = _small(residual)
    initialise_he(network, torch.Generator().manual_seed(0))
    network(torch.randn(4, 3, 70, 96)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert not name.endswith("weight") or parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_the_bottleneck_is_half_the_last_stage_and_dropped_in_whole_maps() -> None:
    network = _small(dropout=0.5)
    seen: list[Tensor] = []
    network.bottleneck.register_forward_hook(lambda *step: seen.append(step[2]))
    network.up[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    images = torch.randn(16, 3, 128, 128)
    network(images)
    network.eval()(images)
    before, trained, whole, evaluated = seen
    dropped = (trained == 0).all(dim=(2, 3), keepdim=True)
    assert before.shape == (16, 12, 2, 2)
    assert 0.3 < dropped.float().mean() < 0.7
    torch.testing.assert_close(trained, torch.where(dropped, 0, 2 * before))
    assert torch.equal(evaluated, whole)


@torch.no_grad()
@pytest.mark.parametrize("depth", range(4))
def test_every_stage_is_a_skip(depth: int) -> None:
    network = _small().eval()
    pictures = torch.randn(2, 3, 64, 64)
    for weight in network.up[depth].up.parameters():
        weight.zero_()
    first, second = network(pictures)
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_logits_come_from_nothing_but_stages_and_bottleneck() -> None:
    network = _small().eval()
    for block in network.up:
        width = block.up.out_channels
        block.convolve[0].weight[:, width:].zero_()  # the half that reads the skip
    for weight in network.bottleneck.parameters():
        weight.zero_()
    first, second = network(torch.randn(2, 3, 64, 64))
    assert torch.equal(first, second)


def test_twenty_steps_lower_the_loss() -> None:
    network = _small()
    optimiser = torch.optim.Adam(network.parameters(), 2e-2)
    images = torch.randn(4, 3, 64, 64)
    images[..., 16:48, 16:48] += 2
    mask = torch.zeros(4, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    losses = []
    for _ in range(20):
        loss = F.binary_cross_entropy_with_logits(network(images), mask)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
