"""A network part by part: nothing is counted twice or lost."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.data.traits import Traits
from core.experiments import catalogue
from core.models.stages import list_stages
from core.models.summary import count_flops, count_parameters
from core.models.unet import UNet
from tests.synthetic_sets import SyntheticSets

ARMS = [
    ("vessels", "unet-small"), ("reconstruction", "with-skips"), ("pets", "lite0-unet"), ("pets", "resnet34-unet"),
    ("landcover", "fcn32s"), ("landcover", "deeplabv3"), ("chest", "lite0-fixed"),
    pytest.param("chest", "densenet121-tuned", marks=pytest.mark.exhaustive),
    ("objects", "small-cnn"), ("byol", "pretrain"), ("blots", "pix2pix"),
]  # fmt: skip
"""Each network once; a classifier that is trained as a whole is the small CNN, too."""


@pytest.mark.parametrize(("slug", "arm"), ARMS)
def test_the_parts_of_every_network_sum_up_to_the_whole(slug: str, arm: str, synthetic_sets: SyntheticSets) -> None:
    experiment = catalogue()[slug]
    data = str(synthetic_sets.of(slug)) if slug == "byol" else ""  # its task opens its pictures
    traits = Traits(("normal", "pneumonia"), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    setup = experiment.set_up(experiment.config(arm=arm, recipe="quick", data=data), traits)
    with torch.device("meta"):  # no weight is drawn: only shapes are looked at
        network = setup.build_network()
    images = setup.prepare_picture(np.zeros((128, 256 if slug == "blots" else 128, 3), np.uint8)).images
    module, images = setup.build_task(network).example({"images": images}) or (network, images)
    stages = list_stages(module, images)
    assert sum(each.parameters for each in stages) == count_parameters(module)
    assert sum(each.flops for each in stages) == count_flops(module, images)
    assert 3 <= len(stages) <= 30
    assert len({each.name for each in stages}) == len(stages)
    inside = sum(each.flops for each in stages if each.name)
    assert inside > 0.99 * count_flops(module, images)


def test_a_u_net_is_listed_as_it_is_drawn() -> None:
    stages = list_stages(UNet(3, widths=(4, 8), bottleneck=16), torch.zeros(1, 3, 32, 40))
    assert [(each.name, each.shape) for each in stages] == [
        ("down.0", (4, 32, 40)), ("down.1", (8, 16, 20)), ("bottleneck", (16, 8, 10)),
        ("up.0", (8, 16, 20)), ("up.1", (4, 32, 40)), ("head", (1, 32, 40)),
    ]  # fmt: skip
    head = stages[-1]
    assert head.kind == "Conv2d"
    assert head.parameters == 4 * 9 + 1
    assert head.flops == 2 * 4 * 9 * 32 * 40


class Loose(nn.Module):
    """Has a weight of its own, and a part that is called through another module that is no part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1), nn.MaxPool2d(2))
        self.twice = nn.Conv2d(5, 5, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = nn.Sequential(*self.body)(images * self.scale)
        return self.twice(self.twice(features))


def test_what_belongs_to_no_part_and_what_is_called_twice_is_counted() -> None:
    stages = {each.name: each for each in list_stages(Loose(), torch.zeros(1, 3, 8, 8))}
    assert list(stages) == ["body.0", "body.1", "twice", ""]
    assert stages[""].parameters == 1
    assert stages["body.0"].flops == 2 * 3 * 4 * 64
    assert stages["twice"].flops == 2 * (2 * 25 * 16)
    assert stages["body.1"].shape == (5, 8, 8)
