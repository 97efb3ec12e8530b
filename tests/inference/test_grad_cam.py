"""Grad-CAM: against the formula by hand, for every backbone, and on a picture whose telling part is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.engine.device import Compute, choose_compute
from core.inference.explanations.grad_cam import explain_class, overlay, sum_of_stages
from core.models.backbone_specs import BACKBONES
from core.models.backbones import build_backbone
from core.models.classifier import ClassificationNetwork, Classifier
from core.models.small_cnn import SmallCNN

LAYERS_OF_ANOTHER = ("googlenet", "resnet50", "vgg16")
"""Backbones whose last layers are convolution, normalisation and ReLU as those of a smaller one are."""


def compute_of(network: nn.Module, images: Tensor) -> Compute:
    return choose_compute(network, images, device="cpu", precision="fp32", training=False)


def by_hand(network: ClassificationNetwork, images: Tensor, label: int) -> Tensor:
    """Return the map ``(h, w)`` of the paper's formula, not yet enlarged."""
    kept: list[Tensor] = []
    hook = network.last_map.register_forward_hook(lambda _layer, _given, out: kept.append(out.clone()) or kept[0])
    logits = network(images.clone().requires_grad_())
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, label], kept[0])
    return (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)[0].relu().detach()


def every_backbone(*others: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=pytest.mark.exhaustive if name in LAYERS_OF_ANOTHER else ())
         for name in (*sorted(BACKBONES), *others)],
    )  # fmt: skip


@every_backbone("small-cnn")
def test_it_is_the_papers_formula_for_every_network(name: str) -> None:
    torch.manual_seed(0)
    images = torch.randn(1, 3, 96, 96)
    network: ClassificationNetwork = (
        SmallCNN(3, size=(96, 96)) if name == "small-cnn" else Classifier(build_backbone(name), 3, tuned="head")
    )
    network.eval()
    for label in (0, 2):
        wanted = by_hand(network, images, label)
        found = explain_class(network, images, label, compute_of(network, images))
        assert found.shape == (96, 96)
        if float(wanted.max()) <= 0:
            assert not found.any()
            continue
        enlarged = nn.functional.interpolate((wanted / wanted.max())[None, None], (96, 96), mode="bilinear")[0, 0]
        assert found == pytest.approx(enlarged.numpy(), abs=0.02)
    assert all(each.grad is None for each in network.parameters())


def test_the_part_that_speaks_for_a_class_is_hot_and_the_rest_is_not() -> None:
    torch.manual_seed(0)
    network = SmallCNN(2, size=(32, 32))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    places = torch.randint(0, 20, (64, 2), generator=torch.Generator().manual_seed(0))
    images, labels = 0.1 * torch.randn(64, 3, 32, 32), torch.arange(64) % 2
    for image, (top, left), label in zip(images, places.tolist(), labels.tolist(), strict=True):
        image[2 * label, top : top + 12, left : left + 12] += 1.0  # a red square or a blue one
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    network.eval()
    assert float((network(images).argmax(dim=1) == labels).float().mean()) > 0.98
    inside, outside = [], []
    for number in range(12):
        heat = explain_class(network, images[number : number + 1], int(labels[number]), compute_of(network, images[:1]))
        mask, (top, left) = np.zeros((32, 32), bool), places[number].tolist()
        mask[top : top + 12, left : left + 12] = True
        inside.append(heat[mask].mean())
        outside.append(heat[~mask].mean())
    assert np.mean(inside) > 3 * np.mean(outside)


def seeing_all_stages(name: str, classes: int) -> Classifier:
    network = Classifier(build_backbone(name), classes, tuned="head", all_stages=True)
    with torch.no_grad():
        network.scale.running_mean.normal_()  # type: ignore[union-attr]
        network.scale.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network.eval()


@every_backbone()
def test_what_the_places_add_is_the_logit_where_the_last_layer_sees_all_stages(name: str) -> None:
    torch.manual_seed(0)
    network, images = seeing_all_stages(name, 3), torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        logits = network(images)[0] - network.last_layer.bias
    for label in (0, 2):
        added = sum_of_stages(network, images, label)
        assert added.shape == (96, 96)
        assert added.sum() == pytest.approx(float(logits[label]), rel=1e-2, abs=1e-2)
    assert all(each.grad is None for each in network.parameters())


def test_a_last_layer_on_one_early_texture_is_hot_where_that_texture_is() -> None:
    torch.manual_seed(0)
    network = seeing_all_stages("efficientnet-lite0", 2)
    images = torch.zeros(1, 3, 128, 128)
    images[..., 64:, :64] = torch.randn(1, 3, 64, 64)  # grain at the bottom left
    with torch.no_grad():
        network.scale.running_mean.zero_()  # type: ignore[union-attr]
        network.last_layer.weight.zero_()
        channels = network.backbone.spec.stages[0].channels
        network.last_layer.weight[1, channels : 2 * channels] = 1  # the deviations of the first stage
    heat = explain_class(network, images, 1, compute_of(network, images))
    grain = np.zeros((128, 128), bool)
    grain[64:, :64] = True
    assert heat[grain].mean() > 5 * heat[~grain].mean()
    assert not explain_class(network, images, 0, compute_of(network, images)).any()


def test_the_overlay_leaves_cold_places_as_they_are() -> None:
    pixels = np.full((4, 6, 3), 100, np.uint8)
    heat = np.zeros((4, 6), np.float32)
    heat[1, 2] = 1.0
    drawn = overlay(pixels, heat)
    assert (drawn[heat == 0] == 100).all()
    assert (drawn[1, 2] != 100).any()
    assert drawn.dtype == np.uint8
