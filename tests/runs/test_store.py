import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from mlflow.entities import RunTag
from mlflow.tracking import MlflowClient

from core.cli import main
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.process.liveness import identify, this_process
from core.runs.reaping import reap_run
from core.runs.run import FAILED, FINISHED, KILLED, RUNNING, SCHEDULED, Progress
from core.runs.store.run_store import RunStore
from tests.runs.processes import await_end, begin

CONFIG = find_experiment("vessels").config(recipe="quick").as_values()


def started(store: RunStore) -> str:
    run = store.create("vessels", CONFIG)
    store.claim(run.id)
    store.start(run.id)
    return run.id


def test_a_new_run_waits_with_its_whole_config(store: RunStore) -> None:
    run = store.create("vessels", CONFIG)
    assert run.status == SCHEDULED
    assert dict(run.config) == CONFIG
    assert find_experiment("vessels").read_config(run.config).as_values() == CONFIG


@pytest.mark.parametrize("first", [FINISHED, FAILED, KILLED])
def test_a_final_run_cannot_move(store: RunStore, first: str) -> None:
    run_id = started(store)
    store.finish(run_id, first, "the first reason")
    for other in (FINISHED, FAILED, KILLED):
        store.finish(run_id, other, "another reason")
    run = store.get(run_id)
    assert (run.status, run.reason) == (first, "the first reason")


def test_a_run_is_found_by_the_beginning_of_its_id(store: RunStore) -> None:
    run = store.create("vessels", CONFIG)
    assert store.get(run.short_id).id == run.id


@pytest.mark.parametrize("unknown", ["", "zzzz", "0" * 32])
def test_an_unknown_run_is_one_sentence(store: RunStore, unknown: str) -> None:
    with pytest.raises(UserError, match="core runs"):
        store.get(unknown)


def test_a_stop_is_a_request_that_the_next_heartbeat_brings(store: RunStore) -> None:
    run_id = started(store)
    assert store.beat(run_id, Progress(step=1)).stop is False
    assert store.request_stop(run_id).state == "stopping"
    assert store.get(run_id).status == RUNNING
    assert store.beat(run_id, Progress(step=2)).stop is True


def test_an_ended_run_cannot_be_stopped(store: RunStore) -> None:
    run_id = started(store)
    store.finish(run_id, FINISHED, "done")
    with pytest.raises(UserError, match=run_id[:8]):
        store.request_stop(run_id)


def test_a_run_is_taken_once(store: RunStore) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        run = store.create("vessels", CONFIG)
        store.name_worker(run.id, identify(psutil.Process(sleeper.pid)))
        with pytest.raises(UserError, match=str(sleeper.pid)):
            store.claim(run.id)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert store.claim(run.id).worker == this_process()


def test_a_dead_worker_is_found_by_its_silence(store: RunStore) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    run_id = started(store)
    store.name_worker(run_id, identify(psutil.Process(sleeper.pid)))
    time.sleep(0.3)
    assert reap_run(store, store.get(run_id), patience=0.2).status == RUNNING, "silent, but alive"
    sleeper.kill()
    sleeper.wait()
    store.files.log_path(run_id).parent.mkdir(parents=True, exist_ok=True)
    store.files.log_path(run_id).write_text("the last line\n")
    assert reap_run(store, store.get(run_id), patience=60).status == RUNNING, "not silent for long enough"
    assert store.get(run_id).status == RUNNING, "who reads changes nothing"
    run = reap_run(store, store.get(run_id), patience=0.2)
    assert run == store.get(run_id)
    assert run.status == FAILED
    assert "the last line" in run.reason


def test_the_number_of_a_dead_process_given_to_another_is_not_the_worker(store: RunStore) -> None:
    run_id = started(store)
    store.name_worker(run_id, this_process() | {"since": 1.0})
    assert os.getpid() == this_process()["pid"]
    assert reap_run(store, store.get(run_id), patience=0.0).status == FAILED


