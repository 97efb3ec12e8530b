"""Workers that are forked from a process which has imported everything: quick, and as good as those that are not."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.paths import PROJECT
from core.runs.launcher import wait
from core.runs.process import fork_client
from core.runs.process.fork_client import fork_worker, warm_up, worker_environment
from core.runs.run import FAILED, FINISHED, Run
from core.runs.store.run_store import RunStore
from tests.runs.test_worker import PATIENCE, start, until

pytestmark = [pytest.mark.xdist_group("fork server"), pytest.mark.slow]
SAME = {"precision": "fp32", "memory_format": "contiguous", "device": "cpu"}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_client, "PATIENCE", PATIENCE)


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a fork server of the test's own, which ends when its socket's folder goes."""
    folder = tmp_path_factory.mktemp("r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder / f"fovea-{os.getuid()}"
    shutil.rmtree(folder)


def in_time(happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def worker_of(store: RunStore, run: Run) -> psutil.Process:
    return psutil.Process(until(store, run.id, lambda each: each.progress.step > 1).worker["pid"])


def end(store: RunStore, run: Run) -> None:
    store.request_stop(run.id)
    wait(store, run.id)


def test_a_forked_worker_leads_a_session_of_its_own_and_outlives_its_server_and_the_next_one_gets_a_new_one(
    store: RunStore, drive: Path
) -> None:
    run = start(store, drive, epochs=500)
    worker = worker_of(store, run)
    server = worker.parent()
    assert server is not None
    assert "core.runs.process.fork_server" in server.cmdline()
    assert os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid
    assert f"-m core work {run.id}" in " ".join(worker.cmdline())
    assert store.files.log_path(run.id).read_text().count("attempt: 1\n") == 1
    assert not [each for each in server.open_files() if each.path.endswith(".db")]
    end(store, run)
    again = start(store, drive, epochs=500)
    worker = worker_of(store, again)
    assert worker.parent() == server, "one server for all runs"
    server.kill()
    step = store.get(again.id).progress.step
    until(store, again.id, lambda each: each.progress.step > step)
    os.killpg(worker.pid, signal.SIGKILL)
    dead = until(store, again.id, lambda each: each.is_final, seconds=15)
    assert (dead.status, dead.state) == (FAILED, "lost")
    last = start(store, drive, epochs=1)
    assert "core.runs.process.fork_server" in psutil.Process(last.worker["pid"]).parent().cmdline()
    assert wait(store, last.id).status == FINISHED


def test_a_forked_run_and_one_that_imported_everything_itself_have_the_same_numbers(
    store: RunStore, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked = wait(store, start(store, drive, **SAME).id)
    monkeypatch.setenv("FOVEA_FORK_MINUTES", "0")
    plain = start(store, drive, **SAME)
    assert "core.runs.process.fork_server" not in " ".join(psutil.Process(plain.worker["pid"]).cmdline())
    plain = wait(store, plain.id)
    assert forked.status == plain.status == FINISHED
    assert forked.best == plain.best
    losses = [[value for _, value, _ in store.metrics.history(each.id, "step/loss")] for each in (forked, plain)]
    assert losses[0] == losses[1]


def test_how_a_forked_worker_ended_is_known(store: RunStore, drive: Path) -> None:
    run = start(store, drive, epochs=500)
    worker = worker_of(store, run)
    worker.kill()
    dead = until(store, run.id, lambda each: each.is_final, seconds=15)
    assert "SIGKILL" in dead.reason
    assert not worker.is_running()


@pytest.mark.exhaustive
def test_an_idle_server_ends_and_takes_its_socket_along(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_FORK_MINUTES", "0.02")
    warm_up()
    assert len(list(runtime.glob("*.sock"))) == 1
    in_time(lambda: not list(runtime.glob("*.sock")))
    assert (runtime / "log").read_text() == ""


@pytest.mark.exhaustive
def test_one_whose_libraries_would_load_otherwise_takes_the_place_of_the_one_there(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def servers() -> list[psutil.Process]:
        return [
            each for each in psutil.process_iter(["cmdline"]) if str(runtime) in " ".join(each.info["cmdline"] or [])
        ]

    warm_up()
    first = list(runtime.glob("*.sock"))
    in_time(lambda: len(servers()) == 1)
    warm_up()
    assert list(runtime.glob("*.sock")) == first
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    warm_up()
    (second,) = runtime.glob("*.sock")
    assert [second] != first
    in_time(lambda: [str(second) in each.cmdline() for each in servers()] == [True])
    second.unlink()
    in_time(lambda: servers() == [])


def test_a_changed_file_of_the_program_is_not_run_in_its_old_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core").mkdir()
    file = tmp_path / "core" / "new.py"
    file.write_text("pass")
    monkeypatch.setattr(fork_client, "PROJECT", tmp_path)
    before = fork_client.socket_name(worker_environment())
    assert fork_client.socket_name(worker_environment()) == before
    assert fork_client.socket_name(worker_environment() | {"FOVEA_HOME": "/elsewhere"}) == before
    file.write_text("pass  # changed")
    assert fork_client.socket_name(worker_environment()) != before


def test_a_server_that_does_not_answer_costs_patience_and_no_run(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_client, "PATIENCE", 0.3)
    runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent, (tmp_path / "log").open("ab") as log:
        silent.bind(str(runtime / fork_client.socket_name(worker_environment())))
        silent.listen()
        assert fork_worker(["work", "x"], worker_environment(), output=log, note=tmp_path / "exit") is None


@pytest.mark.exhaustive
def test_a_request_whose_client_has_gone_is_not_served(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(log: Path, patience: float) -> bool:
        monkeypatch.setattr(fork_client, "PATIENCE", patience)
        with log.open("ab") as output:
            return fork_worker(["experiments"], worker_environment(), output=output, note=tmp_path / "x") is not None

    warm_up()
    assert not ask(tmp_path / "first", 0.05), "it was still importing"
    assert ask(tmp_path / "second", PATIENCE)
    in_time(lambda: "landcover" in (tmp_path / "second").read_text())
    assert (tmp_path / "first").read_text() == ""


@pytest.mark.parametrize("harm", ["open to others", "too long"])
def test_a_folder_that_will_not_do_means_a_start_without(
    harm: str, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if harm == "open to others":
        runtime.mkdir()
        runtime.chmod(0o777)
    else:
        folder = tmp_path / ("long" * 30)
        folder.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    warm_up()
    with (tmp_path / "log").open("ab") as log:
        assert fork_worker(["experiments"], worker_environment(), output=log, note=tmp_path / "exit") is None


def test_what_is_imported_beforehand_computes_nothing_and_whoever_imports_it_finds_the_same_server() -> None:
    program = """
import os, sys, threading
from core.runs.process.fork_client import socket_name, worker_environment
before = socket_name(worker_environment())
from core.runs.process.fork_server import preload
preload()
import torch
assert socket_name(worker_environment()) == before, "imports changed the environment"
assert threading.active_count() == 1, threading.enumerate()
assert not torch.cuda.is_initialized()
assert "streamlit" not in sys.modules and "gradio" not in sys.modules
assert not [each for each in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{each}").endswith(".db")]
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
