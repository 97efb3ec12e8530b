"""How a run gets a process of its own."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import psutil

from core.paths import PROJECT
from core.platforms import DETACHED
from core.runs.process.causes import exit_path, note_exit
from core.runs.process.fork_client import fork_worker, warm_up, worker_environment
from core.runs.process.liveness import identify
from core.runs.store.run_store import RunStore


class Executor(Protocol):
    """Starts the worker of a recorded run and returns at once."""

    def start(self, store: RunStore, run_id: str) -> None:
        """Start ``python -m core work RUN`` somewhere."""


class ProcessExecutor:
    """Starts workers on this machine, each in a session of its own, so that it outlives whoever started it."""

    def start(self, store: RunStore, run_id: str) -> None:
        """Start the worker; what it prints goes to the run's log."""
        path = store.files.log_path(run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        words, environment = ["work", run_id], worker_environment() | {"MLFLOW_TRACKING_URI": store.uri}
        with path.open("ab") as log:
            warm_up()
            worker = fork_worker(words, environment, output=log, note=exit_path(path))
            worker = worker or _start_process(words, environment, log, exit_path(path))
        store.name_worker(run_id, worker)


def _start_process(words: list[str], environment: Mapping[str, str], log: IO[bytes], note: Path) -> dict[str, Any]:
    """Start a worker that imports everything by itself; return the identity of its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "core", *words],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        **DETACHED,
    )
    threading.Thread(target=lambda: note_exit(note, process.wait()), daemon=True).start()  # so that no zombie stays
    return identify(psutil.Process(process.pid))
