"""Whether the process that trains a run is still there: the same process, not just the same number."""

import socket
from collections.abc import Mapping
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """Return the identity of the calling process."""
    return identify(psutil.Process())


def identify(process: psutil.Process) -> dict[str, Any]:
    """Return host, process id and start time, which together name one process for ever."""
    return {"host": socket.gethostname(), "pid": process.pid, "since": process.create_time()}


def is_alive(worker: Mapping[str, Any], *, unknown: bool) -> bool:
    """Say whether a process still runs.

    Args:
        worker: What :func:`identify` returned.
        unknown: The answer where it cannot be known from here: another host, or no identity.
    """
    if worker.get("host") != socket.gethostname():
        return unknown
    try:
        process = psutil.Process(worker["pid"])
        same = abs(process.create_time() - float(worker["since"])) < 1
        return same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
