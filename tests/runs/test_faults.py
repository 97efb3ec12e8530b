"""What a machine does to runs: full and read-only disks, files that vanish or rot, a tracking server that goes away.

Each ends in the right state with a sentence, leaves the last good checkpoint as it was, and lets the queue go on.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from core.cli import main
from core.engine.checkpoint import load_card, load_state
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.control import resume
from core.runs.launcher import launch
from core.runs.process.worker import work
from core.runs.queue import dispatch
from core.runs.run import FAILED, FINISHED, Run
from core.runs.store.run_store import RunStore
from core.runs.training import train  # noqa: F401 - else work() spends seconds on importing it, with the disk full
from tests.runs.test_worker import PATIENCE, start, until
from tests.synthetic_sets import SyntheticSets

pytestmark = pytest.mark.slow

HUNGRY = 0.6
"""Seconds for which what fills a disk goes on, less than a worker waits before it gives up its reserve."""
Mount = Callable[..., None]


@pytest.fixture(autouse=True)
def _one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_SLOTS", "1")


@pytest.fixture
def small_disk(home: Path) -> Iterator[Mount]:
    """Return what mounts a small disk of its own as the home folder, or mounts it anew with other options."""
    home.mkdir(parents=True, exist_ok=True)

    def mount(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small disk")

    yield mount
    subprocess.run(["umount", "--lazy", str(home)], capture_output=True, check=False)


def fill(path: Path) -> None:
    """Write a file until there is no room for another byte."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue


def ended(store: RunStore, run: Run, seconds: float = PATIENCE) -> Run:
    return until(store, run.id, lambda each: each.is_final, seconds=seconds)


def check_last_good(store: RunStore, run: Run) -> None:
    folder = store.files.folder(run.id) / "checkpoint"
    state = load_state(folder / "last")
    assert state is not None
    assert 1 <= state["epoch"] <= run.progress.epoch + 1
    assert load_card(folder / "best")["epoch"] >= 1
    assert not list(folder.rglob("*.tmp"))


def test_a_full_disk_ends_the_run_in_words_and_the_queue_goes_on_when_there_is_room(
    small_disk: Mount, home: Path, drive: Path
) -> None:
    small_disk("size=64m")
    store = RunStore()
    run, behind = start(store, drive, epochs=5000), start(store, drive, epochs=1)
    until(store, run.id, lambda each: each.progress.epoch >= 2)
    fill(home / "filler")
    dead = ended(store, run)
    assert (dead.status, dead.state) == (FAILED, "failed"), dead.reason
    assert "FOVEA_HOME" in dead.reason, "the remedy of a full disk"
    check_last_good(store, dead)
    (home / "filler").unlink()
    dispatch(store)  # as the server does every other second
    assert ended(store, behind).status == FINISHED
    resume(store, run.id)
    again = until(store, run.id, lambda each: each.progress.epoch > dead.progress.epoch)
    store.request_stop(again.id)
    assert ended(store, again).state == "stopped"
    steps = [step for step, _, _ in store.metrics.history(run.id, "learning_rate")]
    assert steps == list(range(1, len(steps) + 1))


class FillingStore(RunStore):
    """A store whose disk becomes full once a run has begun, and stays so for a moment whatever is given back."""

    def start(self, run_id: str) -> Run:
        run = super().start(run_id)
        folder = Path(os.environ["FOVEA_HOME"])
        with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            database.execute("pragma wal_checkpoint(truncate)")  # else what it has of room for changes may suffice
        fill(folder / "filler")
        with pytest.raises(MlflowException, match="full"):
            self.create("vessels", run.config)
        self.hungry = threading.Thread(target=self._stay_hungry, args=(folder / "more",))
        self.hungry.start()
        return run

    def _stay_hungry(self, path: Path) -> None:
        until_then, number = time.monotonic() + HUNGRY, 0
        while time.monotonic() < until_then:
            fill(path.with_suffix(f".{number}"))
            number += 1


def test_what_fills_a_disk_does_not_take_the_room_in_which_a_run_is_marked_as_failed(
    small_disk: Mount, home: Path, tmp_path: Path
) -> None:
    small_disk("size=16m")
    store = FillingStore()
    gone = str(tmp_path / "gone")
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick", data=gone).as_values())
    assert work(store, run.id) == FAILED
    store.hungry.join()
    assert store.get(run.id).state == "failed"
    assert gone in store.get(run.id).reason