def test_histories_come_back_whole_and_in_order(store: RunStore) -> None:
    run_id = started(store)
    store.metrics.log_points(run_id, [("step/loss", (step, 1 / step, time.time())) for step in range(2500, 0, -1)])
    history = store.metrics.history(run_id, "step/loss")
    assert [step for step, _, _ in history] == list(range(1, 2501))
    assert history[3][1] == pytest.approx(0.25)
    assert store.metrics.metric_keys(run_id) == ["step/loss"]


def test_runs_are_listed_newest_first_by_experiment(store: RunStore) -> None:
    first = store.create("vessels", CONFIG)
    time.sleep(0.01)
    second = store.create("vessels", CONFIG)
    assert [run.id for run in store.runs(slug="vessels")] == [second.id, first.id]
    assert store.runs(slug="another") == []


def test_a_new_home_can_be_opened_by_several_processes_at_once(tmp_path: Path) -> None:
    told = [tmp_path / f"{number}.json" for number in range(3)]
    started = [begin(["runs", "--json"], each, tmp_path / "exit", FOVEA_HOME=str(tmp_path / "new")) for each in told]
    for each in started:
        await_end(each)
    assert [each.read_text().splitlines()[-1] for each in told] == ["[]"] * 3


@pytest.mark.parametrize("uri", ["postgresql://x", "mysql://x", "nonsense://x", "http://[", "sqlite:x", "sqlite://h/x"])
def test_a_tracking_store_that_cannot_be_opened_is_one_sentence(
    uri: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert main(["runs"]) == 2
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1, told
    assert "store of runs" in told


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOVEA_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(UserError, match="FOVEA_HOME"):
        RunStore()


def test_cancelling_what_waits_to_go_on_leaves_it_as_it_was(store: RunStore) -> None:
    run_id = started(store)
    store.beat(run_id, Progress(step=8, steps=8, epoch=4, epochs=4))
    store.finish(run_id, FINISHED, "All 4 epochs are done.")
    before = store.get(run_id)
    for epochs in (None, before.epochs + 3):
        waiting = store.reopen(run_id, epochs=epochs)
        assert (waiting.status, waiting.epochs) == (SCHEDULED, epochs or before.epochs)
        assert waiting.share_done < 1 or epochs is None
        assert store.request_stop(run_id) == before
    again = store.reopen(run_id)
    assert again.attempt == before.attempt + 1
    assert store.mark_killed(run_id) == before


def test_the_time_of_a_run_is_that_of_all_its_attempts_and_not_of_the_queue(store: RunStore) -> None:
    run_id = started(store)
    time.sleep(0.2)
    store.finish(run_id, KILLED, "stopped")
    first = store.get(run_id).seconds
    assert first
    store.reopen(run_id)
    time.sleep(0.3)
    assert store.get(run_id).seconds == first, "it waits"
    store.claim(run_id)
    again = time.time()
    store.start(run_id)
    time.sleep(0.2)
    store.finish(run_id, FINISHED, "done")
    second = time.time() - again
    both = store.get(run_id)
    assert both.seconds
    assert first + 0.19 < both.seconds <= first + second, "the time in the queue is no part of it"
    assert len(both.attempts) == 2


def test_a_deleted_run_is_called_so_by_any_beginning_of_its_id(store: RunStore) -> None:
    run_id = started(store)
    store.finish(run_id, FINISHED, "done")
    store.delete(run_id)
    for name in (run_id, run_id[:8]):
        with pytest.raises(UserError, match=rf"{run_id[:8]}.*core restore"):
            store.get(name)
    assert store.restore(run_id[:8]).id == run_id


@pytest.mark.parametrize("wild", ["%", "_" * 8, "a' OR '1'='1", "%' --", "\\", "ä"])
def test_what_is_no_id_finds_nothing(wild: str, store: RunStore) -> None:
    store.create("vessels", CONFIG)
    with pytest.raises(UserError, match="core runs"):
        store.get(wild)


def test_a_store_whose_file_is_gone_is_not_begun_anew_in_silence(store: RunStore, home: Path) -> None:
    run_id = started(store)
    (store.files.folder(run_id) / "kept").write_text("")
    for each in home.glob("mlflow.db*"):
        each.unlink()
    for act in (store.runs, lambda: store.get(run_id), lambda: store.beat(run_id, Progress()), RunStore):
        with pytest.raises(UserError, match=r"mlflow\.db"):
            act()
    (home / "artifacts").rename(home / "elsewhere")
    with pytest.raises(UserError, match=r"mlflow\.db"):
        RunStore()  # this process still holds the deleted one open
    told = home / "told.json"
    await_end(begin(["runs", "--json"], told, home / "exit", FOVEA_HOME=str(home)))
    assert told.read_text().splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["a%20b", "what?", "run#1"])
