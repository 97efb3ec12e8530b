"""What a frozen part makes of pictures: the same numbers in the same order, however they are shared out."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.engine.device import Compute
from core.engine.features import iterate_features

CPU = Compute("cpu", "fp32", "contiguous")


@pytest.fixture
def part() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    layers[1].running_mean.normal_()  # type: ignore[operator, union-attr]
    return layers.eval()


@pytest.fixture
def batches() -> list[Tensor]:
    return list(torch.randn(7, 4, 3, 24, 24))


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_features_come_in_order_and_are_the_parts_own(part: nn.Module, batches: list[Tensor]) -> None:
    found = list(iterate_features(part, batches, CPU))
    with torch.no_grad():
        expected = [part(each).numpy() for each in batches]
    assert [each.shape for each in found] == [(4, 8)] * 7
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert torch.get_num_threads() == 2


def test_as_many_batches_are_seen_at_once_as_there_are_threads_and_no_more_are_opened(
    part: nn.Module, batches: list[Tensor]
) -> None:
    opened, both = list[int](), threading.Barrier(2)

    class Meeting(nn.Module):
        """Goes on when another batch is under way on another thread, and fails if none comes."""

        def forward(self, images: Tensor) -> Tensor:
            if threading.current_thread() is not threading.main_thread():
                both.wait(timeout=30)
            features: Tensor = part(images)
            return features

        def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
            return part.parameters(recurse)

    def opening() -> Iterator[Tensor]:
        for number, each in enumerate(batches[:4]):
            opened.append(number)
            yield each

    features = iterate_features(Meeting(), opening(), CPU)
    next(features)
    assert len(opened) == 3  # one to give, and one more for each thread
    assert len(list(features)) == 3


def test_what_goes_wrong_in_a_batch_is_told(part: nn.Module, batches: list[Tensor]) -> None:
    with pytest.raises(RuntimeError, match="channels"):
        list(iterate_features(part, [*batches[:3], torch.zeros(4, 5, 24, 24)], CPU))
    assert torch.get_num_threads() == 2


def test_in_bf16_features_are_nearly_the_same_and_the_part_stays_as_it_was(
    part: nn.Module, batches: list[Tensor]
) -> None:
    exact = np.concatenate(list(iterate_features(part, batches, CPU)))
    short = np.concatenate(list(iterate_features(part, batches, Compute("cpu", "bf16", "channels-last"))))
    assert short.dtype == np.float32
    assert 0 < np.abs(short - exact).max() < 0.05 * np.abs(exact).max()
    assert {each.dtype for each in part.parameters()} == {torch.float32}
