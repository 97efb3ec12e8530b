"""Real workers in processes of their own, on six synthetic photographs."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.experiments import find_experiment
from core.paths import PROJECT
from core.runs.launcher import launch, wait
from core.runs.queue import place_of
from core.runs.run import FAILED, FINISHED, KILLED, RUNNING, Run
from core.runs.store import RunStore

TINY = {"epochs": 2, "patch": 32, "patches": 2, "batch_size": 2, "validation": 0.4, "precision": "fp32",
        "memory_format": "contiguous"}  # fmt: skip

PATIENCE = 240.0
"""Seconds for what comes by itself, sooner or later: workers of other tests may be starting on the same two cores."""

pytestmark = pytest.mark.xdist_group("workers")


def start(store: RunStore, drive: Path, **changes: Any) -> Run:
    config = find_experiment("vessels").config(recipe="quick", data=str(drive), changes=TINY | changes)
    return launch(store, "vessels", config)


def until(store: RunStore, run_id: str, condition: Any, seconds: float = PATIENCE) -> Run:
    deadline = time.monotonic() + seconds
    while not condition(run := store.get(run_id)):
        assert time.monotonic() < deadline, f"still {run.state}: {run.reason}\n{store.last_words(run_id, 20)}"
        time.sleep(0.2)
    return run


def test_a_run_is_trained_and_recorded_whole(store: RunStore, drive: Path) -> None:
    run = wait(store, start(store, drive).id)
    assert run.status == FINISHED, run.reason
    assert 0 <= run.best["dice"] <= 1
    assert 0 < run.best["roc_auc"] < 1
    assert run.progress.step == run.progress.steps == 2 * 2
    assert len(store.history(run.id, "step/loss")) == 4
    assert [step for step, _, _ in store.history(run.id, "val/dice")] == [1, 2]
    assert len(run.facts["fingerprint"]) == 16
    assert "torch " in run.facts["packages"]
    assert sorted(each.name for each in (store.folder(run.id) / "pictures").iterdir()) == ["00001", "00002"]
    card = json.loads((store.folder(run.id) / "checkpoint" / "best" / "card.json").read_text())
    assert card["config"] == dict(run.config)
    assert card["epoch"] == run.best_epoch
    assert "epoch 2" in store.log_path(run.id).read_text()


def test_a_stop_keeps_what_there_is(store: RunStore, drive: Path) -> None:
    run = start(store, drive, epochs=500)
    until(store, run.id, lambda each: each.progress.step > 1)
    store.request_stop(run.id)
    ended = until(store, run.id, lambda each: each.is_final)
    assert ended.status == KILLED
    assert "Stopped on request" in ended.reason
    assert (store.folder(run.id) / "checkpoint" / "best" / "weights.safetensors").is_file()


def test_a_killed_worker_is_not_shown_as_running(store: RunStore, drive: Path) -> None:
    run = start(store, drive, epochs=500)
    until(store, run.id, lambda each: each.progress.step > 1)
    os.kill(store.get(run.id).worker["pid"], signal.SIGKILL)
    killed = time.monotonic()
    ended = until(store, run.id, lambda each: each.is_final, seconds=15)
    assert ended.status == FAILED
    assert time.monotonic() - killed < 10
    assert "died" in ended.reason


def test_a_second_run_waits_for_the_first_and_can_be_cancelled_there(store: RunStore, drive: Path) -> None:
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
    ended = subprocess.run([sys.executable, "-m", "core", "work", run.id], cwd=PROJECT, check=False)
    assert ended.returncode != 0
    assert store.get(run.id).status == FAILED
    assert "epochs was given as -3" in store.get(run.id).reason


def test_a_data_set_that_vanished_fails_in_words(store: RunStore, tmp_path: Path) -> None:
    values = find_experiment("vessels").config(recipe="quick", data=str(tmp_path / "gone"), changes=TINY).as_values()
    run = store.create("vessels", values)
    subprocess.run([sys.executable, "-m", "core", "work", run.id], cwd=PROJECT, check=False)
    assert "There is no folder" in store.get(run.id).reason


def test_a_run_whose_log_cannot_take_another_byte_is_recorded_as_failed(store: RunStore, drive: Path) -> None:
    values = find_experiment("vessels").config(recipe="quick", data=str(drive), changes=TINY).as_values()
    run = store.create("vessels", values)
    with Path("/dev/full").open("wb") as log:  # every write to it is refused for want of room
        words = [sys.executable, "-m", "core", "work", run.id]
        subprocess.run(
            words, cwd=PROJECT, stdout=log, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"}, check=False
        )
    dead = store.get(run.id)
    assert (dead.status, dead.state) == (FAILED, "failed")
    assert dead.reason.startswith("The disk is full.")


def test_mlflow_itself_sees_the_same_run(store: RunStore, store_home: Path, drive: Path) -> None:
    run = wait(store, start(store, drive, epochs=1).id)
    with sqlite3.connect(store_home / "mlflow.db") as database:
        status = database.execute("select status from runs where run_uuid = ?", (run.id,)).fetchone()
        params = dict(database.execute("select key, value from params where run_uuid = ?", (run.id,)))
    assert status == ("FINISHED",)
    assert params["learning_rate"] == str(run.config["learning_rate"])
