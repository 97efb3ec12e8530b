"""Workers that are killed at random moments: the status is right, and the run goes on as if nothing had happened."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import equal

from core.experiments import find_experiment
from core.runs.control import extend, kill, resume
from core.runs.launcher import launch, wait
from core.runs.liveness import is_alive
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store import RunStore
from tests.runs.test_worker import until

pytestmark = [pytest.mark.xdist_group("queue"), pytest.mark.slow]

SAME = {"precision": "fp32", "memory_format": "contiguous", "device": "cpu", "seed": 5}
KINDS: dict[str, dict[str, Any]] = {
    "objects": {"epochs": 20, "per_class": 2, "batch_size": 16, "size": 32},
    "vessels": {"epochs": 10, "patch": 32, "patches": 4, "batch_size": 2, "validation": 0.4},
    "blots": {"epochs": 8},
}
PICTURES = {"objects": 250, "vessels": 6, "blots": 24}
KILLS = 5


only_vessels = pytest.mark.parametrize("slug", ["vessels"], indirect=True)


@pytest.fixture(scope="module", params=sorted(KINDS))
def slug(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def data(slug: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted") / slug
    find_experiment(slug).make_data(folder, n=PICTURES[slug], seed=1)
    return folder


def start(store: RunStore, slug: str, data: Path, **changes: Any) -> Run:
    values = KINDS[slug] | {key: value for key, value in SAME.items() if key != "seed"} | changes
    return launch(store, slug, find_experiment(slug).config(recipe="quick", data=str(data), seed=5, changes=values))


@pytest.fixture
def whole(store: RunStore, slug: str, data: Path) -> Iterator[Run]:
    """A run that nothing interrupted."""
    run = wait(store, start(store, slug, data).id)
    assert run.status == FINISHED, run.reason
    yield run


def _curves(store: RunStore, run: Run) -> dict[str, list[tuple[int, float]]]:
    keys = [key for key in store.metric_keys(run.id) if not key.endswith("seconds") and not key.startswith("system/")]
    return {key: [(step, value) for step, value, _ in store.history(run.id, key)] for key in keys}


def test_a_run_whose_worker_is_killed_again_and_again_ends_bit_for_bit_as_if_it_never_was(
    store: RunStore, slug: str, data: Path, whole: Run
) -> None:
    run = start(store, slug, data)
    chance, killed = random.Random(slug), 0
    for _ in range(KILLS):
        if chance.random() < 0.7:  # in the midst of training; else while it starts or reads its data
            until(store, run.id, lambda each: each.reason == "Training." or each.is_final)
        time.sleep(chance.uniform(0.0, 1.5))
        before = store.get(run.id)
        if before.is_final:
            break  # it was faster than the killer
        os.kill(before.worker["pid"], signal.SIGKILL)
        at = time.monotonic()
        dead = until(store, run.id, lambda each: each.is_final, seconds=12)
        assert time.monotonic() - at < 10
        assert (dead.status, dead.state) == (FAILED, "lost")
        assert "died" in dead.reason
        assert "SIGKILL" in dead.reason or "without a word" in dead.reason
        killed += 1
        resume(store, run.id)
    assert killed >= 4
    ended = until(store, run.id, lambda each: each.is_final)
    assert ended.status == FINISHED, ended.reason
    assert ended.attempt == killed + 1
    assert ended.best == whole.best
    assert ended.best_epoch == whole.best_epoch
    assert _curves(store, ended) == _curves(store, whole)
    weights = [load_file(store.folder(each.id) / "checkpoint/best/weights.safetensors") for each in (ended, whole)]
    assert weights[0].keys() == weights[1].keys()
    assert all(equal(weights[0][key], weights[1][key]) for key in weights[0])


@only_vessels
def test_a_run_that_was_killed_on_request_goes_on_and_can_be_stopped(store: RunStore, slug: str, data: Path) -> None:
    run = start(store, slug, data, epochs=500)
    until(store, run.id, lambda each: each.progress.epoch >= 1)
    ended = kill(store, run.id)
    assert ended.status == KILLED
    assert ended.reason.startswith("Killed on request.")
    assert not is_alive(ended.worker, unknown=True)
    resume(store, run.id)
    again = until(store, run.id, lambda each: each.progress.epoch > ended.progress.epoch)
    assert again.attempt == 2
    store.request_stop(run.id)
    assert until(store, run.id, lambda each: each.is_final).status == KILLED
    steps = [step for step, _, _ in store.history(run.id, "learning_rate")]
    assert steps == list(range(1, len(steps) + 1))


@only_vessels
def test_a_finished_run_and_one_under_way_are_prolonged(store: RunStore, slug: str, data: Path, whole: Run) -> None:
    epochs = KINDS[slug]["epochs"]
    assert extend(store, whole.id, 2).config["epochs"] == epochs + 2
    prolonged = until(store, whole.id, lambda each: each.is_final)
    assert prolonged.status == FINISHED, prolonged.reason
    assert prolonged.progress.epoch == epochs + 2
    assert [step for step, _, _ in store.history(whole.id, "learning_rate")] == list(range(1, epochs + 3))
    run = start(store, slug, data, epochs=500)
    until(store, run.id, lambda each: each.progress.epoch >= 1)
    extend(store, run.id, 3)
    until(store, run.id, lambda each: each.progress.epochs == 503)
    kill(store, run.id)
