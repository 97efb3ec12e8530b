"""The queue: who starts when, and that nothing is lost or started twice."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.experiments import find_experiment
from core.runs.control import erase_deleted, resume
from core.runs.launcher import launch
from core.runs.process.liveness import this_process
from core.runs.queue import dispatch, keep_dispatching, move, place_of, queued
from core.runs.run import FAILED, FINISHED, KILLED, SCHEDULED, Progress
from core.runs.settings import Settings, write_settings
from core.runs.store.run_store import RunStore
from tests.runs.test_worker import TINY, until
from tests.synthetic_sets import SyntheticSets

CONFIG = find_experiment("vessels").config(recipe="quick").as_values()


class CountingExecutor:
    """Starts nothing, and says what it was asked to start; this process stands for the worker."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, store: RunStore, run_id: str) -> None:
        self.started.append(run_id)
        store.name_worker(run_id, this_process())


@pytest.fixture(autouse=True)
def _two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_SLOTS", "2")


def record(store: RunStore, count: int) -> list[str]:
    return [store.create("vessels", CONFIG, name=str(number)).id for number in range(count)]


def test_runs_start_in_their_order_and_no_more_than_may_at_once(store: RunStore) -> None:
    ids, executor = record(store, 4), CountingExecutor()
    assert [run.id for run in dispatch(store, executor)] == ids[:2]
    assert dispatch(RunStore(), executor) == [], "another server, or the same one after its restart"
    assert [place_of(store.get(each), store.runs()) for each in ids] == [0, 0, 1, 2]
    store.finish(ids[0], FINISHED, "done")
    assert [run.id for run in dispatch(RunStore(), executor)] == [ids[2]]
    assert executor.started == ids[:3]


@pytest.mark.parametrize(
    ("at", "places", "order"),
    [(3, -1, "0132"), (3, -9, "3012"), (0, 1, "1023"), (0, 9, "1230"), (1, 1, "0213"), (2, 0, "0123")],
)
def test_the_order_can_be_changed(store: RunStore, at: int, places: int, order: str) -> None:
    ids = record(store, 4)
    move(store, ids[at], places)
    assert "".join(run.name for run in queued(store.runs())) == order


def test_a_run_under_way_has_no_place_to_change(store: RunStore) -> None:
    (run_id,) = record(store, 1)
    dispatch(store, CountingExecutor())
    with pytest.raises(UserError, match=run_id[:8]):
        move(store, run_id, 1)


