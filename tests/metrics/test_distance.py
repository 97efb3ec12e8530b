"""The distance from what a network was trained on: near for the like, far for others, and by the definition."""

import numpy as np
import pytest
import torch
from torch import nn

from core.metrics.distance import NormalisationDistance


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4))
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        network(torch.rand(16, 3, 12, 12, generator=generator))
    return network.eval()


def _distance(network: nn.Module, images: torch.Tensor, *, parts: int = 1) -> float:
    with NormalisationDistance(network) as distance, torch.inference_mode():
        for part in images.chunk(parts):
            network(part)
    return distance.compute()


def test_pictures_like_those_trained_on_lie_near_and_others_far() -> None:
    network, images = _network(), torch.rand(200, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    assert _distance(network, images) < 0.05
    assert _distance(network, 3 * images) > 20 * _distance(network, images)
    assert _distance(network, images, parts=7) == pytest.approx(_distance(network, images))


def test_the_distance_is_what_a_slow_loop_finds() -> None:
    network, images = _network(), torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(2)) ** 3
    maps, found = images, []
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            away = [
                abs(float(maps[:, channel].mean() - layer.running_mean[channel]))
                / float((layer.running_var[channel] + layer.eps) ** 0.5)
                for channel in range(maps.shape[1])
            ]
            found.append(float(np.sort(away)[(len(away) - 1) // 2]))  # torch's median is the lower one
        maps = layer(maps).detach()
    assert _distance(network, images) == pytest.approx(np.mean(found), rel=1e-4)


def test_what_a_network_sees_afterwards_does_not_count() -> None:
    network, images = _network(), torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    with NormalisationDistance(network) as distance, torch.inference_mode():
        network(images)
    before = distance.compute()
    network(3 * images)
    assert distance.compute() == before


def test_a_network_that_counts_nothing_has_no_distance() -> None:
    assert np.isnan(_distance(nn.Conv2d(3, 2, 1), torch.rand(2, 3, 8, 8)))
