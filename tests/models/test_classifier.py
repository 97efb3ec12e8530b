import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from core.errors import UserError
from core.models.backbone_specs import TUNED
from core.models.backbones import BACKBONES, build_backbone
from core.models.classifier import Classifier
from core.models.stage_statistics import count_statistics
from tests.models.shared_backbones import FAMILIES, TWINS, shared_backbone

CLASSES = 5


def _ways() -> Iterator[object]:
    """Yield every backbone with every way of tuning it.

    Where the last layer alone is trained, all backbones are used alike, but for GoogLeNet with its auxiliary
    classifiers: by default two show it.
    """
    for name in BACKBONES:
        for tuned in TUNED:
            shown = name not in TWINS and (tuned != "head" or name in ("resnet18", "googlenet"))
            yield pytest.param(name, tuned, marks=() if shown else pytest.mark.exhaustive)


WAYS = list(_ways())


def _classifier(name: str, tuned: str) -> Classifier:
    """Return a classifier in training mode; its backbone is shared, since a classifier decides anew what is held."""
    torch.manual_seed(1)
    return Classifier(shared_backbone(name), CLASSES, tuned=tuned).train()


def _images(n: int = 2, height: int = 32, width: int = 32) -> Tensor:
    return torch.randn(n, 3, height, width, generator=torch.Generator().manual_seed(0))


def _loss(network: Classifier, logits: Tensor) -> Tensor:
    labels = torch.arange(len(logits)) % CLASSES
    return F.cross_entropy(logits, labels) + 0.3 * sum(F.cross_entropy(each, labels) for each in network.auxiliary)


@pytest.mark.parametrize(("name", "tuned"), WAYS)
@torch.no_grad()
def test_the_two_parts_are_the_whole(name: str, tuned: str) -> None:
    network = _classifier(name, tuned).eval()
    images = _images(1, 33, 50)
    kept = network.frozen_part(images)
    spec = network.backbone.spec
    if tuned == "head":
        assert kept.shape == (1, spec.features)
    elif tuned == "last-stage":
        assert kept.shape[1] == spec.stages[spec.stage_names.index(spec.last_stage) - 1].channels
        assert kept.ndim == 4
    else:
        assert kept is images
    assert network.is_fixed == (tuned != "all")
    before = kept.clone()
    logits = network(images)
    assert logits.shape == (1, CLASSES)
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(network.trained_part(kept), logits)
    torch.testing.assert_close(network(kept, precomputed=True), logits)
    torch.testing.assert_close(network.head(network.features(images)), logits)
    assert torch.equal(kept, before)


def _is_held(network: Classifier, tuned: str, key: str) -> bool:
    """Say, from the names alone, whether a tensor may not move."""
    part, _, stage = key.split(".")[:3]
    if tuned == "all" or part == "head":
        return False
    if tuned == "head" or part == "auxiliary_heads":
        return True
    names = network.backbone.spec.stage_names
    return names.index(stage) < names.index(network.backbone.spec.last_stage)


@pytest.mark.parametrize(("name", "tuned"), WAYS)
def test_a_step_moves_all_that_is_trained_and_nothing_else(name: str, tuned: str) -> None:
    network = _classifier(name, tuned)
    before = copy.deepcopy(network.state_dict())
    parameters = dict(network.named_parameters())
    _loss(network, network(_images())).backward()
    torch.optim.SGD([each for each in parameters.values() if each.requires_grad], lr=1.0).step()
    after = network.state_dict()
    for key, tensor in before.items():
        if _is_held(network, tuned, key):
            assert torch.equal(after[key], tensor), key
            assert key not in parameters or not parameters[key].requires_grad, key
        elif key in parameters:
            assert parameters[key].grad is not None, key
            assert parameters[key].requires_grad, key
        elif key.endswith("num_batches_tracked"):
            assert after[key] == tensor + 1, key
    assert not torch.equal(after["head.linear.weight"], before["head.linear.weight"])
    network.zero_grad()
    network.load_state_dict(before)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_kept_of_a_picture_depends_on_that_picture_alone(name: str) -> None:
    network = _classifier(name, "last-stage")
    images = _images(2)
    together, alone = network.frozen_part(images)[:1], network.frozen_part(images[:1])
    assert (together - alone).abs().max() < 1e-4 * together.abs().max()
    assert not together.requires_grad


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "convnext-tiny"])
def test_weights_have_the_same_names_whatever_is_trained(name: str) -> None:
    keys = [list(_classifier(name, tuned).state_dict()) for tuned in TUNED]
    assert keys[0] == keys[1] == keys[2]


def test_gradients_reach_the_picture_through_what_is_held_still() -> None:
    network = _classifier("efficientnet-lite0", "head").eval()
    images = _images(1).requires_grad_()
    network(images)[0, 0].backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("tuned", TUNED)
