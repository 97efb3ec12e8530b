"""What a machine does to runs: full and read-only disks, files that vanish or rot, a tracking server that goes away.

Each ends in the right state with a sentence, leaves the last good checkpoint as it was, and lets the queue go on.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from core.engine.checkpoint import load_card, load_state
from core.errors import UserError
from core.experiments import find_experiment
from core.paths import PROJECT
from core.runs.control import resume
from core.runs.launcher import launch
from core.runs.queue import dispatch
from core.runs.reserve import keep_reserve
from core.runs.run import FAILED, FINISHED, Run
from core.runs.store import RunStore
from core.runs.worker import _end
from tests.runs.test_worker import PATIENCE, start, until

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.slow]

AWAY = 30.0
"""Seconds for which the tracking server is away."""
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
    folder = store.folder(run.id) / "checkpoint"
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
    assert dead.reason == "The disk is full. Make room or set FOVEA_HOME to another disk, then resume the run."
    check_last_good(store, dead)
    (home / "filler").unlink()
    dispatch(store)  # as the server does every other second
    assert ended(store, behind).status == FINISHED
    resume(store, run.id)
    again = until(store, run.id, lambda each: each.progress.epoch > dead.progress.epoch)
    store.request_stop(again.id)
    assert ended(store, again).state == "stopped"
    steps = [step for step, _, _ in store.history(run.id, "learning_rate")]
    assert steps == list(range(1, len(steps) + 1))


def test_what_fills_a_disk_does_not_take_the_room_in_which_a_run_is_marked_as_failed(
    small_disk: Mount, home: Path
) -> None:
    small_disk("size=16m")
    store = RunStore()
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    store.claim(run.id)
    keep_reserve()
    with sqlite3.connect(home / "mlflow.db") as database:
        database.execute("pragma wal_checkpoint(truncate)")  # else what it has of room for changes may suffice
    fill(home / "filler")
    with pytest.raises(MlflowException, match="full"):
        store.create("vessels", run.config)
    hungry = threading.Thread(target=fill, args=(home / "more",))  # takes what is given back while it lasts
    hungry.start()
    assert _end(store, run, FAILED, "It did not go well.") == FAILED
    hungry.join()
    assert store.get(run.id).reason == "It did not go well."
    assert store.get(run.id).state == "failed"


def test_a_home_that_cannot_be_written_starts_nothing(small_disk: Mount, home: Path, drive: Path) -> None:
    small_disk("size=64m")
    small_disk("remount,ro")
    with pytest.raises(UserError, match="cannot be written"):
        RunStore()
    words = [sys.executable, "-m", "core", "train", "vessels", "--recipe", "quick", "--data", str(drive)]
    said = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert len(said.stderr.strip().splitlines()) == 1
    assert str(home) in said.stderr


@pytest.mark.parametrize("harm", ["vanish", "rot"])
def test_pictures_that_vanish_or_rot_in_the_midst_of_a_run_end_it_in_words(
    harm: str, tmp_path: Path, drive: Path
) -> None:
    store, folder, pets = RunStore(), tmp_path / "pets", find_experiment("pets")
    pets.make_data(folder, n=20, seed=1)
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
    state = store.folder(run.id) / "checkpoint/last/state.pt"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    resume(store, run.id)
    behind = start(store, drive, epochs=1)
    dead = ended(store, run)
    assert dead.status == FAILED
    assert dead.reason == f"{state} is damaged, so this run cannot go on; start it anew."
    assert load_card(store.folder(run.id) / "checkpoint/best")["epoch"] >= 1
    assert ended(store, behind).status == FINISHED


class TrackingServer:
    """MLflow's own server, which can go away and come back."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come(self) -> None:
        self.folder.mkdir(exist_ok=True)
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
def tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingServer]:
    from tests.e2e.serving import free_port

    server = TrackingServer(tmp_path / "tracking", free_port())
    server.come()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    yield server
    server.go()


def test_a_tracking_server_that_goes_away_for_half_a_minute_costs_nothing(
    tracking: TrackingServer, drive: Path
) -> None:
    store = RunStore()
    run = start(store, drive, epochs=5000, patches=64)
    until(store, run.id, lambda each: each.progress.epoch >= 2)
    tracking.go()
    gone = time.time()
    time.sleep(AWAY)
    tracking.come()
    back = time.time()
    until(store, run.id, lambda each: (each.beat or 0) > back and each.progress.epoch >= 3)
    store.request_stop(run.id)
    assert ended(store, run).state == "stopped"
    points = store.history(run.id, "step/loss")
    assert [step for step, _, _ in points] == list(range(1, len(points) + 1))
    assert any(gone < each[2] < back for each in points), "it trained on while nobody took its numbers"
