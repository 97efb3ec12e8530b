"""Locks and processes, and a run on a system that has none of Unix's modules: they are hidden here."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from core.paths import PROJECT
from core.platforms import DETACHED, kill_process, locked_file, mark_as_read, name_signal, remove_unread, tried_lock
from tests.synthetic_sets import SyntheticSets

HIDDEN = """
import os, sys
import psutil  # on Linux it needs `resource` itself; on Windows it does without
sys.modules.update(fcntl=None, resource=None)
del os.killpg
"""
PROGRAM = """
import sys, time
from core.experiments import find_experiment
from core.runs.control import kill, resume
from core.runs.launcher import launch
from core.runs.process.liveness import is_alive
from core.runs.store.run_store import RunStore

def wait_for(done):
    deadline = time.monotonic() + 150
    while not done(store.get(run)):
        assert time.monotonic() < deadline, store.get(run)
        time.sleep(0.1)
    return store.get(run)

store, vessels = RunStore(), find_experiment("vessels")
config = vessels.config(recipe="quick", data=sys.argv[1], changes={"epochs": 500, "diameter": 160, "patches": 3})
run = launch(store, "vessels", config).id
wait_for(lambda each: each.progress.epoch >= 1)
store.request_stop(run)
stopped = wait_for(lambda each: each.is_final)
resume(store, run)
going = wait_for(lambda each: each.progress.epoch > stopped.progress.epoch)
killed = kill(store, run)
print(stopped.state, going.state, killed.state, is_alive(going.worker, unknown=True))
"""


def run_without_unix(folder: Path, program: str, *words: str) -> str:
    """Return what a program prints that finds none of the modules."""
    (folder / "sitecustomize.py").write_text(HIDDEN)
    environment = os.environ | {
        "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}",
        "FOVEA_HOME": str(folder / "home"),
        "FOVEA_FORK_MINUTES": "0",  # nor is there forking
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_package_is_imported_without_the_modules_of_unix(tmp_path: Path) -> None:
    modules = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in (PROJECT / "core").rglob("*.py")]
    only_linux = "core.runs.process.fork_server"  # which is started where there is forking alone
    wanted = [each for each in modules if not each.endswith(("__main__", "__init__")) and each != only_linux]
    assert len(wanted) > 250
    told = run_without_unix(
        tmp_path, "import sys, importlib\nfor each in sys.argv[1:]: importlib.import_module(each)", *wanted
    )
    assert told == ""


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_is_trained_stopped_resumed_and_killed_without_the_modules_of_unix(
    synthetic_sets: SyntheticSets, tmp_path: Path
) -> None:
    told = run_without_unix(tmp_path, PROGRAM, str(synthetic_sets.of("vessels")))
    assert told.split() == ["stopped", "running", "stopped", "False"]


def test_a_lock_keeps_others_out_until_its_holder_is_done(tmp_path: Path) -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with locked_file(tmp_path / "lock"):
            order.append("second")

    with locked_file(tmp_path / "lock"):
        other = threading.Thread(target=wait_for_it)
        other.start()
        time.sleep(0.1)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_a_lock_that_is_held_elsewhere_is_not_waited_for_and_comes_free_when_its_holder_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    program = (
        f"from core.platforms import *; from pathlib import Path; import time\nwith locked_file(Path({str(path)!r})):"
    )
    words = [sys.executable, "-c", f"{program}\n    print('held', flush=True); time.sleep(600)"]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, **DETACHED) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with tried_lock(path) as held:
            assert not held
        kill_process(holder.pid)
        assert name_signal(holder.wait()) == "SIGKILL"
    with tried_lock(path) as held:
        assert held


def test_what_a_process_has_started_ends_with_it() -> None:
    program = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    with subprocess.Popen([sys.executable, "-c", f"{program}; time.sleep(600)"], **DETACHED) as process:
        while not (children := psutil.Process(process.pid).children()):
            time.sleep(0.01)
        kill_process(process.pid)
        process.wait()
        assert psutil.wait_procs(children, timeout=20)[1] == []


def test_a_file_is_not_removed_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "array"
    path.write_bytes(b"numbers")
    with path.open("rb") as file:
        mark_as_read(file)
        assert not remove_unread(path)
        assert path.exists()
    assert remove_unread(path)
    assert not path.exists()
    assert remove_unread(path), "gone already"
