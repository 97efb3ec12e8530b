from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import nn

from core.config import RunConfig
from core.engine.device import Compute
from core.engine.stepper import DivergedError, Stepper
from core.engine.task import Batch, PartLoss
from core.errors import UserError
from tests.engine.toy import CPU, ToyTask, build_toy_network, toy_batch
from tests.messages import naming


def _build(task: ToyTask | None = None, *, steps: int = 100, **knobs: object) -> tuple[Stepper, ToyTask]:
    task = task or ToyTask(build_toy_network())
    return Stepper(task, RunConfig(**({"learning_rate": 0.02} | knobs)), CPU, steps=steps), task  # type: ignore[arg-type]


def _parameters(task: ToyTask) -> dict[str, torch.Tensor]:
    return {name: each.detach().clone() for name, each in task.network.named_parameters()}


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_twenty_steps_lower_the_loss(optimizer: str) -> None:
    stepper, _ = _build(optimizer=optimizer, learning_rate=0.05)
    batch = toy_batch(0)
    losses = [stepper.step(batch)["loss"] for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]


def test_half_precision_and_channels_last_learn_too_and_keep_weights_in_full_precision() -> None:
    task = ToyTask(build_toy_network())
    stepper = Stepper(task, RunConfig(learning_rate=0.05), Compute("cpu", "bf16", "channels-last"), steps=20)
    losses = [stepper.step(toy_batch(0))["loss"] for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]
    assert {each.dtype for each in task.network.parameters()} == {torch.float32}


CANCELLED = {"0.bias", "1.running_mean"}
"""A bias that the normalisation behind it takes away, and where that counts it: its gradient is a rounding error, of
which Adam makes steps of full length, to another side on each processor."""


