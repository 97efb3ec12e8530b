"""What a worker reports, written to the store from a thread, so that the training step never waits for a disk."""

import io
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.engine import trainer
from core.engine.task import SamplePicture
from core.files import write_atomically
from core.public import time_is_up
from core.runs.process.usage import Usage
from core.runs.run import Orders, Progress
from core.runs.store.places import ANSWERS
from core.runs.store.points import Point
from core.runs.store.retry import patiently
from core.runs.store.run_store import RunStore

FLUSH_SECONDS = 0.5
BEAT_SECONDS = 1.5
ACT_SECONDS = 1.0
"""A store that takes longer to receive pictures and weights gets them by and by, between heartbeats."""
USAGE_SHARE = 0.01
"""The load is recorded when the attempt has become longer by this part."""
JPEG_QUALITY = 90
SENT_AGAIN = ("pictures", ANSWERS, "checkpoint/best")


class StoreRecorder:
    """The trainer's recorder for one run. Use it as a context: leaving it writes what is left."""

    def __init__(self, store: RunStore, run_id: str) -> None:
        run = store.get(run_id)
        self.store = store
        self.run_id = run_id
        self.pictures_folder: Path = store.files.folder(run_id) / "pictures"
        self._points: list[tuple[str, Point]] = []
        self._lock = threading.Lock()
        self._progress = run.progress  # where an earlier attempt ended, until this one has found its place again
        self._acts: dict[str, Callable[[], None]] = {}
        self._sayings: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._said = ""
        self._orders = Orders(stop=False, epochs=0)
        self._began = time.monotonic() - sum(end - start for start, end in run.earlier)
        self._recorded = store.metrics.last_steps(run_id)
        self._usage = Usage()
        self._created = run.created
        self._first_second = self._next_usage = time.time() - self._created
        self._last_beat = 0.0
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        for place in SENT_AGAIN:  # an earlier attempt may have died before it had sent them
            if (self.store.files.folder(self.run_id) / place).exists():
                self._publish(place)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._thread.join()
        if self._failure and error is None:
            raise self._failure

    def say(self, text: str) -> None:
        """Remember what the run is doing; of many sentences in a moment, the last is told."""
        self._sayings.put(text)

    def record_step(self, step: int, values: dict[str, float]) -> None:
        """Take the numbers of one training step."""
        self._take({f"step/{key}": value for key, value in values.items()}, step)

    def record_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Take the numbers of one epoch and print them to the log."""
        self._take(values, epoch)
        shown = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
        print(f"epoch {epoch}  {shown}", flush=True)  # noqa: T201 - the log is the worker's standard output

    def record_pictures(self, epoch: int, pictures: Iterable[SamplePicture]) -> None:
        """Store the sample predictions of one epoch as JPEG."""
        folder = self.pictures_folder / f"{epoch:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        for each in pictures:
            bgr = cv2.cvtColor(each.pixels, cv2.COLOR_RGB2BGR)
            _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            (folder / f"{_file_name(each.name)}.jpg").write_bytes(coded.tobytes())
        self._publish(f"pictures/{epoch:05d}")

    def record_answers(self, epoch: int, answers: Mapping[str, NDArray[Any]]) -> None:
        """Store what was answered for each picture after one epoch."""
        folder = self.pictures_folder.parent / ANSWERS
        folder.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **answers)
        write_atomically(folder / f"{epoch:05d}.npz", file.getvalue())
        self._publish(ANSWERS)

    def record_best(self, epoch: int, scores: dict[str, float]) -> None:
        """Record the best epoch so far."""
        with self._lock:
            self._acts["best"] = lambda: self.store.set_best(self.run_id, epoch, scores)
        self._publish("checkpoint/best")

    def record_progress(self, progress: trainer.Progress) -> None:
        """Remember how far the run is; the next heartbeat tells it."""
        self._progress = Progress(**asdict(progress))

    def unwritten(self) -> list[tuple[str, int, float, float]]:
        """Return key, step, value and time of the points that may not be in the store yet."""
        with self._lock:
            return [(key, step, value, at) for key, (step, value, at) in self._points]

    def take_again(self, unwritten: list[Any]) -> None:
        """Take the points of an earlier attempt that never reached the store."""
        new = [each for each in unwritten if each[1] > self._recorded.get(each[0], -1)]
        with self._lock:
            self._points += [(key, (step, value, at)) for key, step, value, at in new]

    def stop_requested(self) -> bool:
        """Say whether the last heartbeat brought back a request to stop, or a public server's time is up.

        Raises:
            Exception: What the writing thread died of: a training that cannot be recorded must not go on silently.
        """
        if self._failure:
            raise self._failure
        return self._orders.stop or time_is_up(time.monotonic() - self._began)

    def epochs_wanted(self) -> int:
        """Return how many epochs the run is to have, as the last heartbeat told; 0 before the first."""
        return self._orders.epochs

    def _publish(self, place: str) -> None:
        """Have a folder of the run sent to the store; once, where it changes again before its turn has come."""
        with self._lock:
            self._acts[place] = lambda: self.store.files.publish(self.run_id, place)

    def _take(self, values: dict[str, float], step: int) -> None:
        at, new = time.time(), []
        for key, value in values.items():
            if step > self._recorded.get(key, -1):  # a resumed run repeats the steps since its last checkpoint
                new.append((key, (step, value, at)))
        with self._lock:
            self._points += new

    def _write(self) -> None:
        try:
            while not self._closing.wait(FLUSH_SECONDS):
                self._write_for_a_moment()
            while self._write_for_a_moment():
                pass
            patiently(self._beat)
        except Exception as error:  # handed to the training thread, which fails with it
            self._failure = error

    def _write_for_a_moment(self) -> bool:
        """Write the points, beat where it is time, then do some of what else waits; say whether any of that is left."""
        patiently(self._flush)
        if time.monotonic() - self._last_beat > BEAT_SECONDS:
            self._orders = patiently(self._beat)
            self._last_beat = time.monotonic()
        until = time.monotonic() + ACT_SECONDS
        while self._acts and time.monotonic() < until:
            with self._lock:
                name, act = next(iter(self._acts.items()))
            patiently(act)
            with self._lock:
                if self._acts[name] is act:  # else it is to be done again
                    del self._acts[name]
        return bool(self._acts)

    def _beat(self) -> Orders:
        usage = self._usage.read()
        self._take_usage(usage)
        return self.store.beat(self.run_id, self._progress, usage)

    def _take_usage(self, usage: dict[str, float]) -> None:
        """Record the load by the second of the run, ever more seldom: a run of days has hundreds of points, too."""
        second = round(time.time() - self._created)
        if second >= self._next_usage:
            self._take({f"system/{key}": value for key, value in usage.items()}, second)
            self._next_usage = second + USAGE_SHARE * (second - self._first_second)

    def _flush(self) -> None:
        with self._lock:
            points = self._points.copy()
        if points:
            self.store.metrics.log_points(self.run_id, points)
            with self._lock:
                del self._points[: len(points)]  # not before they are written: until then checkpoints keep them too
        while not self._sayings.empty():
            self._said = self._sayings.get()
        if self._said:
            self.store.say(self.run_id, self._said)
            self._said = ""


def _file_name(name: str) -> str:
    """Return a picture's name as that of a file: pictures of a class folder are called by their path within the set.

    >>> _file_name("train/NORMAL/IM-0001.jpeg"), _file_name("21_training")
    ('NORMAL IM-0001', '21_training')
    """
    path = PurePosixPath(name)
    return " ".join([*path.parent.parts[-1:], path.stem])
