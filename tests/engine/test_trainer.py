import itertools
import math
import random
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.engine.checkpoint import load_card, load_state, load_weights
from core.engine.divergence import RunawayWatch
from core.engine.pace import Pace
from core.engine.score import Score
from core.engine.stepper import DivergedError
from core.engine.task import Batch, PartLoss
from core.engine.trainer import BEST, LAST, REMEDY, Trainer
from tests.engine.toy import FixedScoresTask, ToyScores, ToyTask, build_toy_data, build_toy_network, build_trainer
from tests.messages import naming

STEPS = 5


def _weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in trainer.stepper.unwrapped()["network"].state_dict().items()}


def _stored(folder: Path) -> dict[str, torch.Tensor]:
    network = build_toy_network(99)
    load_weights(folder, {"network": network})
    return network.state_dict()


def _assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


def _told(folder: Path, scores: list[float], **knobs: object) -> Trainer:
    trainer, _ = build_trainer(
        folder, task=FixedScoresTask(build_toy_network(), scores), epochs=len(scores), **knobs
    )  # fmt: skip
    return trainer


def test_a_run_learns_and_tells_every_step_and_epoch(tmp_path: Path) -> None:
    trainer, recorder = build_trainer(tmp_path, epochs=8)
    outcome = trainer.fit()
    assert (outcome.ending, outcome.epoch) == ("finished", 8)
    assert list(recorder.steps) == list(range(1, 8 * STEPS + 1))
    assert list(recorder.epochs) == list(range(1, 9))
    assert recorder.epochs[8]["train/loss"] < recorder.epochs[1]["train/loss"]
    assert recorder.epochs[8]["val/accuracy"] > recorder.epochs[1]["val/accuracy"]
    assert [each.name for each in recorder.pictures[1]] == ["sample", "sample"]
    losses = [recorder.steps[step]["loss"] for step in range(1, STEPS + 1)]
    assert recorder.epochs[1]["train/loss"] == pytest.approx(np.mean(losses))


STOPS = (2 * STEPS, 2 * STEPS + 1, 3 * STEPS - 1)
SCHEDULES = ("constant", "one-cycle", "plateau")
OPTIMIZERS = (("adamw", 0.0), ("sgd", 0.0), ("adamw", 0.9))


def _stops() -> list[Any]:
    """Return every schedule with every optimiser, average and stop; by default each goes once, in other company."""
    return [
        pytest.param(
            SCHEDULES[schedule], *OPTIMIZERS[optimizer], STOPS[stop],
            marks=() if schedule == optimizer == stop else pytest.mark.exhaustive,
        )
        for schedule, optimizer, stop in itertools.product(range(3), repeat=3)
    ]  # fmt: skip


@pytest.mark.parametrize(("schedule", "optimizer", "average", "stop_after"), _stops())
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    tmp_path: Path, schedule: str, optimizer: str, average: float, stop_after: int
) -> None:
    knobs = {"schedule": schedule, "optimizer": optimizer, "plateau_patience": 0, "gradient_clip": 1.0, "seed": 5}
    knobs |= {"average": average}
    whole, told = build_trainer(tmp_path / "whole", **knobs)
    expected = whole.fit()

    first, _ = build_trainer(tmp_path / "parts", stop_after=stop_after, **knobs)
    assert first.fit().ending == "stopped"
    second, told_again = build_trainer(tmp_path / "parts", task=ToyTask(build_toy_network(1)), **knobs)
    torch.manual_seed(1234)
    outcome = second.fit(resume=True)

    _assert_same(_weights(whole), _weights(second))
    _assert_same(_stored(tmp_path / "whole" / BEST), _stored(tmp_path / "parts" / BEST))
    assert outcome.best == expected.best
    assert told_again.epochs == {epoch: told.epochs[epoch] for epoch in (3, 4)}
    assert told_again.steps == {step: values for step, values in told.steps.items() if step > 2 * STEPS}


def test_every_epoch_draws_its_own_examples(tmp_path: Path) -> None:
    build_trainer(tmp_path, stop_after=STEPS)[0].fit()
    trainer, _ = build_trainer(tmp_path, epochs=3)
    trainer.fit(resume=True)
    asked = trainer.data.training.dataset.asked  # type: ignore[attr-defined]
    assert [epoch for epoch, _ in asked] == [1] * 4 * STEPS + [2] * 4 * STEPS
    assert len(set(asked)) == len(asked)


