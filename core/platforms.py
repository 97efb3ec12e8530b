"""Locks and processes on every system: the one place that knows what Linux, macOS and Windows do differently.

Where a system has no locks that it gives back by itself, `filelock` leaves a file that names its holder, and takes it
over once that process is gone.
"""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # that it has to do with files instead of the system's own locks
    from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

POLL = 0.01
"""Seconds between two looks at a lock that another process holds."""
DETACHED: Mapping[str, Any] = MappingProxyType(
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)
"""Arguments of `subprocess.Popen` for a process that outlives whoever starts it and hears none of its Ctrl-C."""


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold a lock between processes and threads, which is given back however the holder ends.

    Raises:
        OSError: If the file cannot be made or locked.
    """
    with FileLock(path, poll_interval=POLL):
        yield


@contextmanager
def tried_lock(path: Path) -> Iterator[bool]:
    """Hold such a lock if nobody else does; yields whether it is held.

    Raises:
        OSError: If the file cannot be made or locked.
    """
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def mark_as_read(file: IO[bytes]) -> None:
    """Keep an open file from :func:`remove_unread` for as long as it, or a mapping of it, is open in this process.

    Windows does so by itself.
    """
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_SH)  # a mapping keeps a duplicate of the open file, and with it the lock


def remove_unread(path: Path) -> bool:
    """Remove a file unless somebody has marked it as read; return whether it is gone."""
    try:
        with path.open("rb") as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                return True
        path.unlink(missing_ok=True)  # Windows removes no file that is open, here or elsewhere
    except FileNotFoundError:
        return True
    except OSError:  # read by somebody, or not ours to remove
        return False
    return True


def kill_process(number: int) -> None:
    """End a process that was started :data:`DETACHED`, and what it has started, at once.

    Args:
        number: Of the process.
    """
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)  # it leads a session of its own
        return
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(number)
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def was_killed(code: int) -> bool:
    """Say whether an exit status tells of an end that the process could not hinder, such as want of memory brings."""
    return -code in {getattr(signal, name, None) for name in ("SIGKILL", "SIGBUS")}


def name_signal(code: int) -> str:
    """Return the name of the signal that ended a process; empty if none did.

    Args:
        code: Its exit status, negative where a signal ended it.
    """
    with suppress(ValueError):
        return signal.Signals(-code).name if code < 0 else ""
    return f"signal {-code}"


def peak_memory() -> int:
    """Return the most memory that this process has had, bytes; what it has now where the system keeps no record."""
    if resource:
        unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