def test_a_home_that_no_address_can_tell_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("FOVEA_HOME", str(tmp_path / name / "home"))
    with pytest.raises(UserError, match="FOVEA_HOME") as caught:
        RunStore()
    assert name in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_home_with_a_space_in_its_name_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_HOME", str(tmp_path / "my home"))
    store = RunStore()
    assert store.files.folder(store.create("vessels", CONFIG).id).is_relative_to(tmp_path / "my home")


def test_a_queued_run_is_either_taken_or_cancelled_and_never_both(store: RunStore) -> None:
    for ask in (RunStore.request_stop, RunStore.mark_killed) * 12:
        run, taken, gate = store.create("vessels", CONFIG), list[str](), threading.Barrier(2)

        def take(run_id: str = run.id, taken: list[str] = taken, gate: threading.Barrier = gate) -> None:
            own = RunStore()
            gate.wait()
            with suppress(UserError):
                own.claim(run_id)
                own.start(run_id)
                taken.append(run_id)

        worker = threading.Thread(target=take)
        worker.start()
        gate.wait()
        asked = ask(store, run.id)
        worker.join()
        now = store.get(run.id)
        assert now.is_final is asked.is_final is not bool(taken)
        store.finish(run.id, KILLED, "over")


def test_a_run_that_has_ended_cannot_be_started(store: RunStore) -> None:
    run = store.create("vessels", CONFIG)
    store.claim(run.id)
    store.finish(run.id, KILLED, "cancelled")
    with pytest.raises(UserError, match=run.short_id):
        store.start(run.id)
    assert store.get(run.id).status == KILLED


OWN = socket.gethostname()
DAMAGED = {
    "worker": (
        '{"pid": 1}',
        f'{{"host": "{OWN}", "pid": "x", "since": 1}}',
        f'{{"host": "{OWN}"}}',
        f'{{"host": "{OWN}", "pid": -4, "since": 1}}',
        f'{{"host": "{OWN}", "pid": 1, "since": "x"}}',
    ),
    "progress": ('{"step": "x"}', '{"epochs": null}', '{"steps": NaN}', '{"seconds_left": Infinity}', "[]", "null"),
    "config": ("[]", '{"epochs": "many"}', '{"epochs": null}', '{"arm": []}', '{"data": 5}', '{"seed": "x"}'),
    "started": ("nan", "inf", "1e18"),
    "ended": ("nan", "-inf"),
    "beat": ("nan", "1e300"),
    "order": ("nan",),
    "attempt": ("-3", "9" * 40),
    "best_epoch": ("-1",),
    "best": ("[]", '{"dice": null}'),
    "earlier": ("[[NaN, 1]]", "[[1, 1e308]]", "7"),
    "usage": ("[1]",),
}


def test_a_tag_of_another_kind_is_told_of_its_run_and_hides_no_other(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runs.queue.slot_count", lambda: 0)
    whole, damaged = store.create("vessels", CONFIG), {}
    for name, values in DAMAGED.items():
        for value in values:
            run = store.create("vessels", CONFIG)
            MlflowClient(store.uri).update_run(run.id, status=FINISHED if name == "ended" else RUNNING)
            tags = {"beat": str(time.time() - 3600), name: value}
            MlflowClient(store.uri).log_batch(run.id, tags=[RunTag(f"fovea.{key}", tags[key]) for key in tags])
            damaged[run.id] = name
    found = {run.id: run for run in store.runs()}
    assert not found.pop(whole.id).damaged
    assert {run_id: found[run_id].damaged for run_id in damaged} == {key: (name,) for key, name in damaged.items()}
    assert main(["runs", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1 + len(damaged)
    assert all(math.isfinite(run.share_done + run.epochs + (run.seconds or 0)) for run in found.values())