def test_resuming_what_never_began_begins(tmp_path: Path) -> None:
    first, _ = build_trainer(tmp_path / "a")
    second, _ = build_trainer(tmp_path / "b")
    first.fit()
    second.fit(resume=True)
    _assert_same(_weights(first), _weights(second))


def test_resuming_what_is_done_changes_nothing(tmp_path: Path) -> None:
    first, _ = build_trainer(tmp_path)
    expected = first.fit()
    second, recorder = build_trainer(tmp_path)
    outcome = second.fit(resume=True)
    assert (outcome.ending, outcome.best) == ("finished", expected.best)
    assert recorder.steps == {}
    _assert_same(_weights(first), _weights(second))


def test_an_extended_one_cycle_follows_the_longer_cycle(tmp_path: Path) -> None:
    short, _ = build_trainer(tmp_path / "a", epochs=2, schedule="one-cycle")
    short.fit()
    longer, recorder = build_trainer(tmp_path / "a", epochs=4, schedule="one-cycle")
    assert longer.fit(resume=True).ending == "finished"
    whole, told = build_trainer(tmp_path / "b", epochs=4, schedule="one-cycle")
    whole.fit()
    rates = {step: values["learning_rate"] for step, values in told.steps.items() if step > 2 * STEPS}
    assert {step: values["learning_rate"] for step, values in recorder.steps.items()} == pytest.approx(rates)


def test_a_shortened_run_that_is_already_past_its_end_ends(tmp_path: Path) -> None:
    build_trainer(tmp_path, epochs=4, schedule="one-cycle")[0].fit()
    shorter, _ = build_trainer(tmp_path, epochs=2, schedule="one-cycle")
    assert shorter.fit(resume=True).ending == "finished"


def test_a_stop_in_the_first_epoch_keeps_the_weights_of_the_moment(tmp_path: Path) -> None:
    trainer, recorder = build_trainer(tmp_path, stop_after=2)
    outcome = trainer.fit()
    assert (outcome.ending, outcome.epoch, outcome.best.epoch) == ("stopped", 0, 0)
    assert list(recorder.steps) == [1, 2]
    assert outcome.best.scores["accuracy"] > 0
    _assert_same(_weights(trainer), _stored(tmp_path / BEST))


def test_a_stop_later_keeps_the_best_epoch(tmp_path: Path) -> None:
    trainer, recorder = build_trainer(tmp_path, stop_after=2 * STEPS + 2)
    outcome = trainer.fit()
    assert (outcome.ending, outcome.epoch) == ("stopped", 2)
    assert max(recorder.steps) == 2 * STEPS + 2
    assert load_card(tmp_path / BEST)["epoch"] == outcome.best.epoch
    assert load_state(tmp_path / LAST)["epoch"] == 2  # type: ignore[index]


def test_a_stop_at_the_last_step_of_an_epoch_does_not_lose_the_epoch(tmp_path: Path) -> None:
    trainer, recorder = build_trainer(tmp_path, stop_after=STEPS)
    outcome = trainer.fit()
    assert (outcome.ending, outcome.epoch) == ("stopped", 1)
    assert max(recorder.steps) == STEPS
    assert list(recorder.epochs) == [1]


def test_the_best_epoch_is_kept_and_not_the_last(tmp_path: Path) -> None:
    trainer = _told(tmp_path, [0.3, 0.7, 0.5])
    kept: dict[int, dict[str, torch.Tensor]] = {}
    recorder: Any = trainer.recorder  # of each epoch is told first when it has been validated
    recorder.on_progress = lambda progress: kept.setdefault(progress.epoch, _weights(trainer))
    outcome = trainer.fit()
    assert (outcome.best.epoch, outcome.best.scores["accuracy"]) == (2, 0.7)
    _assert_same(_stored(tmp_path / BEST), kept[2])
    assert [(epoch, scores["accuracy"]) for epoch, scores in recorder.best] == [(1, 0.3), (2, 0.7)]
    card = load_card(tmp_path / BEST)
    assert (card["epoch"], card["validation"]["accuracy"], card["config"]["epochs"]) == (2, 0.7, 3)


def test_an_equal_score_does_not_replace_the_earlier_epoch(tmp_path: Path) -> None:
    assert _told(tmp_path, [0.5, 0.5]).fit().best.epoch == 1


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    outcome = _told(tmp_path, [0.1, 0.6, 0.5, 0.6, 0.7, 0.8], patience=2).fit()
    assert (outcome.ending, outcome.epoch, outcome.best.epoch) == ("early", 4, 2)


