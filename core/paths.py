"""Where things live on disk: the project itself, and the one folder that holds everything users record."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the folder of runs, data and logs: ``FOVEA_HOME``, or ``.fovea/`` in the project.

    The environment variable is read at every call, so that a test or a second server can point elsewhere.
    """
    return Path(os.environ.get("FOVEA_HOME") or PROJECT / ".fovea").expanduser().resolve()


def data_folder() -> Path:
    """Return the folder of generated, imported and downloaded data sets."""
    return home() / "data"


def logs_folder() -> Path:
    """Return the folder that holds one log file per run."""
    return home() / "logs"


def tried_folder() -> Path:
    """Return where pictures that were given to a demo, and what came of them, lie for up to two hours."""
    return home() / "tried"


def checkpoints_folder() -> Path:
    """Return the folder of the trained weights that ship with the project."""
    return PROJECT / "checkpoints"


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the operating system gives it back however the holder ends."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
