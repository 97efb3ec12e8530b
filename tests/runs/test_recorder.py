"""The thread that writes what a worker reports."""

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from core.engine.task import SamplePicture
from core.experiments import find_experiment
from core.runs.recorder import BEAT_SECONDS, StoreRecorder
from core.runs.run import Orders, Progress
from core.runs.store import RunStore

SLOW = 0.3
"""Seconds that this store takes for a folder."""


class SlowStore(RunStore):
    """A real store whose artifacts are far away."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: Counter[str] = Counter()
        self.beats: list[float] = []

    def publish(self, run_id: str, place: str) -> None:
        time.sleep(SLOW)
        self.sent[place] += 1
        super().publish(run_id, place)

    def beat(self, run_id: str, progress: Progress, usage: dict[str, float] | None = None) -> Orders:  # type: ignore[override]
        self.beats.append(time.monotonic())
        return super().beat(run_id, progress, usage)


@pytest.fixture
def slow(store: RunStore) -> Iterator[SlowStore]:
    yield SlowStore()


def test_a_store_that_takes_pictures_slowly_still_hears_the_heart_and_gets_every_picture(slow: SlowStore) -> None:
    run = slow.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    slow.claim(run.id)
    slow.start(run.id)
    picture = SamplePicture("one", np.zeros((8, 8, 3), np.uint8))
    with StoreRecorder(slow, run.id) as recorder:
        for epoch in range(1, 21):
            recorder.record_pictures(epoch, [picture])
            recorder.record_best(epoch, {"dice": epoch / 100})
        time.sleep(20 * SLOW / 2)
        assert len(slow.beats) > 1
        slow.request_stop(run.id)
        deadline = time.monotonic() + 4 * BEAT_SECONDS
        while not recorder.stop_requested():
            assert time.monotonic() < deadline, "the stop was not heard while pictures were sent"
            time.sleep(0.1)
    assert set(slow.sent) == {f"pictures/{epoch:05d}" for epoch in range(1, 21)} | {"checkpoint/best"}
    assert slow.sent["checkpoint/best"] <= 2, "weights that were replaced before they were sent are sent once"
    assert slow.get(run.id).best == {"dice": 0.2}
    assert np.diff(slow.beats).max() < 2 * BEAT_SECONDS + 1


def test_pictures_of_class_folders_are_kept_under_their_class_and_name(store: RunStore) -> None:
    run = store.create("chest", find_experiment("chest").config(recipe="quick").as_values())
    names = ("train/NORMAL/IM-0001.jpeg", "train/PNEUMONIA/IM-0001.jpeg", "21_training")
    with StoreRecorder(store, run.id) as recorder:
        recorder.record_pictures(1, [SamplePicture(each, np.zeros((8, 8, 3), np.uint8)) for each in names])
    kept = sorted(each.name for each in (store.folder(run.id) / "pictures" / "00001").iterdir())
    assert kept == ["21_training.jpg", "NORMAL IM-0001.jpg", "PNEUMONIA IM-0001.jpg"]


def test_what_an_attempt_that_died_had_not_sent_is_sent_by_the_next(slow: SlowStore) -> None:
    run = slow.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    (slow.folder(run.id) / "pictures" / "00001").mkdir(parents=True)
    with StoreRecorder(slow, run.id):
        pass
    assert slow.sent == {"pictures": 1}
