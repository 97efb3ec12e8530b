"""Fork server: a process that has imported what a training needs, and from which each worker is forked in a moment.

Importing torch, MLflow and the rest takes seconds, which every worker would otherwise spend before its first step. This
process imports all of it once and computes nothing, so that a fork of it is clean: no thread pool has been started, no
random number drawn, no database or GPU opened. What a fork changes in memory is its own and is given back when it ends.

It is started by :mod:`core.runs.process.fork_client`, which passes a listening socket, and ends by itself: some minutes
after its last worker, or as soon as its socket's file is gone, because another version of the program took its place.
"""

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from setproctitle import getproctitle, setproctitle

from core.runs.process.causes import note_exit
from core.runs.process.liveness import identify

MESSAGE = 2**20
"""Bytes of the longest request; one that is longer does not pass the socket anyway."""
POLL = 1.0
"""Seconds after which it looks around when nothing happens."""
PACKAGES = ("core.models", "core.metrics", "core.engine", "core.tasks", "core.data", "core.experiments")
MODULES = (
    "core.cli", "core.runs.process.worker", "core.runs.training",
    "core.inference.scores", "core.inference.predictors.kinds",
    "mlflow.store.tracking.sqlalchemy_store", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
"""What a worker imports by and by, beside all modules of the packages above."""


@dataclass(frozen=True)
class Request:
    """What a client asks for.

    Attributes:
        words: Of the command line, after ``python -m core``.
        environment: Of the worker, whole.
        output: File descriptor that becomes its standard output and error.
        note: File for its exit code, where it did not end well.
    """

    words: list[str]
    environment: dict[str, str]
    output: int
    note: Path


def preload() -> None:
    """Import everything that a training may need."""
    gc.set_threshold(100_000, 20, 50)
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a fork would otherwise touch, and so copy, all of these pages


def serve(listener: socket.socket, path: Path, own: int, idle: float) -> Request | None:
    """Fork a process for each request.

    Args:
        listener: Bound to ``path``, ``SOCK_SEQPACKET``.
        path: When this file is gone, or another's, no further request is taken.
        own: The inode that the file had when this process began; 0 where it was gone already.
        idle: Seconds without a request and without a child after which it ends.

    Returns:
        In a forked child, what it is to do; None in the server itself, at its end.
    """
    children, last = dict[int, Path](), time.monotonic()
    waking = _wake_at_the_end_of_children()
    while True:
        if _note_ends(children):
            last = time.monotonic()
        retired = not own or _inode(path) != own
        if not children and (retired or time.monotonic() - last > idle):
            if not retired:
                path.unlink()
            return None
        ready, _, _ = select.select([waking] if retired else [listener, waking], [], [], POLL)
        if waking in ready:
            waking.recv(4096)
        if listener in ready:
            last = time.monotonic()
            with suppress(OSError, ValueError), listener.accept()[0] as client:
                request = _receive(client)
                if request is not None and _fork_for(request, client, children):
                    listener.close()
                    waking.close()
                    return request


def _fork_for(request: Request, client: socket.socket, children: dict[int, Path]) -> bool:
    """Fork, let the fork tell the client which process it is, and say whether this is the fork."""
    try:
        with warnings.catch_warnings():
            # The threads it warns of are those that OpenBLAS starts when it is imported, and anew in a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
    except OSError:  # the client tries by itself, and tells why that cannot be
        os.close(request.output)
        return False
    if pid == 0:
        os.setsid()  # before anybody knows its number: whoever kills it kills its group
        client.send(json.dumps(identify(psutil.Process())).encode())
        return True
    os.close(request.output)
    children[pid] = request.note
    return False


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _wake_at_the_end_of_children() -> socket.socket:
    """Return what becomes readable when a child ends."""
    waking, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # else no signal is written to the socket
    signal.set_wakeup_fd(waker.detach(), warn_on_full_buffer=False)
    return waking


def _note_ends(children: dict[int, Path]) -> bool:
    """Take note of the children that have ended; say whether there were any."""
    before = len(children)
    for pid in tuple(children):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            note_exit(children.pop(pid), os.waitstatus_to_exitcode(status))
    return len(children) < before


def _receive(client: socket.socket) -> Request | None:
    """Return what is asked for; None where a client that waited too long has gone, and begins the worker itself."""
    client.settimeout(2.0)
    data, descriptors, _, _ = socket.recv_fds(client, MESSAGE, 1)
    if data and descriptors and not _has_gone(client):
        asked = json.loads(data)
        return Request(asked["words"], asked["environment"], descriptors[0], Path(asked["note"]))
    for each in descriptors:
        os.close(each)
    return None


def _has_gone(client: socket.socket) -> bool:
    ready, _, _ = select.select([client], [], [], 0)
    return bool(ready)  # a client sends once and then waits: what can be read is its end


def become(request: Request) -> None:
    """Turn a forked child into a process of its own, as if it had been started by its command."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(request.output, 1)
    os.dup2(request.output, 2)
    os.close(request.output)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    tempfile.tempdir = None
    sys.argv = ["core", *request.words]
    import numpy as np  # noqa: PLC0415 - preloaded
    import torch  # noqa: PLC0415

    np.random.seed()  # as in a new process: all forks would have the same numbers; Python's own are seeded anew by it
    torch.seed()
    setproctitle(f"{sys.executable} -m core {' '.join(request.words)}")


def main(arguments: list[str]) -> int:
    """Serve on the socket that the client passed; in a fork, run the command that was asked for."""
    descriptor, path, seconds = arguments
    with socket.socket(fileno=int(descriptor)) as listener:
        getproctitle()  # finds where titles are kept, which works only while the environment is as it was
        own = _inode(Path(path))
        preload()
        request = serve(listener, Path(path), own, float(seconds))
    if request is None:
        return 0
    become(request)
    from core.cli import main as run_command  # noqa: PLC0415 - preloaded

    status = run_command(request.words)
    gc.freeze()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