def test_an_improvement_renews_the_patience(tmp_path: Path) -> None:
    outcome = _told(tmp_path, [0.1, 0.0, 0.2, 0.1, 0.3, 0.2], patience=2).fit()
    assert (outcome.ending, outcome.epoch, outcome.best.epoch) == ("finished", 6, 5)


def test_a_score_that_is_not_a_number_is_kept_only_until_there_is_one(tmp_path: Path) -> None:
    nan = float("nan")
    assert _told(tmp_path / "a", [nan, nan]).fit().best.epoch == 1
    assert _told(tmp_path / "b", [nan, 0.2, nan]).fit().best.epoch == 2


class _ToldTask(FixedScoresTask):
    """Scores and loses what it is told, epoch by epoch."""

    def __init__(self, told: list[tuple[float, float]]) -> None:
        super().__init__(build_toy_network(), [score for score, _ in told])
        self.losses_told = iter([loss for _, loss in told])

    def evaluate(self, batch: Batch, scores: ToyScores) -> torch.Tensor:
        is_first = not scores.right
        images = super().evaluate(batch, scores)
        if is_first:
            scores.losses[-1] = next(self.losses_told)
        return images


@pytest.mark.parametrize(
    ("told", "best"),
    [([(math.nan, 3.0), (math.nan, 1.0), (math.nan, 2.0)], 2), ([(math.nan, 1.0), (0.1, 9.0), (math.nan, 0.5)], 2),
     ([(math.nan, math.nan), (math.nan, 2.0)], 2), ([(math.nan, 1.0), (math.nan, math.nan)], 1),
     ([(0.5, 3.0), (math.nan, 1.0)], 1), ([(math.nan, 1.0), (0.2, 5.0), (0.4, 6.0)], 3)],
)  # fmt: skip
def test_where_no_epoch_has_a_score_the_lowest_loss_decides_and_that_is_said(
    tmp_path: Path, told: list[tuple[float, float]], best: int
) -> None:
    trainer, _ = build_trainer(tmp_path, task=_ToldTask(told), epochs=len(told))
    outcome = trainer.fit()
    assert outcome.best.epoch == best
    assert ("Accuracy" in outcome.note and "loss" in outcome.note) == all(math.isnan(score) for score, _ in told)
    assert bool(outcome.note) == all(math.isnan(score) for score, _ in told)


def test_without_a_validation_split_the_last_epoch_is_kept(tmp_path: Path) -> None:
    trainer, recorder = build_trainer(tmp_path, data=build_toy_data(validation=0), epochs=3, patience=1)
    outcome = trainer.fit()
    assert (outcome.ending, outcome.best.epoch, outcome.best.scores) == ("finished", 3, {})
    assert set(recorder.epochs[3]) == {"train/loss", "learning_rate"}
    _assert_same(_weights(trainer), _stored(tmp_path / BEST))


def test_validation_leaves_batch_statistics_alone(tmp_path: Path) -> None:
    trainer, _ = build_trainer(tmp_path)
    before = _weights(trainer)
    trainer.evaluate()
    _assert_same(before, _weights(trainer))
    assert not any(part.training for part in trainer.stepper.parts.values())


def test_progress_counts_up_and_the_time_left_down_to_nothing(tmp_path: Path) -> None:
    trainer, recorder = build_trainer(tmp_path)
    trainer.fit()
    steps = [each.step for each in recorder.progress]
    assert steps == sorted(steps)
    assert {each.steps for each in recorder.progress} == {4 * STEPS}
    assert recorder.progress[-1].seconds_left == 0
    assert all(each.seconds_left is not None and each.seconds_left >= 0 for each in recorder.progress)


def test_a_resumed_run_judges_its_pace_by_its_own_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_trainer(tmp_path, stop_after=3 * STEPS)[0].fit()
    trainer, recorder = build_trainer(tmp_path)
    ticks = iter(range(10_000))
    monkeypatch.setattr("core.engine.trainer.time.perf_counter", lambda: float(next(ticks)))
    trainer.fit(resume=True)
    first = recorder.progress[0]
    assert first.step == 3 * STEPS + 1
    assert first.seconds_left is not None
    assert first.seconds_left < 10 * (STEPS - 1)  # a few ticks a step, not the three epochs before


def test_the_time_left_counts_validation_and_follows_the_pace_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("core.engine.pace.time.perf_counter", lambda: now[0])
    pace = Pace()
    assert pace.seconds_left(30, 3) is None
    for epoch in range(3):
        pace.begin_epoch()
        for step in range(10):
            now[0] += 60.0 if epoch == step == 0 else 2.0  # the first step warms up
            pace.end_step()
        now[0] += 5.0
        pace.end_epoch()
        assert pace.seconds_left(10 * (2 - epoch), 2 - epoch) == pytest.approx((10 * 2.0 + 5.0) * (2 - epoch))