@pytest.mark.parametrize(("name", "optimizer"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_steps_are_those_of_a_plain_loop(name: str, optimizer: type[torch.optim.Optimizer]) -> None:
    plain = build_toy_network(0)
    reference = optimizer(plain.parameters(), lr=0.02, weight_decay=0.1)  # type: ignore[call-arg]
    stepper, task = _build(optimizer=name, weight_decay=0.1)
    for number in range(4):
        batch = toy_batch(number)
        torch.manual_seed(number)
        stepper.step(batch)
        torch.manual_seed(number)
        reference.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(plain(batch["images"]), batch["mask"]).backward()
        reference.step()
    for key, value in plain.state_dict().items():
        if key in CANCELLED:
            continue
        torch.testing.assert_close(task.network.state_dict()[key], value, rtol=1e-5, atol=1e-6)


def test_every_trainable_parameter_moves() -> None:
    stepper, task = _build()
    before = _parameters(task)
    stepper.step(toy_batch(0))
    for name, value in _parameters(task).items():
        assert not torch.equal(value, before[name]), name


def test_frozen_parameters_do_not_move() -> None:
    task = ToyTask(build_toy_network())
    task.network[0].requires_grad_(False)  # type: ignore[index]
    stepper, task = _build(task, weight_decay=0.5)
    before = _parameters(task)
    for number in range(3):
        stepper.step(toy_batch(number))
    after = _parameters(task)
    for name in before:
        assert torch.equal(before[name], after[name]) == name.startswith("0."), name


def test_a_part_with_nothing_to_train_is_refused() -> None:
    task = ToyTask(build_toy_network().requires_grad_(False))
    with pytest.raises(ValueError):
        _build(task)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_moves_nothing(poison: float) -> None:
    stepper, task = _build(schedule="one-cycle")
    stepper.step(toy_batch(0))
    before, rate, moments = _parameters(task), stepper.learning_rate, stepper.state()["optimizers"]["network"]["state"]
    moments = {number: {key: value.clone() for key, value in each.items()} for number, each in moments.items()}
    task.poison = poison
    with pytest.raises(DivergedError, match=naming("network", poison)) as refusal:
        stepper.step(toy_batch(1))
    assert isinstance(refusal.value, UserError)
    for name, value in _parameters(task).items():
        assert torch.equal(value, before[name]), name
    assert stepper.learning_rate == rate
    for number, each in stepper.state()["optimizers"]["network"]["state"].items():
        for key, value in each.items():
            assert torch.equal(value, moments[number][key])


def test_clipping_bounds_the_norm_of_the_gradient() -> None:
    moved = {}
    for clip in (0.0, 1e-3):
        stepper, task = _build(optimizer="sgd", momentum=0.0, learning_rate=1.0, gradient_clip=clip)
        before = _parameters(task)
        stepper.step(toy_batch(0))
        moved[clip] = torch.cat([(value - before[name]).flatten() for name, value in _parameters(task).items()])
    assert moved[1e-3].norm().item() == pytest.approx(1e-3, rel=1e-3)
    assert moved[0.0].norm() > 0.1
    assert torch.nn.functional.cosine_similarity(*moved.values(), dim=0).item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_one_cycle_steps_exactly_once_a_step(optimizer: str) -> None:
    steps = 12
    stepper, _ = _build(schedule="one-cycle", steps=steps, optimizer=optimizer, learning_rate=0.1)
    plain = nn.Parameter(torch.zeros(1))
    reference = torch.optim.SGD([plain], lr=0.1)
    cycle = torch.optim.lr_scheduler.OneCycleLR(reference, max_lr=0.1, total_steps=steps)
    for number in range(steps):
        assert stepper.learning_rate == reference.param_groups[0]["lr"]
        assert stepper.schedules["network"].last_epoch == number  # type: ignore[union-attr]
        stepper.step(toy_batch(number))
        stepper.end_epoch(1.0)
        reference.step()
        cycle.step()


def test_a_run_of_a_single_step_can_have_a_cycle() -> None:
    stepper, _ = _build(schedule="one-cycle", steps=1)
    stepper.step(toy_batch(0))


def test_plateau_looks_at_epochs_and_not_at_steps() -> None:
    stepper, _ = _build(schedule="plateau", plateau_patience=1, plateau_factor=0.1)
    for number in range(5):
        stepper.step(toy_batch(number))
    rates = []
    for loss in (1.0, 0.5, 0.6, 0.6, 0.6):
        stepper.end_epoch(loss)
        rates.append(stepper.learning_rate)
    assert rates == pytest.approx([0.02, 0.02, 0.02, 0.002, 0.002])


def test_a_constant_rate_stays() -> None:
    stepper, _ = _build()
    stepper.step(toy_batch(0))
    stepper.end_epoch(1.0)
    assert stepper.learning_rate == 0.02


class _Duel(ToyTask):
    """Two parts that pull against each other, as in a GAN; both losses depend on both parts."""

    def __init__(self) -> None:
        super().__init__(build_toy_network(0))
        self.other = build_toy_network(1)
        self.seen: list[dict[str, dict[str, torch.Tensor]]] = []

    def parts(self) -> dict[str, nn.Module]:
        return {"network": self.network, "other": self.other}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        self.network, self.other = parts["network"], parts["other"]

    def snapshot(self) -> None:
        parts = {"network": self.network, "other": self.other}
        self.seen.append(
            {key: {n: p.detach().clone() for n, p in part.named_parameters()} for key, part in parts.items()}
        )

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        for part in ("other", "network"):
            self.snapshot()
            yield PartLoss(self.other(self.network(batch["images"])).square().mean(), part, {f"extra_{part}": 1.0})
        self.snapshot()


def test_a_loss_moves_its_own_part_before_the_next_is_asked_for() -> None:
    task = _Duel()
    stepper, _ = _build(task)
    recorded = stepper.step(toy_batch(0))
    assert set(recorded) == {"loss_other", "loss_network", "extra_other", "extra_network"}
    start, between, end = task.seen

    def same(part: str, first: dict[str, dict[str, torch.Tensor]], second: dict[str, dict[str, torch.Tensor]]) -> bool:
        return all(torch.equal(value, second[part][name]) for name, value in first[part].items())

    assert same("network", start, between)
    assert not same("other", start, between)
    assert same("other", between, end)
    assert not same("network", between, end)
