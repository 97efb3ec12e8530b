import pytest
import torch
from torch.nn import functional as F

from core.errors import UserError
from core.models.small_cnn import SmallCNN


def test_with_50_classes_it_has_550_258_parameters() -> None:
    convolutions = (3 * 9 + 1) * 32 + (32 * 9 + 1) * 64
    assert convolutions + (64 * 8 * 8 + 1) * 128 + 129 * 50 == 550_258
    assert sum(each.numel() for each in SmallCNN(50).parameters()) == 550_258


@torch.inference_mode()
def test_it_computes_what_the_report_describes() -> None:
    torch.manual_seed(0)
    network = SmallCNN(7).eval()
    images = torch.randn(3, 3, 32, 32)
    body, head = network.body, network.head
    x = F.max_pool2d(F.relu(F.conv2d(images, body.conv1.weight, body.conv1.bias, padding=1)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, body.conv2.weight, body.conv2.bias, padding=1)), 2)
    x = F.relu(F.linear(x.reshape(3, -1), body.linear.weight, body.linear.bias))
    torch.testing.assert_close(network.features(images), x)
    torch.testing.assert_close(network(images), F.linear(x, head.linear.weight, head.linear.bias))


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (32, 32), (61, 97)])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_built_for_any_size_from_4_pixels(size: tuple[int, int], channels: int) -> None:
    logits = SmallCNN(10, size=size, channels=channels)(torch.randn(2, channels, *size))
    assert logits.shape == (2, 10)
    assert torch.isfinite(logits).all()


def test_a_smaller_size_is_refused() -> None:
    with pytest.raises(UserError, match=r"3×32.*\b4\b"):
        SmallCNN(10, size=(3, 32))


def test_all_of_it_is_trained() -> None:
    network = SmallCNN(10)
    images = torch.randn(4, 3, 32, 32)
    assert not network.is_fixed
    assert network.frozen_part(images) is images
    network(images, precomputed=True).square().mean().backward()
    assert network.auxiliary == ()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_dropout_takes_a_quarter_of_the_last_features_while_training() -> None:
    torch.manual_seed(0)
    network = SmallCNN(10)
    ones = torch.ones(1000, 128)
    dropped = network.train().head.dropout(ones)
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.01
    assert torch.equal(network.eval().head.dropout(ones), ones)


def test_twenty_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    network = SmallCNN(4)
    images, labels = torch.randn(16, 3, 32, 32), torch.arange(16) % 4
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
