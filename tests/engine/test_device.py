from collections.abc import Callable

import pytest
import torch
from torch import nn

from core.engine.device import choose_compute, choose_device, short_format
from core.errors import UserError
from core.models.small_cnn import SmallCNN
from tests.engine.toy import build_toy_network
from tests.messages import naming


class _Untouchable(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing had to be tried")


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 1, 32, 32)


@pytest.fixture(autouse=True)
def _instructions_for_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all processors be tried in the same formats; bf16 is computed without instructions for it, too."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.parametrize("training", [True, False])
def test_choosing_leaves_weights_statistics_and_chance_as_they_were(images: torch.Tensor, training: bool) -> None:
    network = build_toy_network()  # has batch statistics, and dropout that draws random numbers
    before = {key: value.clone() for key, value in network.state_dict().items()}
    layout = [each.stride() for each in network.parameters()]
    chance, pictures = torch.get_rng_state(), images.clone()
    chosen = choose_compute(network, images, device="cpu", training=training)
    assert torch.equal(torch.get_rng_state(), chance)
    assert torch.equal(images, pictures)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert [each.stride() for each in network.parameters()] == layout
    assert all(each.grad is None for each in network.parameters())
    assert network.training
    assert {name for name, _ in chosen.trials} == {
        f"{precision} {order}" for precision in ("fp32", "bf16") for order in ("contiguous", "channels-last")
    }


Seconds = dict[tuple[str, str, int], float]
"""How long a step takes in a number format, a memory order, and on pictures of a side; what is left out takes 1 s."""


class _Timed(nn.Module):
    """Takes as long as is said, by a clock that nothing else moves."""

    def __init__(self, seconds: Seconds, clock: list[float]) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seconds, self.clock = seconds, clock

    def __deepcopy__(self, memo: object) -> "_Timed":
        return _Timed(self.seconds, self.clock)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        precision = "bf16" if torch.is_autocast_enabled("cpu") else "fp32"
        last = images.is_contiguous(memory_format=torch.channels_last)
        order = "channels-last" if last else "contiguous"
        self.clock[0] += self.seconds.get((precision, order, images.shape[-1]), 1.0)
        return self.scale * images


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Seconds], _Timed]:
    clock = [0.0]
    monkeypatch.setattr("core.engine.device.time.perf_counter", lambda: clock[0])
    return lambda seconds: _Timed(seconds, clock)


def test_the_fastest_trial_wins(timed: Callable[[Seconds], _Timed]) -> None:
    seconds = {("fp32", "contiguous", 32): 0.4, ("fp32", "channels-last", 32): 0.3}
    seconds |= {("bf16", "contiguous", 32): 0.2, ("bf16", "channels-last", 32): 0.5}
    chosen = choose_compute(timed(seconds), torch.randn(2, 3, 32, 32), device="cpu")
    assert (chosen.precision, chosen.memory_format) == ("bf16", "contiguous")
    assert dict(chosen.trials) == pytest.approx(
        {"fp32 contiguous": 400, "fp32 channels-last": 300, "bf16 contiguous": 200, "bf16 channels-last": 500}
    )
    assert all(f"{name} {milliseconds:.0f} ms" in chosen.describe() for name, milliseconds in chosen.trials)


def test_what_is_close_on_a_cut_is_tried_on_a_whole_batch(timed: Callable[[Seconds], _Timed]) -> None:
    """On pictures of 128 pixels a step would take long, so a cut of 64 is tried first."""
    seconds = {("fp32", "contiguous", 64): 0.5, ("fp32", "channels-last", 64): 0.147}
    seconds |= {("bf16", "contiguous", 64): 0.5, ("bf16", "channels-last", 64): 0.156}
    seconds |= {("fp32", "channels-last", 128): 1.3, ("bf16", "channels-last", 128): 1.0}
    chosen = choose_compute(timed(seconds), torch.randn(2, 3, 128, 128), device="cpu")
    assert (chosen.precision, chosen.memory_format) == ("bf16", "channels-last")
    assert [milliseconds for _, milliseconds in chosen.trials] == pytest.approx([500, 147, 500, 156, 1300, 1000])
    whole = [name for name, _ in chosen.trials[4:]]
    assert [name.split()[:2] for name in whole] == [["fp32", "channels-last"], ["bf16", "channels-last"]]
    assert len({name for name, _ in chosen.trials}) == 6  # a cut and a whole batch have names of their own


@pytest.mark.parametrize(("exact", "short", "chosen"), [
    (0.30, 0.20, "bf16"), (0.21, 0.20, "fp32"), (0.001, 0.0005, "fp32"), (0.20, 0.30, "fp32"),
])  # fmt: skip
def test_a_shorter_format_must_gain_something(
    exact: float, short: float, chosen: str, timed: Callable[[Seconds], _Timed]
) -> None:
    seconds = {
        (precision, order, 32): exact if precision == "fp32" else short
        for precision in ("fp32", "bf16")
        for order in ("contiguous", "channels-last")
    }
    assert choose_compute(timed(seconds), torch.randn(2, 3, 32, 32), device="cpu").precision == chosen


def test_fixed_choices_are_honoured_without_a_trial(images: torch.Tensor) -> None:
    chosen = choose_compute(_Untouchable(), images, device="cpu", precision="bf16", memory_format="channels-last")
    assert (chosen.device, chosen.precision, chosen.memory_format) == ("cpu", "bf16", "channels-last")
    assert chosen.trials == ()
    assert chosen.describe() == "cpu, bf16, channels-last"


def test_a_half_fixed_choice_tries_only_the_rest(images: torch.Tensor) -> None:
    chosen = choose_compute(build_toy_network(), images, device="cpu", precision="fp32")
    assert [name for name, _ in chosen.trials] == ["fp32 contiguous", "fp32 channels-last"]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_an_absent_device_is_refused_in_one_sentence(
    device: str, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UserError, match=naming(device, "cpu", "auto")):
        choose_compute(_Untouchable(), images, device=device)
    assert choose_device("auto") == "cpu"


def test_half_precision_on_a_processor_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(UserError, match=naming("fp16", "bf16", "fp32", "auto")):
        choose_compute(_Untouchable(), images, device="cpu", precision="fp16")


def test_pictures_are_placed_in_the_chosen_order(images: torch.Tensor) -> None:
    chosen = choose_compute(_Untouchable(), images, device="cpu", precision="fp32", memory_format="channels-last")
    three = torch.randn(2, 3, 8, 8)
    assert chosen.place(three).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(chosen.place(three), three)


@pytest.mark.parametrize("batch", [1, 12])
def test_a_network_that_takes_one_size_is_tried_on_whole_pictures(batch: int) -> None:
    network = SmallCNN(3, size=(80, 80))  # others are tried on cuts of 64 pixels
    chosen = choose_compute(network, torch.randn(batch, 3, 80, 80), device="cpu")
    assert len(chosen.trials) >= 4


def test_the_short_format_is_bf16_only_where_the_processor_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    for has, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        assert short_format("cpu") == wanted
    assert short_format("mps") == "fp32"
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert short_format("cpu") == "fp32"


def test_bf16_is_not_even_tried_where_the_processor_has_no_instructions_for_it(
    images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tells in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, tells, lambda: False)
    chosen = choose_compute(build_toy_network(), images, device="cpu")
    assert chosen.precision == "fp32"
    assert {name.split()[0] for name, _ in chosen.trials} == {"fp32"}