def test_servers_that_dispatch_at_once_start_each_run_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_SLOTS", "9")
    ids, executor = record(store, 8), CountingExecutor()
    servers = [threading.Thread(target=dispatch, args=(RunStore(), executor)) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert sorted(executor.started) == sorted(ids)


@pytest.mark.parametrize(("gibibytes", "together"), [(0.5, True), (1_000_000, False)])
def test_a_second_run_starts_where_memory_suffices_for_what_the_last_one_like_it_took(
    store: RunStore, gibibytes: float, together: bool
) -> None:
    measured, first, second = record(store, 3)
    store.add_facts(measured, {"peak_memory": str(round(1024 * gibibytes))})  # MiB, as a worker records it
    store.finish(measured, FINISHED, "done")
    executor = CountingExecutor()
    dispatch(store, executor)
    assert executor.started == ([first, second] if together else [first])
    store.finish(first, FINISHED, "done")
    dispatch(store, executor)
    assert executor.started == [first, second]


def test_a_cancelled_run_never_starts(store: RunStore) -> None:
    first, second = record(store, 2)
    assert store.request_stop(first).status == KILLED
    assert [run.id for run in dispatch(store, CountingExecutor())] == [second]


def test_a_run_that_cannot_be_started_fails_and_the_rest_goes_on(store: RunStore) -> None:
    ids = record(store, 2)

    class BrokenOnce(CountingExecutor):
        def start(self, store: RunStore, run_id: str) -> None:
            if run_id == ids[0]:
                raise OSError(11, "Resource temporarily unavailable")
            super().start(store, run_id)

    assert [run.id for run in dispatch(store, BrokenOnce())] == [ids[1]]
    assert store.get(ids[0]).status == FAILED
    assert "Resource temporarily unavailable" in store.get(ids[0]).reason


@pytest.mark.parametrize("ending", [FINISHED, KILLED])
def test_a_run_that_builds_on_another_waits_until_that_has_finished_and_fails_where_it_never_will(
    ending: str, store: RunStore, synthetic_sets: SyntheticSets
) -> None:
    byol, executor = find_experiment("byol"), CountingExecutor()
    config = byol.config(arm="byol-head", recipe="quick", data=str(synthetic_sets.of("byol")))
    run = launch(store, "byol", config, executor=executor)
    (needed,) = (each for each in store.runs() if each.id != run.id)
    assert needed.config["arm"] == "pretrain"
    assert dispatch(store, executor) == []
    assert executor.started == [needed.id]
    store.finish(needed.id, ending, "done")
    dispatch(store, executor)
    assert executor.started == [needed.id, run.id][: 1 + (ending == FINISHED)]
    assert store.get(run.id).status == (SCHEDULED if ending == FINISHED else FAILED)
    assert ending == FINISHED or needed.short_id in store.get(run.id).reason


@pytest.mark.slow
def test_a_server_starts_what_is_queued_and_cleans_up_by_the_rule_until_it_closes(
    store: RunStore, tmp_path: Path
) -> None:
    (old,) = record(store, 1)
    waiting = store.create("vessels", CONFIG | {"data": str(tmp_path / "gone")}).id
    state = store.files.folder(old) / "checkpoint/last/state.pt"
    state.parent.mkdir(parents=True)
    state.write_bytes(bytes(1000))
    store.finish(old, FINISHED, "done")
    write_settings(Settings(keep_gib=1e-9))
    over = threading.Event()
    server = threading.Thread(target=keep_dispatching, args=(over,), kwargs={"every": 0.1})
    server.start()
    try:
        failed = until(store, waiting, lambda each: each.is_final)
        until(store, old, lambda _: not state.exists())
    finally:
        over.set()
        server.join()
    assert str(tmp_path / "gone") in failed.reason


def test_a_deleted_run_comes_back_as_it_was_until_it_is_erased(store: RunStore) -> None:
    kept, gone = record(store, 2)
    for run_id in (kept, gone):
        store.metrics.log_points(run_id, [("val/dice", (1, 0.5, 1.0))])
        store.finish(run_id, FINISHED, "done")
        (store.files.folder(run_id) / "checkpoint").mkdir()
    store.delete(kept)
    assert [run.id for run in store.runs()] == [gone]
    assert [run.id for run in store.runs(deleted=True)] == [kept]
    with pytest.raises(UserError, match=f"restore {kept[:8]}"):
        store.get(kept)
    store.restore(kept)
    assert store.get(kept).status == FINISHED
    assert store.metrics.history(kept, "val/dice") == [(1, 0.5, 0.001 * int(1000 * 1.0))]
    folder = store.files.folder(gone)
    store.delete(gone)
    assert erase_deleted(store) == 1
    assert not folder.exists()
    assert store.runs(deleted=True) == []
    assert [run.id for run in store.runs()] == [kept]


def test_only_a_run_that_has_ended_is_deleted(store: RunStore) -> None:
    (run_id,) = record(store, 1)
    with pytest.raises(UserError, match=run_id[:8]):
        store.delete(run_id)


def test_a_finished_run_is_not_resumed_but_prolonged(store: RunStore) -> None:
    (run_id,) = record(store, 1)
    store.finish(run_id, FINISHED, "done")
    with pytest.raises(UserError, match=run_id[:8]):
        resume(store, run_id)


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, pytest.param(30, marks=pytest.mark.exhaustive)])
def test_queued_runs_all_end_in_order_and_none_twice_while_many_read_and_write(
    count: int, store: RunStore, home: Path, drive: Path
) -> None:
    changes: dict[str, Any] = TINY | {"epochs": 1, "patches": 1}
    config = find_experiment("vessels").config(recipe="quick", data=str(drive), changes=changes)
    runs = [launch(store, "vessels", config, name=str(number)) for number in range(count)]
    over, trouble = threading.Event(), list[Exception]()

    def act(each: Any, every: float) -> None:
        own = RunStore()
        while not over.wait(every):
            try:
                each(own)
            except Exception as error:  # whatever it is, the test must tell
                trouble.append(error)

    notes = [store.create("vessels", CONFIG, name="note").id for _ in range(4)]
    for each in notes:
        store.finish(each, FINISHED, "only written to")
    actors = [threading.Thread(target=act, args=(lambda own: own.runs(), 0.5)) for _ in range(5)]  # open pages
    actors += [
        threading.Thread(target=act, args=(lambda own, each=each: own.beat(each, Progress(step=1)), 0.1))
        for each in notes
    ]
    for actor in actors:
        actor.start()
    try:
        ended = [until(store, run.id, lambda each: each.is_final, seconds=600) for run in runs]
    finally:
        over.set()
        for actor in actors:
            actor.join()
    assert trouble == []
    assert [run.status for run in ended] == [FINISHED] * count, [run.reason for run in ended]
    assert all(run.attempt == 1 and len(store.metrics.history(run.id, "val/dice")) == 1 for run in ended)
    forked = [run.worker["since"] for run in ended]
    assert forked == sorted(forked)
    for moment in [run.started or 0.0 for run in ended]:
        assert sum((run.started or 0) <= moment < (run.ended or 0) for run in ended) <= 2
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    assert os.environ["FOVEA_SLOTS"] == "2"
    assert not [run for run in store.runs() if run.status == SCHEDULED]
