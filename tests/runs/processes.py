"""Commands as processes of their own, forked as workers are: without the seconds that importing takes."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.runs.process.fork_client import fork_worker, warm_up, worker_environment
from core.runs.process.liveness import is_alive


def begin(words: Sequence[str], output: Path, note: Path, **environment: str) -> dict[str, Any]:
    """Start ``python -m core`` with these words, and return the identity of its process.

    Args:
        words: Of the command line.
        output: Gets what it prints; may be a device.
        note: Gets its exit code, where it does not end well.
        environment: In place of what this process has.
    """
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        warm_up()
        with output.open("ab") as file:
            process = fork_worker(words, worker_environment() | environment, output=file, note=note)
        if process:
            return process
    raise AssertionError("there is no fork server")


def await_end(process: dict[str, Any], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while is_alive(process, unknown=True):
        assert time.monotonic() < deadline
        time.sleep(0.05)
