"""Asking the fork server for a worker, and starting that server where there is none.

There is one fork server for a user of this machine. Its socket is named after everything that a fork inherits and could
not change any more: the program's and its packages' files, the environment that libraries read when they are loaded,
processors and control group. Whoever differs in one of them takes the place of the server that is there, so that a
changed file is never run in its old form.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from core.paths import PROJECT
from core.platforms import locked_file

IDLE_MINUTES = 10.0
"""For which the fork server waits for a further run, where ``FOVEA_FORK_MINUTES`` says nothing; 0 does without."""
PATIENCE = 10.0
"""Seconds for which a fork is waited for, while the server is still importing, before a worker is started without."""
AT_LOADING = (
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "ONEDNN_", "DNNL_", "MALLOC_", "LD_", "PYTHON", "TORCH",
    "PYTORCH", "ATEN_", "LANG", "LC_",
)  # fmt: skip
"""How the environment variables begin that are read once, when Python or a library is loaded."""
SET_BY_IMPORTS = {"KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK", "TORCHINDUCTOR_CACHE_DIR"}
"""Those that scikit-learn and torch set when they are imported; OpenCV adds a folder to ``LD_LIBRARY_PATH``.

Who has imported them is to find the server of one that has not."""
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
"""Lets glibc keep what a step frees for the next one, instead of fetching it from the system page by page.

Measured: a step of the small vessel U-Net takes 0.117 s instead of 0.157 s on two processor cores."""
AT_FORK = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""Lets torch look for GPUs without touching them, which would keep forks from using them."""


PAGES = PROJECT / "core" / "ui"
"""The only part of the program that no worker imports."""


def worker_environment() -> dict[str, str]:
    """Return the environment of the workers that this process starts."""
    return KEEP_MEMORY | dict(os.environ) | {"PYTHONUNBUFFERED": "1"}


def minutes_idle() -> float:
    """Return for how many minutes a fork server stays with nothing to do; 0 where none is to be used."""
    if sys.platform != "linux":
        return 0.0
    with suppress(ValueError):
        return max(0.0, float(os.environ.get("FOVEA_FORK_MINUTES") or IDLE_MINUTES))
    return IDLE_MINUTES


def warm_up() -> None:
    """Start the fork server for workers of this process where there is none; it takes its seconds beside the caller.

    Where that does not succeed, for want of memory or of a short enough path, workers start without one.
    """
    if not (minutes := minutes_idle()) or (folder := _folder()) is None:
        return
    environment = worker_environment()
    path = folder / socket_name(environment)
    with suppress(OSError), locked_file(folder / "lock"):
        if _listens(path):
            return
        for each in folder.glob("*.sock"):
            each.unlink()  # a server that finds its own gone ends, once its workers have ended
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen(64)
            _start_server(listener, path, 60 * minutes, environment)


def _start_server(listener: socket.socket, path: Path, seconds: float, environment: Mapping[str, str]) -> None:
    with path.with_name("log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.runs.process.fork_server", str(listener.fileno()), str(path), str(seconds)],
            cwd=PROJECT,
            env=AT_FORK | dict(environment),
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that no zombie stays


def fork_worker(
    words: Sequence[str], environment: Mapping[str, str], *, output: IO[bytes], note: Path
) -> dict[str, Any] | None:
    """Have a command forked from the fork server.

    Args:
        words: Of the command line, after ``python -m core``.
        environment: Of the worker, whole.
        output: Becomes its standard output and error.
        note: File for its exit code, where it does not end well.

    Returns:
        Identity of the worker's process; None where there is no fork server, or it does not answer.
    """
    if not minutes_idle() or (folder := _folder()) is None:
        return None
    asked = {"words": list(words), "environment": dict(environment), "note": str(note)}
    with suppress(OSError, ValueError), _connected(folder / socket_name(environment)) as server:
        server.settimeout(PATIENCE)
        socket.send_fds(server, [json.dumps(asked).encode()], [output.fileno()])
        answer = server.recv(4096)
        return dict(json.loads(answer)) if answer else None
    return None


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(str(path))
        yield server


def _listens(path: Path) -> bool:
    with suppress(OSError), _connected(path):
        return True
    return False


def _folder() -> Path | None:
    """Return the folder of this user's sockets, which nobody else may enter; None where it is not to be had."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"fovea-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_dir() and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return folder
    return None


def socket_name(environment: Mapping[str, str]) -> str:
    """Return the name of the socket of a server from which a worker with this environment can be forked."""
    told = hashlib.blake2b(digest_size=12)
    for each in _inherited(environment):
        told.update(each.encode(errors="surrogateescape") + b"\0")
    return f"{told.hexdigest()}.sock"


def _inherited(environment: Mapping[str, str]) -> Iterator[str]:
    yield from (sys.executable, str(PROJECT), str(sorted(os.sched_getaffinity(0))))
    packages = [Path(sysconfig.get_path(each)) for each in ("purelib", "platlib")]
    own = packages[0].resolve().parent
    for key in sorted(key for key in environment if key.startswith(AT_LOADING) and key not in SET_BY_IMPORTS):
        places = [each for each in environment[key].split(os.pathsep) if own not in Path(each).resolve().parents]
        if any(places):
            yield f"{key}={os.pathsep.join(places)}"
    with suppress(OSError):
        yield Path("/proc/self/cgroup").read_text()
    program = sorted(path for path in (PROJECT / "core").rglob("*.py") if PAGES not in path.parents)
    for each in (*packages, *program):
        with suppress(OSError):
            found = each.stat()
            yield f"{each} {found.st_mtime_ns} {found.st_size}"
