"""Real workers in processes of their own, on six synthetic photographs."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.engine.checkpoint import load_card
from core.experiments import find_experiment
from core.runs.launcher import launch, wait
from core.runs.process.causes import last_words
from core.runs.queue import place_of
from core.runs.reaping import reap_run
from core.runs.run import FAILED, FINISHED, KILLED, RUNNING, Run
from core.runs.store.run_store import RunStore
from tests.runs.processes import await_end, begin

TINY = {"epochs": 2, "patch": 32, "patches": 2, "batch_size": 2, "validation": 0.4, "precision": "fp32",
        "memory_format": "contiguous"}  # fmt: skip

PATIENCE = 240.0
"""Seconds for what comes by itself, sooner or later: workers of other tests may be starting on the same two cores."""

pytestmark = pytest.mark.slow


def start(store: RunStore, drive: Path, **changes: Any) -> Run:
    config = find_experiment("vessels").config(recipe="quick", data=str(drive), changes=TINY | changes)
    return launch(store, "vessels", config)


def until(store: RunStore, run_id: str, condition: Any, seconds: float = PATIENCE) -> Run:
    """Wait as a server does that looks after dead workers meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition(run := reap_run(store, store.get(run_id))):
        told = last_words(store.files.log_path(run_id), 20)
        assert time.monotonic() < deadline, f"still {run.state}: {run.reason}\n{told}"
        time.sleep(0.1)
    return run


def test_a_run_is_trained_and_recorded_whole_and_mlflow_itself_sees_it(
    store: RunStore, home: Path, drive: Path
) -> None:
    run = wait(store, start(store, drive).id)
    assert run.status == FINISHED, run.reason
    assert 0 <= run.best["dice"] <= 1
    assert 0 < run.best["roc_auc"] < 1
    assert run.progress.step == run.progress.steps == 2 * 2
    assert len(store.metrics.history(run.id, "step/loss")) == 4
    assert [step for step, _, _ in store.metrics.history(run.id, "val/dice")] == [1, 2]
    assert len(run.facts["fingerprint"]) == 16
    assert "torch " in run.facts["packages"]
    assert sorted(each.name for each in (store.files.folder(run.id) / "pictures").iterdir()) == ["00001", "00002"]
    card = json.loads((store.files.folder(run.id) / "checkpoint" / "best" / "card.json").read_text())
    assert card["config"] == dict(run.config)
    assert card["epoch"] == run.best_epoch
    assert "epoch 2" in store.files.log_path(run.id).read_text()
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        status = database.execute("select status from runs where run_uuid = ?", (run.id,)).fetchone()
        params = dict(database.execute("select key, value from params where run_uuid = ?", (run.id,)))
    assert status == ("FINISHED",)
    assert params["learning_rate"] == str(run.config["learning_rate"])


def test_a_stop_keeps_the_best_epoch(store: RunStore, drive: Path) -> None:
    run = start(store, drive, epochs=500)
    until(store, run.id, lambda each: each.progress.epoch > 1)
    store.request_stop(run.id)
    ended = until(store, run.id, lambda each: each.is_final)
    assert (ended.status, ended.state) == (KILLED, "stopped")
    assert 1 <= ended.best_epoch <= ended.progress.epoch < 500
    assert str(ended.best_epoch) in ended.reason
    assert load_card(store.files.folder(run.id) / "checkpoint" / "best")["epoch"] == ended.best_epoch


def test_a_second_run_waits_for_the_first_and_can_be_cancelled_there(
    store: RunStore, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEA_SLOTS", "1")
    first = start(store, drive, epochs=500)
    until(store, first.id, lambda each: each.status == RUNNING)
    second, third = start(store, drive), start(store, drive)
    assert [each.state for each in (second, third)] == ["queued", "queued"]
    assert [place_of(store.get(each.id), store.runs()) for each in (second, third)] == [1, 2]
    assert store.request_stop(second.id).status == KILLED
    store.request_stop(first.id)
    assert until(store, third.id, lambda each: each.is_final).status == FINISHED
    assert store.get(first.id).ended <= store.get(third.id).started  # type: ignore[operator]


def test_a_stored_config_that_was_spoilt_fails_in_words(store: RunStore, drive: Path) -> None:
    values = find_experiment("vessels").config(recipe="quick", data=str(drive), changes=TINY).as_values()
    run = store.create("vessels", values | {"epochs": -3})
    assert main(["work", run.id]) != 0
    failed = store.get(run.id)
    assert failed.status == FAILED
    assert "epochs" in failed.reason
    assert "-3" in failed.reason
    assert "10000" in failed.reason


def test_a_data_set_that_vanished_fails_in_words(store: RunStore, tmp_path: Path) -> None:
    values = find_experiment("vessels").config(recipe="quick", data=str(tmp_path / "gone"), changes=TINY).as_values()
    run = store.create("vessels", values)
    assert main(["work", run.id]) != 0
    assert store.get(run.id).status == FAILED
    assert str(tmp_path / "gone") in store.get(run.id).reason
    assert "Traceback" not in store.get(run.id).reason


def test_a_run_whose_log_cannot_take_another_byte_is_recorded_as_failed(
    store: RunStore, drive: Path, tmp_path: Path
) -> None:
    values = find_experiment("vessels").config(recipe="quick", data=str(drive), changes=TINY).as_values()
    run = store.create("vessels", values)
    worker = begin(["work", run.id], Path("/dev/full"), tmp_path / "exit")  # every write there is refused: no room
    await_end(worker)
    dead = store.get(run.id)
    assert (dead.status, dead.state) == (FAILED, "failed")
    assert "FOVEA_HOME" in dead.reason, "the remedy of a full disk"
