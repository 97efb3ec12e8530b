"""Seg-Grad-CAM: against the formula by hand for every network, and on networks whose answer is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.engine.device import Compute
from core.experiments import find_experiment
from core.inference.explanations import seg_grad_cam
from core.inference.explanations.seg_grad_cam import MappedNetwork, explain_region, find_regions, name_of_layer, outline
from core.models.unet import UNet

PROCESSOR = Compute("cpu", "fp32", "contiguous")
ARMS = [
    ("vessels", "unet-small", "bottleneck"),
    ("pets", "lite0-unet", "encoder.stages."),
    ("pets", "resnet34-unet", "bottleneck"),
    ("landcover", "fcn32s", "encoder"),
    ("landcover", "deeplabv3", "network.backbone.layer4"),
]


def by_hand(network: MappedNetwork, images: Tensor, region: np.ndarray, label: int) -> Tensor:
    """Return the map ``(h, w)`` of the paper's equations 1 and 2, place by place, not yet enlarged."""
    kept: list[Tensor] = []
    hook = network.deepest_map.register_forward_hook(lambda _layer, _given, out: kept.append(out))
    logits = network(images.clone().requires_grad_())  # type: ignore[operator]
    hook.remove()
    total = sum(logits[0, label, row, column] for row, column in zip(*np.nonzero(region), strict=True))
    (gradient,) = torch.autograd.grad(total, kept[0])
    maps, rows, columns = kept[0].shape[1:]
    heat = torch.zeros(rows, columns)
    for number in range(maps):
        weight = sum(gradient[0, number].flatten().tolist()) / (rows * columns)
        heat += weight * kept[0][0, number].detach()
    return heat.relu()


@pytest.mark.parametrize(("slug", "arm", "layer"), ARMS)
def test_it_is_the_papers_formula_at_the_deepest_layers(slug: str, arm: str, layer: str) -> None:
    experiment = find_experiment(slug)
    torch.manual_seed(0)
    changes = {"width": 32} if arm == "fcn32s" else {"width": 0.125} if slug == "pets" else {}
    setup = experiment.set_up(experiment.config(arm=arm, changes=changes))
    network = setup.build_network().eval()
    assert isinstance(network, MappedNetwork)
    assert name_of_layer(network).startswith(layer)
    images, region = torch.randn(1, 3, 128, 70), np.zeros((128, 70), bool)
    region[30:34, 20:30] = True
    tried = ((label, by_hand(network, images, region, label)) for label in range(7))
    label, wanted = next((label, heat) for label, heat in tried if float(heat.max()) > 0)
    found = explain_region(network, images, region, label, PROCESSOR)
    assert found.shape == (128, 70)
    size = [side * network.stride for side in wanted.shape]
    large = nn.functional.interpolate((wanted / wanted.max())[None, None], size, mode="bilinear")[0, 0, :128, :70]
    assert found == pytest.approx(large.numpy(), abs=1e-3)
    assert all(each.grad is None for each in network.parameters())


class Known(nn.Module):
    """Mean of red and mean of green over 4 by 4 pixels; the first class's logit is red's, the second's is green's."""

    stride = 4

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(4)

    @property
    def deepest_map(self) -> nn.Module:
        return self.pool

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.interpolate(self.pool(images), scale_factor=4, mode="nearest")


def test_on_a_known_network_a_class_is_spoken_for_by_its_own_colour_alone() -> None:
    images = torch.zeros(1, 2, 16, 16)
    images[0, 0, 0:4, 0:4], images[0, 1, 8:12, 8:12] = 2.0, 1.0
    region = np.ones((16, 16), bool)
    red, green = (explain_region(Known(), images, region, label, PROCESSOR) for label in (0, 1))
    # The weights are one colour's alone, so the heat is that colour's map, enlarged: 1 in its middle, 0 far from it.
    wanted = torch.zeros(1, 1, 4, 4)
    wanted[0, 0, 0, 0] = 1
    assert red == pytest.approx(nn.functional.interpolate(wanted, (16, 16), mode="bilinear")[0, 0].numpy(), abs=1e-6)
    assert green[9:11, 9:11].min() > 0.7
    assert green[:6].max() == green[14:].max() == 0


def test_what_speaks_against_a_region_and_an_empty_region_are_cold() -> None:
    images = -torch.ones(1, 2, 16, 16)
    assert not explain_region(Known(), images, np.ones((16, 16), bool), 0, PROCESSOR).any()
    assert not explain_region(Known(), -images, np.zeros((16, 16), bool), 0, PROCESSOR).any()


def test_a_region_at_the_pictures_own_size_is_brought_to_the_networks() -> None:
    torch.manual_seed(1)
    network, images = UNet(3, widths=(4, 8), bottleneck=16).eval(), torch.randn(1, 3, 32, 32)
    large = np.zeros((64, 64), bool)
    large[16:32, 16:48] = True
    wanted = explain_region(network, images, large[::2, ::2], 0, PROCESSOR)
    assert wanted.any()
    assert explain_region(network, images, large, 0, PROCESSOR) == pytest.approx(wanted, abs=1e-6)
    line = np.zeros((256, 256), bool)
    line[100] = True  # an eighth of a pixel of the network's
    assert explain_region(network, images, line, 0, PROCESSOR).any()


def test_of_a_picture_that_is_too_large_the_surroundings_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network, images = UNet(3, widths=(4, 8), bottleneck=16).eval(), torch.randn(1, 3, 48, 96)
    region = np.zeros((48, 96), bool)
    region[20:24, 80:90] = True
    monkeypatch.setattr(seg_grad_cam, "LARGEST", 32)
    found = explain_region(network, images, region, 0, PROCESSOR)
    alone = explain_region(network, images[..., 5:37, 64:96], region[5:37, 64:96], 0, PROCESSOR)
    assert found[5:37, 64:96] == pytest.approx(alone)
    found[5:37, 64:96] = 0
    assert not found.any()


def test_regions_are_told_apart_and_the_largest_comes_first() -> None:
    found = np.zeros((20, 40), bool)
    found[0:2, 0:2] = True
    found[2, 2] = True  # touches at a corner
    found[10:20, 20:40] = True
    found[0, 39] = True
    sizes = [each.size for each in find_regions(found)]
    assert sizes == [200, 5, 1]
    first = find_regions(found)[0]
    assert (first.row, first.column) == (0.75, 0.75)
    assert first.mask.sum() == 200
    assert [each.size for each in find_regions(found, most=1)] == [200]
    assert find_regions(np.zeros((3, 3), bool)) == []


def test_the_line_runs_along_the_edge_of_a_region_and_the_picture_stays_as_it_was() -> None:
    pixels, region = np.full((12, 12, 3), 50, np.uint8), np.zeros((12, 12), bool)
    region[3:9, 3:9] = True
    drawn = outline(pixels, region)
    assert (drawn[3, 3:9] == 255).all()
    assert (drawn[5:7, 5:7] == 50).all()
    assert (drawn[0] == 50).all()
    assert (pixels == 50).all()
