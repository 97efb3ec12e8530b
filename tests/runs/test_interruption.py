"""Workers that are killed at random moments: the status is right, and the run goes on as if nothing had happened."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import equal

from core.experiments import find_experiment
from core.runs.control import extend, kill, resume
from core.runs.launcher import launch, wait
from core.runs.process.causes import last_words
from core.runs.process.liveness import is_alive
from core.runs.reaping import reap_run
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store.run_store import RunStore
from tests.runs.test_worker import PATIENCE, start, until
from tests.synthetic_sets import SyntheticSets

pytestmark = pytest.mark.slow

SAME = {"precision": "fp32", "memory_format": "contiguous", "device": "cpu"}
KINDS: dict[str, dict[str, Any]] = {
    "objects": {"epochs": 24, "per_class": 2, "batch_size": 16, "size": 32},
    "vessels": {"epochs": 10, "patch": 32, "patches": 4, "batch_size": 2, "validation": 0.4},
    "blots": {"epochs": 10},
}
PICTURES = {"objects": 250, "vessels": 6, "blots": 24}


def begin(store: RunStore, slug: str, data: Path) -> Run:
    config = find_experiment(slug).config(recipe="quick", data=str(data), seed=5, changes=KINDS[slug] | SAME)
    return launch(store, slug, config)


def curves(store: RunStore, run: Run) -> dict[str, list[tuple[int, float]]]:
    keys = [
        key
        for key in store.metrics.metric_keys(run.id)
        if not key.endswith("seconds") and not key.startswith("system/")
    ]
    return {key: [(step, value) for step, value, _ in store.metrics.history(run.id, key)] for key in keys}


def await_an_epoch(store: RunStore, run: Run) -> None:
    """Return as soon as a further epoch is on the disk: heartbeats tell that only every other second."""
    path = store.files.folder(run.id) / "checkpoint/last/state.pt"

    def written() -> int:
        return path.stat().st_mtime_ns if path.exists() else 0

    before, deadline = written(), time.monotonic() + PATIENCE
    while written() == before:
        assert time.monotonic() < deadline, last_words(store.files.log_path(run.id), 20)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("slug", "kills"),
    [("vessels", 3), *(pytest.param(slug, 5, marks=pytest.mark.exhaustive) for slug in sorted(KINDS))],
)
def test_a_run_whose_worker_is_killed_again_and_again_ends_bit_for_bit_as_if_it_never_was(
    slug: str, kills: int, store: RunStore, synthetic_sets: SyntheticSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEA_SLOTS", "2")
    data = synthetic_sets.of(slug, n=PICTURES[slug], seed=1, halved=slug == "vessels")
    whole, run = begin(store, slug, data), begin(store, slug, data)
    chance = random.Random(slug)
    for number in range(kills):
        until(store, run.id, lambda each: bool(each.worker))
        if number % 2 == 0:  # in the midst of training; else while it starts or reads its data
            await_an_epoch(store, run)
        time.sleep(chance.uniform(0.0, 0.3))
        os.kill(store.get(run.id).worker["pid"], signal.SIGKILL)
        at = time.monotonic()
        if number == 0:
            dead = until(store, run.id, lambda each: each.is_final, seconds=12)
            assert time.monotonic() - at < 10
            assert "SIGKILL" in dead.reason
        else:  # looked after at once, as a server does that finds it: found by silence, it is no other
            dead = until(store, run.id, lambda each: reap_run(store, each, patience=0.0).is_final, seconds=12)
            dead = store.get(run.id)
        assert (dead.status, dead.state) == (FAILED, "lost")
        resume(store, run.id)
    ended, whole = (until(store, each.id, lambda one: one.is_final) for each in (run, whole))
    assert ended.status == whole.status == FINISHED, (ended.reason, whole.reason)
    assert (ended.attempt, whole.attempt) == (kills + 1, 1)
    assert ended.best == whole.best
    assert ended.best_epoch == whole.best_epoch
    assert curves(store, ended) == curves(store, whole)
    weights = [
        load_file(store.files.folder(each.id) / "checkpoint/best/weights.safetensors") for each in (ended, whole)
    ]
    assert weights[0].keys() == weights[1].keys()
    assert all(equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_run_that_was_killed_on_request_goes_on_and_can_be_stopped(store: RunStore, drive: Path) -> None:
    run = start(store, drive, epochs=500)
    until(store, run.id, lambda each: each.progress.epoch >= 1)
    ended = kill(store, run.id)
    assert (ended.status, ended.state, ended.killed) == (KILLED, "stopped", True)
    assert ended.best_epoch >= 1
    assert str(ended.best_epoch) in ended.reason
    assert not is_alive(ended.worker, unknown=True)
    resume(store, run.id)
    again = until(store, run.id, lambda each: each.progress.epoch > ended.progress.epoch)
    assert again.attempt == 2
    store.request_stop(run.id)
    assert until(store, run.id, lambda each: each.is_final).status == KILLED
    steps = [step for step, _, _ in store.metrics.history(run.id, "learning_rate")]
    assert steps == list(range(1, len(steps) + 1))


def test_a_finished_run_and_one_under_way_are_prolonged(store: RunStore, drive: Path) -> None:
    whole = wait(store, start(store, drive, epochs=2).id)
    assert whole.status == FINISHED, whole.reason
    assert extend(store, whole.id, 2).config["epochs"] == 4
    prolonged = until(store, whole.id, lambda each: each.is_final)
    assert prolonged.status == FINISHED, prolonged.reason
    assert prolonged.progress.epoch == 4
    assert [step for step, _, _ in store.metrics.history(whole.id, "learning_rate")] == [1, 2, 3, 4]
    run = start(store, drive, epochs=500)
    until(store, run.id, lambda each: each.progress.epoch >= 1)
    extend(store, run.id, 3)
    until(store, run.id, lambda each: each.progress.epochs == 503)
    kill(store, run.id)