def test_a_home_that_cannot_be_written_starts_nothing(
    small_disk: Mount, home: Path, drive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_disk("size=64m")
    small_disk("remount,ro")
    with pytest.raises(UserError, match="FOVEA_HOME"):
        RunStore()
    assert main(["train", "vessels", "--recipe", "quick", "--data", str(drive)]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.strip().splitlines())) == ("", 1)
    assert str(home) in told.err


@pytest.mark.parametrize("harm", ["vanish", "rot"])
def test_pictures_that_vanish_or_rot_in_the_midst_of_a_run_end_it_in_words(
    harm: str, tmp_path: Path, drive: Path, synthetic_sets: SyntheticSets
) -> None:
    store, pets = RunStore(), find_experiment("pets")
    folder = synthetic_sets.copy("pets", tmp_path / "pets", n=20, seed=1, halved=True)
    changes = {"epochs": 5000, "size": 96, "batch_size": 8, "width": 0.0625, "precision": "fp32",
               "memory_format": "contiguous"}  # fmt: skip
    run = launch(store, "pets", pets.config(arm="unet", recipe="quick", data=str(folder), changes=changes))
    behind = start(store, drive, epochs=1)
    until(store, run.id, lambda each: each.progress.epoch >= 2)
    pictures = list(folder.rglob("*.jpg"))
    for each in pictures:
        each.unlink() if harm == "vanish" else each.write_bytes(each.read_bytes()[:200])
    dead = ended(store, run)
    assert dead.status == FAILED
    assert any(each.name in dead.reason for each in pictures), dead.reason
    assert "Traceback" not in dead.reason
    check_last_good(store, dead)
    assert ended(store, behind).status == FINISHED


def test_a_state_that_a_crash_cut_short_is_said_and_the_best_weights_stay(home: Path, drive: Path) -> None:
    store = RunStore()
    run = start(store, drive, epochs=5000)
    until(store, run.id, lambda each: each.progress.epoch >= 2)
    os.kill(store.get(run.id).worker["pid"], signal.SIGKILL)
    assert ended(store, run, seconds=12).state == "lost"
    state = store.files.folder(run.id) / "checkpoint/last/state.pt"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    resume(store, run.id)
    behind = start(store, drive, epochs=1)
    dead = ended(store, run)
    assert dead.status == FAILED
    assert str(state) in dead.reason
    assert load_card(store.files.folder(run.id) / "checkpoint/best")["epoch"] >= 1
    assert ended(store, behind).status == FINISHED


class TrackingServer:
    """MLflow's own server, which can go away and come back."""

    def __init__(self, folder: Path, port: int, tables: Path) -> None:
        self.folder, self.port = folder, port
        self.process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir()
        shutil.copyfile(tables, self.folder / "server.db")

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come(self) -> None:
        words = ["--backend-store-uri", f"sqlite:///{self.folder}/server.db", "--artifacts-destination",
                 str(self.folder / "artifacts"), "--port", str(self.port), "--workers", "1"]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *words], stdout=log, stderr=log, start_new_session=True,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )  # fmt: skip
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        pytest.fail((self.folder / "log").read_text()[-2000:])

    def go(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def tracking(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingServer]:
    from tests.e2e.serving import free_port

    server = TrackingServer(tmp_path / "tracking", free_port(), empty_store)
    server.come()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    yield server
    server.go()


@pytest.mark.parametrize("seconds", [2.0, pytest.param(30.0, marks=pytest.mark.exhaustive)])
def test_a_tracking_server_that_goes_away_costs_no_point_and_the_training_does_not_wait_for_it(
    seconds: float, tracking: TrackingServer, drive: Path
) -> None:
    store = RunStore()
    run = start(store, drive, epochs=5000, patches=64)
    until(store, run.id, lambda each: each.progress.epoch >= 2)
    tracking.go()
    gone = time.time()
    time.sleep(seconds)
    tracking.come()  # which takes some seconds more
    back = time.time()
    until(store, run.id, lambda each: (each.beat or 0) > back and each.progress.epoch >= 3)
    store.request_stop(run.id)
    assert ended(store, run).state == "stopped"
    points = store.metrics.history(run.id, "step/loss")
    assert [step for step, _, _ in points] == list(range(1, len(points) + 1))
    meanwhile = [each[2] for each in points if gone < each[2] < back]
    assert meanwhile, "it trained on while nobody took its numbers"
    assert max(meanwhile) - min(meanwhile) > 0.8 * (back - gone), "all the time"
