import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import vgg16

from core.models.fcn import FCN32s, bilinear_kernels


def _small(classes: int = 3) -> FCN32s:
    torch.manual_seed(0)
    return FCN32s(classes, width=16)


@pytest.fixture(scope="module")
def network() -> FCN32s:
    """A network to look at, in evaluation mode."""
    return _small().eval()


def _count(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize(("classes", "width"), [(6, 4096), (7, 4096), (6, 256)])
def test_the_parameters_are_those_of_the_paper(classes: int, width: int) -> None:
    features, channels = 0, 3
    for out_channels in (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512):
        features += 9 * channels * out_channels + out_channels
        channels = out_channels
    assert features == 14_714_688
    head = (7 * 7 * 512 * width + width) + (width * width + width) + (width * classes + classes)
    with torch.device("meta"):
        assert _count(FCN32s(classes, width=width)) == features + head + classes**2 * 64**2


def test_the_docstring_counts_right() -> None:
    with torch.device("meta"):
        network = FCN32s(6)
    assert f"{_count(network):,}" in (FCN32s.__doc__ or "")
    assert f"{_count(network.fc6):,}" in (FCN32s.__doc__ or "")


@pytest.mark.parametrize("size", [(64, 96), (32, 32), (33, 50), (1, 9), (65, 31)])
@torch.inference_mode()
def test_logits_have_the_size_of_any_picture(network: FCN32s, size: tuple[int, int]) -> None:
    logits = network(torch.randn(2, 3, *size))
    assert logits.shape == (2, 3, *size)
    assert torch.isfinite(logits).all()


def test_a_picture_of_512_makes_a_map_of_16() -> None:
    shapes = []
    with torch.device("meta"):
        network = FCN32s(6)
        network.score.register_forward_hook(lambda *values: shapes.append(tuple(values[2].shape)))
        assert network(torch.randn(1, 3, 512, 512)).shape == (1, 6, 512, 512)
    assert shapes == [(1, 6, 16, 16)]


def test_scores_are_enlarged_by_bilinear_interpolation_at_first(network: FCN32s) -> None:
    scores = []
    with (
        torch.inference_mode(),
        network.score.register_forward_hook(lambda *values: scores.append(values[2])),
    ):
        logits = network(torch.randn(1, 3, 64, 96))
    expected = F.interpolate(scores[0], scale_factor=32, mode="bilinear", align_corners=False)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_bilinear_kernels_do_not_mix_channels() -> None:
    kernels = bilinear_kernels(3, 4)
    assert kernels.shape == (3, 3, 8, 8)
    assert not kernels[~torch.eye(3, dtype=torch.bool)].any()
    # every pixel of the enlarged map gets weights that add to one: each kernel covers 8×8 pixels, 4×4 of them its own
    assert kernels.sum(dim=(0, 2, 3)).tolist() == pytest.approx([16.0] * 3)


def test_gradients_reach_every_parameter() -> None:
    network = _small()
    network(torch.randn(1, 3, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_whole_maps_are_dropped_while_training_and_none_after() -> None:
    network, images = _small(), torch.randn(1, 3, 64, 64)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def _published(width: int) -> dict[str, torch.Tensor]:
    """Return a state dict named as torchvision's, whose hidden layers are `width` wide and no 4096."""
    torch.manual_seed(1)
    with torch.device("meta"):
        names = set(vgg16().state_dict())
    small = nn.Sequential(
        nn.Linear(512 * 49, width), nn.ReLU(), nn.Dropout(), nn.Linear(width, width), nn.ReLU(), nn.Dropout(),
        nn.Linear(width, 10),
    )  # fmt: skip
    with torch.device("meta"):
        features = vgg16().features
    state = {f"features.{key}": 0.05 * torch.randn(each.shape) for key, each in features.state_dict().items()}
    state |= {f"classifier.{key}": each for key, each in small.state_dict().items()}
    assert set(state) == names
    return state


def test_vgg16_made_convolutional_says_in_the_middle_what_vgg16_says() -> None:
    state = _published(16)
    network = _small(10).eval()
    assert network.load_vgg16(state)
    network.score.load_state_dict(
        {"weight": state["classifier.6.weight"][..., None, None], "bias": state["classifier.6.bias"]}
    )
    scores = []
    network.score.register_forward_hook(lambda *values: scores.append(values[2]))
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        network(images)
        with torch.device("meta"):
            features = vgg16().features.eval()
        features = features.to_empty(device="cpu")
        features.load_state_dict({key[9:]: each for key, each in state.items() if key.startswith("features.")})
        values = features(images).flatten(1)
        for layer in (0, 3):
            values = F.relu(F.linear(values, state[f"classifier.{layer}.weight"], state[f"classifier.{layer}.bias"]))
        expected = F.linear(values, state["classifier.6.weight"], state["classifier.6.bias"])
    assert scores[0].shape[-2:] == (7, 7)
    torch.testing.assert_close(scores[0][..., 3, 3], expected, rtol=1e-4, atol=1e-5)


def test_only_the_features_are_loaded_where_the_width_is_another_or_there_is_no_classifier() -> None:
    state = _published(8)
    features = {key: each for key, each in state.items() if key.startswith("features.")}
    for published in (state, features):
        network = _small()
        before = network.fc6.weight.clone()
        assert not network.load_vgg16(published)
        assert torch.equal(network.fc6.weight, before)
        assert torch.equal(next(network.encoder.parameters()), state["features.0.weight"])


def test_another_networks_weights_are_refused() -> None:
    with pytest.raises(RuntimeError):
        _small().load_vgg16({"conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_gradients_in_bf16_go_the_way_they_go_in_fp32() -> None:
    torch.manual_seed(0)
    network, images, labels = FCN32s(3, width=16, dropout=0.0), torch.randn(2, 3, 32, 32), torch.randint(3, (2, 32, 32))
    gradients = []
    for lower in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            logits = network(images).float()
        F.cross_entropy(logits, labels).backward()
        gradients.append({key: each.grad.clone().flatten() for key, each in network.named_parameters()})
    for key in ("enlarge.weight", "score.weight", "fc7.weight", "fc6.weight"):
        exact, rounded = (each[key] for each in gradients)
        assert F.cosine_similarity(exact, rounded, dim=0) > 0.98, key
        assert 0.9 < rounded.norm() / exact.norm() < 1.1, key