def test_auxiliary_logits_come_only_while_the_whole_googlenet_is_trained(tuned: str) -> None:
    network = _classifier("googlenet", tuned)
    network(_images(3))
    assert [tuple(each.shape) for each in network.auxiliary] == ([(3, CLASSES)] * 2 if tuned == "all" else [])
    network.eval()(_images(1))
    assert network.auxiliary == ()
    assert len(network.auxiliary_heads) == 2


def test_a_network_without_auxiliary_classifiers_has_no_auxiliary_logits() -> None:
    network = _classifier("resnet18", "all")
    network(_images())
    assert network.auxiliary == ()


def test_auxiliary_logits_are_torchvisions() -> None:
    torch.manual_seed(0)
    published = models.googlenet(num_classes=CLASSES, init_weights=False, aux_logits=True, dropout=0, dropout_aux=0)
    network = Classifier(build_backbone("googlenet"), CLASSES, tuned="all")
    classifier = network.backbone.load_imagenet(published.state_dict())
    assert classifier is not None
    network.head.linear.load_state_dict(classifier.state_dict())
    for own, theirs in zip(network.auxiliary_heads.values(), (published.aux1, published.aux2), strict=True):
        own.load_state_dict(theirs.state_dict())
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    images = _images(4)
    expected = published.train()(images)
    torch.testing.assert_close(network.train()(images), expected.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.auxiliary[0], expected.aux_logits1, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.auxiliary[1], expected.aux_logits2, rtol=1e-4, atol=1e-4)


def test_a_network_can_be_copied_after_a_training_pass() -> None:
    network = _classifier("googlenet", "all")
    network(_images())
    twin = copy.deepcopy(network)
    assert len(network.auxiliary) == 2
    assert twin.auxiliary == ()
    assert twin.backbone.spec == network.backbone.spec
    torch.testing.assert_close(twin.eval()(_images()), network.eval()(_images()))


@pytest.mark.parametrize("name", ["googlenet", "convnext-tiny", "efficientnet-lite0"])
def test_a_pass_in_bf16_is_finite(name: str) -> None:
    network = _classifier(name, "all")
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(_images())
        assert logits.dtype == torch.bfloat16
        loss = _loss(network, logits)
    loss.backward()
    assert all(torch.isfinite(each.grad).all() for each in network.parameters() if each.grad is not None)
    network.zero_grad()


@pytest.mark.parametrize(
    ("name", "tuned"),
    [
        ("efficientnet-lite0", "head"),
        ("efficientnet-lite0", "last-stage"),
        ("tiny-cnn", "all"),
        pytest.param("efficientnet-lite0", "all", marks=pytest.mark.exhaustive),
    ],
)
def test_twenty_steps_lower_the_loss(name: str, tuned: str) -> None:
    network = Classifier(copy.deepcopy(shared_backbone(name)), CLASSES, tuned=tuned).train()
    rate = 3e-2 if tuned == "head" else 3e-3
    optimizer = torch.optim.Adam([each for each in network.parameters() if each.requires_grad], lr=rate)
    features = network.frozen_part(_images(5))
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = _loss(network, network.trained_part(features))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_an_unknown_way_of_tuning_is_refused() -> None:
    with pytest.raises(UserError, match=r"tuned.*'most'.*head, last-stage, all"):
        Classifier(shared_backbone("resnet18"), CLASSES, tuned="most")


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_a_last_layer_that_sees_all_stages_sees_their_means_and_deviations(name: str) -> None:
    torch.manual_seed(1)
    network = Classifier(shared_backbone(name), CLASSES, tuned="head", all_stages=True).eval()
    images, backbone = _images(2, 64, 64), network.backbone
    kept = network.frozen_part(images)
    assert kept.shape == (2, count_statistics(backbone.spec))
    finest = backbone.pyramid(images)[-1]
    features = backbone.spec.features
    before = kept[:, : kept.shape[1] - features]
    half = finest.shape[1]
    torch.testing.assert_close(before[:, -2 * half : -half], finest.mean((2, 3)))
    torch.testing.assert_close(before[:, -half:], finest.std((2, 3), correction=0), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(kept[:, -features:], backbone(images))
    torch.testing.assert_close(network(images), network(kept, precomputed=True))
    assert not any(key.startswith("stages") for key in network.state_dict())


@pytest.mark.parametrize("tuned", TUNED[1:])
def test_more_than_the_last_layer_cannot_be_trained_on_all_stages(tuned: str) -> None:
    with pytest.raises(UserError, match=r"\w+ \w+"):
        Classifier(shared_backbone("tiny-cnn"), CLASSES, tuned=tuned, all_stages=True)
