"""What a frozen part makes of pictures: the same numbers in the same order, however they are shared out."""

import threading
from collections.abc import Callable, Iterator

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


def _opening(batches: list[Tensor]) -> list[Callable[[], Tensor]]:
    return [lambda each=each: each for each in batches]  # type: ignore[misc]


def test_features_come_in_order_and_are_the_parts_own(part: nn.Module, batches: list[Tensor]) -> None:
    found = list(iterate_features(part, _opening(batches), CPU))
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

    def opening(number: int) -> Callable[[], Tensor]:
        def open_pictures() -> Tensor:
            opened.append(number)
            return batches[number]

        return open_pictures

    features = iterate_features(Meeting(), [opening(number) for number in range(4)], CPU)
    next(features)
    assert sorted(opened)[:2] == [0, 0]  # once to look at what it computes
    assert set(opened) <= {0, 1, 2}  # one to give, and one more for each thread
    assert len(list(features)) == 3


def test_pictures_are_opened_by_the_threads_that_look_at_them(part: nn.Module, batches: list[Tensor]) -> None:
    by = list[threading.Thread]()

    def open_pictures() -> Tensor:
        by.append(threading.current_thread())
        return batches[0]

    assert len(list(iterate_features(part, [open_pictures] * 4, CPU))) == 4
    assert by[0] is threading.main_thread()  # once to look at what it computes
    assert threading.main_thread() not in by[1:]


def test_what_goes_wrong_in_a_batch_is_told(part: nn.Module, batches: list[Tensor]) -> None:
    with pytest.raises(RuntimeError, match="channels"):
        list(iterate_features(part, _opening([*batches[:3], torch.zeros(4, 5, 24, 24)]), CPU))
    assert torch.get_num_threads() == 2


def test_in_bf16_features_are_nearly_the_same_and_the_part_stays_as_it_was(
    part: nn.Module, batches: list[Tensor]
) -> None:
    exact = np.concatenate(list(iterate_features(part, _opening(batches), CPU)))
    short = np.concatenate(list(iterate_features(part, _opening(batches), Compute("cpu", "bf16", "channels-last"))))
    assert short.dtype == np.float32
    assert 0 < np.abs(short - exact).max() < 0.05 * np.abs(exact).max()
    assert {each.dtype for each in part.parameters()} == {torch.float32}
