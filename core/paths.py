"""Where things live on disk: the project itself, and the one folder that holds everything users record."""

import hashlib
import os
import tempfile
from pathlib import Path

from core.errors import UserError, shorten

PROJECT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the folder of runs, data and logs: ``FOVEA_HOME``, or ``.fovea/`` in the project.

    The environment variable is read at every call, so that a test or a second server can point elsewhere.
    """
    given = os.environ.get("FOVEA_HOME", "")
    return as_path(given).resolve() if given else PROJECT / ".fovea"


def as_path(given: str) -> Path:
    """Return the path that a person typed, ``~`` filled in.

    Raises:
        UserError: If it names no place: a user whom this machine does not know, or a character that no name holds.
    """
    try:
        path = Path(given).expanduser()
        path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{shorten(given)!r} names no place on this machine; give a path that does.") from error
    return path


def data_folder() -> Path:
    """Return the folder of generated, imported and downloaded data sets."""
    return home() / "data"


def logs_folder() -> Path:
    """Return the folder that holds one log file per run."""
    return home() / "logs"


def tried_folder() -> Path:
    """Return where pictures that were given to a demo, and what came of them, lie for up to two hours.

    ``GRADIO_TEMP_DIR`` if it is set.
    """
    return Path(os.environ.get("GRADIO_TEMP_DIR") or home() / "tried")


def nameless_folder() -> Path:
    """Return such a folder whose name says nothing of this machine: the answer to an upload tells it to the visitor."""
    own = hashlib.sha256(str(home()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"fovea-{own}"


def checkpoints_folder() -> Path:
    """Return the folder of the trained weights that ship with the project."""
    return PROJECT / "checkpoints"
