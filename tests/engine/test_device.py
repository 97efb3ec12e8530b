import pytest
import torch
from torch import nn

from core.engine.device import choose_compute, choose_device, short_format
from core.errors import UserError
from core.models.small_cnn import SmallCNN
from tests.engine.toy import build_toy_network


class _Untouchable(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing had to be tried")


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 1, 32, 32)


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


def test_the_fastest_trial_wins(images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.1, 0.4, 0.3, 0.2, 0.5])  # the first is the one that decides how large a cut is tried
    monkeypatch.setattr("core.engine.device._trial", lambda *args, **options: next(times))
    chosen = choose_compute(build_toy_network(), images, device="cpu")
    assert (chosen.precision, chosen.memory_format) == ("bf16", "contiguous")
    assert "bf16 contiguous 200 ms" in chosen.describe()


def test_what_is_close_on_a_cut_is_tried_on_a_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first time decides how large a cut is tried; the last two are of the whole batch."""
    times = iter([0.5, 0.5, 0.147, 0.5, 0.156, 1.3, 1.0])
    monkeypatch.setattr("core.engine.device._trial", lambda *args, **options: next(times))
    chosen = choose_compute(build_toy_network(), torch.randn(2, 1, 128, 128), device="cpu")
    assert (chosen.precision, chosen.memory_format) == ("bf16", "channels-last")
    assert chosen.describe().endswith(
        "fp32 channels-last on a whole batch 1300 ms; bf16 channels-last on a whole batch 1000 ms)"
    )
    assert next(times, None) is None


@pytest.mark.parametrize(("exact", "short", "chosen"), [
    (0.30, 0.20, "bf16"), (0.21, 0.20, "fp32"), (0.001, 0.0005, "fp32"), (0.20, 0.30, "fp32"),
])  # fmt: skip
def test_a_shorter_format_must_gain_something(
    exact: float, short: float, chosen: str, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.1, exact, exact, short, short])
    monkeypatch.setattr("core.engine.device._trial", lambda *args, **options: next(times))
    assert choose_compute(build_toy_network(), images, device="cpu").precision == chosen


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
    expected = f"The device {device} was asked for, but this machine has cpu; choose one of those or auto."
    with pytest.raises(UserError) as refusal:
        choose_compute(_Untouchable(), images, device=device)
    assert str(refusal.value) == expected
    assert choose_device("auto") == "cpu"


def test_half_precision_on_a_processor_is_refused(images: torch.Tensor) -> None:
    with pytest.raises(UserError, match="choose bf16, fp32 or auto"):
        choose_compute(_Untouchable(), images, device="cpu", precision="fp16")


def test_pictures_are_placed_in_the_chosen_order(images: torch.Tensor) -> None:
    chosen = choose_compute(_Untouchable(), images, device="cpu", precision="fp32", memory_format="channels-last")
    three = torch.randn(2, 3, 8, 8)
    assert chosen.place(three).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(chosen.place(three), three)


@pytest.mark.parametrize("batch", [1, 16])
def test_a_network_that_takes_one_size_is_tried_on_whole_pictures(batch: int) -> None:
    network = SmallCNN(3, size=(96, 96))
    chosen = choose_compute(network, torch.randn(batch, 3, 96, 96), device="cpu")
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
