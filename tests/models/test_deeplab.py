import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet50
from torchvision.models.segmentation import deeplabv3_resnet50

from core.models.deeplab import DeepLabV3ResNet50, PooledBatchNorm


@pytest.fixture(scope="module")
def network() -> DeepLabV3ResNet50:
    torch.manual_seed(0)
    return DeepLabV3ResNet50(6, auxiliary=True)


def _count(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def test_it_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert _count(DeepLabV3ResNet50(21, auxiliary=True)) == 42_004_074
        assert _count(DeepLabV3ResNet50(21)) == _count(deeplabv3_resnet50(weights_backbone=None, num_classes=21))


def test_it_answers_as_torchvisions_network_does(network: DeepLabV3ResNet50) -> None:
    with torch.device("meta"):
        torchvisions = deeplabv3_resnet50(weights_backbone=None, num_classes=6, aux_loss=True).eval()
    torchvisions = torchvisions.to_empty(device="cpu")
    torchvisions.load_state_dict(network.network.state_dict())
    images = torch.randn(1, 3, 33, 50)
    with torch.inference_mode():
        logits = network.eval()(images)
        torch.testing.assert_close(logits, torchvisions(images)["out"])
    assert logits.shape == (1, 6, 33, 50)
    assert network.auxiliary is None


@pytest.mark.parametrize("pictures", [1, 2])
def test_small_batches_train_and_gradients_reach_every_parameter(network: DeepLabV3ResNet50, pictures: int) -> None:
    network.train().zero_grad()
    logits = network(torch.randn(pictures, 3, 33, 40))
    assert network.auxiliary is not None
    assert logits.shape == network.auxiliary.shape == (pictures, 6, 33, 40)
    (logits.square().mean() + 0.5 * network.auxiliary.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_the_network_can_be_copied_after_a_pass(network: DeepLabV3ResNet50) -> None:
    network.train()(torch.randn(1, 3, 33, 33))
    twin = copy.deepcopy(network)
    assert twin.auxiliary is None
    assert torch.equal(twin.network.classifier[4].weight, network.network.classifier[4].weight)


def test_without_the_head_there_are_no_auxiliary_logits() -> None:
    with torch.device("meta"):
        plain = DeepLabV3ResNet50(6)
        plain(torch.randn(2, 3, 33, 33))
    assert plain.auxiliary is None


def test_resnet50_is_loaded_without_its_classifier(network: DeepLabV3ResNet50) -> None:
    torch.manual_seed(3)
    published = resnet50().state_dict()
    network.load_resnet50(published)
    assert torch.equal(network.network.backbone.layer4[2].conv3.weight, published["layer4.2.conv3.weight"])
    with pytest.raises(RuntimeError, match="layer1"):
        network.load_resnet50({key: each for key, each in published.items() if not key.startswith("layer1.")})


def test_large_batches_are_normalised_as_pytorch_does() -> None:
    ours, theirs = PooledBatchNorm(5), nn.BatchNorm2d(5)
    for _ in range(3):
        features = torch.randn(4, 5, 1, 1)
        torch.testing.assert_close(ours(features), theirs(features))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_one_picture_is_normalised_as_in_evaluation() -> None:
    layer, features = PooledBatchNorm(5), torch.randn(1, 5, 1, 1)
    while_training = layer(features)
    torch.testing.assert_close(while_training, layer.eval()(features))
    torch.testing.assert_close(
        while_training, F.batch_norm(features, layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )


@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_statistics_of_small_batches_settle_at_those_of_the_data(pictures: int) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = PooledBatchNorm(400, momentum=0.05)
    for _ in range(300):
        layer(0.5 + 2.0 * torch.randn(pictures, 400, 1, 1, generator=generator))
    assert layer.running_mean.mean().item() == pytest.approx(0.5, abs=0.05)
    assert layer.running_var.mean().item() == pytest.approx(4.0, rel=0.08)


def test_two_pictures_keep_how_far_they_lie_apart() -> None:
    near, far = (torch.tensor([0.0, apart]).reshape(2, 1, 1, 1) for apart in (0.1, 1.0))
    spread = [float(torch.diff(PooledBatchNorm(1)(each).flatten()).detach()) for each in (near, far)]
    assert spread[1] > 5 * spread[0]  # PyTorch's own gives 2 for both


def test_a_second_pass_may_come_before_the_first_goes_backward() -> None:
    layer, features = PooledBatchNorm(5), torch.randn(1, 5, 1, 1, requires_grad=True)
    (layer(features) + layer(2 * features)).sum().backward()
    assert torch.isfinite(features.grad).all()
