"""The thread that writes what a worker reports."""

import time
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from core.engine.task import SamplePicture
from core.experiments import find_experiment
from core.runs import recorder as recorder_module
from core.runs.recorder import StoreRecorder
from core.runs.run import KILLED, Orders, Progress
from core.runs.store.files import RunFiles
from core.runs.store.run_store import RunStore

SLOW, BEAT, ACT = 0.15, 0.5, 0.4
"""Seconds that this store takes for a folder, between heartbeats, and for what is sent between them: all three are a
half or a third of what they are outside tests."""


class SlowFiles(RunFiles):
    """Files that are far away."""

    def __init__(self, store: "SlowStore") -> None:
        super().__init__(MlflowClient(tracking_uri=store.uri))
        self._store = store

    def publish(self, run_id: str, place: str) -> None:
        time.sleep(SLOW)
        self._store.sent[place] += 1
        self._store.between[-1] += 1
        super().publish(run_id, place)


class SlowStore(RunStore):
    """A real store whose artifacts are far away."""

    def __init__(self) -> None:
        super().__init__()
        self.files = SlowFiles(self)
        self.sent: Counter[str] = Counter()
        self.between: list[int] = [0]
        """How much was sent before the first heartbeat, between each two, and after the last."""

    def beat(self, run_id: str, progress: Progress, usage: dict[str, float] | None = None) -> Orders:  # type: ignore[override]
        self.between.append(0)
        return super().beat(run_id, progress, usage)


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def slow(store: RunStore) -> Iterator[SlowStore]:
    yield SlowStore()


def test_a_store_that_takes_pictures_slowly_still_hears_the_heart_and_gets_every_picture(
    slow: SlowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "BEAT_SECONDS", BEAT)
    monkeypatch.setattr(recorder_module, "ACT_SECONDS", ACT)
    run = slow.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    slow.claim(run.id)
    slow.start(run.id)
    picture = SamplePicture("one", np.zeros((8, 8, 3), np.uint8))
    with StoreRecorder(slow, run.id) as recorder:
        for epoch in range(1, 21):
            recorder.record_pictures(epoch, [picture])
            recorder.record_best(epoch, {"dice": epoch / 100})
        await_true(lambda: len(slow.between) > 2)
        slow.request_stop(run.id)
        await_true(recorder.stop_requested)
        assert sum(slow.sent.values()) < 20, "the stop was heard while pictures were sent"
    assert set(slow.sent) == {f"pictures/{epoch:05d}" for epoch in range(1, 21)} | {"checkpoint/best"}
    assert slow.sent["checkpoint/best"] <= 2, "weights that were replaced before they were sent are sent once"
    assert slow.get(run.id).best == {"dice": 0.2}
    assert max(slow.between) <= 2 * (ACT // SLOW + 1), "what two turns at most have sent"


def test_pictures_of_class_folders_are_kept_under_their_class_and_name(store: RunStore) -> None:
    run = store.create("chest", find_experiment("chest").config(recipe="quick").as_values())
    names = ("train/NORMAL/IM-0001.jpeg", "train/PNEUMONIA/IM-0001.jpeg", "21_training")
    with StoreRecorder(store, run.id) as recorder:
        recorder.record_pictures(1, [SamplePicture(each, np.zeros((8, 8, 3), np.uint8)) for each in names])
    kept = sorted(each.name for each in (store.files.folder(run.id) / "pictures" / "00001").iterdir())
    assert kept == ["21_training.jpg", "NORMAL IM-0001.jpg", "PNEUMONIA IM-0001.jpg"]


def test_what_an_attempt_that_died_had_not_sent_is_sent_by_the_next(slow: SlowStore) -> None:
    run = slow.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    (slow.files.folder(run.id) / "pictures" / "00001").mkdir(parents=True)
    with StoreRecorder(slow, run.id):
        pass
    assert slow.sent == {"pictures": 1}


def test_the_minutes_of_a_public_server_are_those_of_all_attempts(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    for _ in range(2):
        store.claim(run.id)
        store.start(run.id)
        time.sleep(0.2)
        store.finish(run.id, KILLED, "stopped")
        store.reopen(run.id)
    told: list[float] = []
    monkeypatch.setattr(recorder_module, "time_is_up", lambda seconds: bool(told.append(seconds)))
    StoreRecorder(store, run.id).stop_requested()
    assert 0.4 <= told[0] < 1