def test_the_time_left_after_the_first_epoch_is_right_within_a_fifth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that only the task's own work moves: other programs' pauses are not what is asked here."""
    task = SlowTask(build_toy_network())
    monkeypatch.setattr(time, "perf_counter", lambda: task.now)
    trainer, recorder = build_trainer(tmp_path, task=task, epochs=8)
    told = []
    recorder.on_progress = lambda progress: told.append((task.now, progress))
    trainer.fit()
    after_first = [(task.now - at, each.seconds_left) for at, each in told if STEPS < each.step <= 6 * STEPS]
    assert len(after_first) > 20
    for true, said in after_first:
        assert said == pytest.approx(true, rel=0.2)


chance = random.Random(0)


class SlowTask(ToyTask):
    """Takes 16 to 24 ms for a step and 60 ms for a validation, by its own clock."""

    now = 1000.0

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        self.now += chance.uniform(0.016, 0.024)
        yield from super().losses(batch)

    def new_scores(self) -> ToyScores:
        self.now += 0.06
        return super().new_scores()


@pytest.mark.parametrize(("poison", "named"), [
    (float("nan"), ("network", "nan", 8, 2)),
    (1e4, (41, 9)),
])  # fmt: skip
def test_a_loss_that_leaves_the_numbers_or_runs_away_ends_the_training_and_says_where(
    poison: float, named: tuple[object, ...], tmp_path: Path
) -> None:
    task = ToyTask(build_toy_network())
    trainer, recorder = build_trainer(tmp_path, task=task, epochs=20)
    trainer.data = replace(trainer.data, names=("a.png", "b.png"))
    at = 7 if math.isnan(poison) else 40
    recorder.on_progress = lambda progress: setattr(task, "poison", poison if progress.step >= at else 1.0)
    with pytest.raises(DivergedError) as refusal:
        trainer.fit()
    assert re.match(naming(*named, 0.02), str(refusal.value))  # step, epoch, learning rate
    assert re.search(r"\b[ab]\.png\b", str(refusal.value))
    assert str(refusal.value).endswith(REMEDY)
    assert load_card(tmp_path / BEST)["epoch"] >= 1


def test_a_loss_that_only_rises_again_does_not_run_away() -> None:
    watch = RunawayWatch()
    losses = [1.0] * 30 + [0.01] * 50 + [2.0] * 50 + [float(step % 40) / 5 for step in range(400)]
    assert not any(watch.runs_away(loss) for loss in losses)
    assert not any(RunawayWatch().runs_away(0.0) for _ in range(50))


def test_seconds_add_up_over_a_resume(tmp_path: Path) -> None:
    before = build_trainer(tmp_path, stop_after=2 * STEPS)[0].fit().seconds
    stored = load_state(tmp_path / LAST)
    assert stored is not None
    assert 0 < stored["seconds"] <= before
    assert build_trainer(tmp_path)[0].fit(resume=True).seconds > stored["seconds"]


def test_the_seed_decides_the_run(tmp_path: Path) -> None:
    runs = [build_trainer(tmp_path / str(number), seed=seed)[0] for number, seed in enumerate((0, 0, 1))]
    for trainer in runs:
        trainer.fit()
    _assert_same(_weights(runs[0]), _weights(runs[1]))
    assert not torch.equal(_weights(runs[0])["0.weight"], _weights(runs[2])["0.weight"])


@pytest.mark.parametrize(("higher", "value", "than", "expected"), [
    (True, 0.5, None, True), (True, 0.5, 0.4, True), (True, 0.5, 0.5, False), (False, 0.5, 0.6, True),
    (False, 0.5, 0.4, False), (True, float("nan"), None, False), (True, 0.1, float("nan"), True),
])  # fmt: skip
def test_scores_know_their_direction(higher: bool, value: float, than: float | None, expected: bool) -> None:
    assert Score("s", "S", "", higher).is_better(value, than) is expected


def test_the_network_of_the_task_is_the_one_that_is_trained(tmp_path: Path) -> None:
    network = build_toy_network()
    task = ToyTask(network)
    trainer, _ = build_trainer(tmp_path, task=task)
    before = _weights(trainer)
    trainer.fit()
    assert isinstance(task.network, nn.Module)
    assert not torch.equal(before["0.weight"], task.network.state_dict()["0.weight"])
