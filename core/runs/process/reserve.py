"""A little space on disk that is given up when the disk is full, so that a run can still be marked as failed."""

import os
from contextlib import suppress
from pathlib import Path

from core.paths import home

SIZE = 4 * 2**20


def _path() -> Path:
    return home() / "reserve"


def keep_reserve() -> None:
    """Take the space, where there is any; sparse files would take none, so it is really written."""
    path = _path()
    with suppress(OSError):
        if not path.exists() or path.stat().st_size < SIZE:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(os.urandom(SIZE))  # a file system that compresses would not keep room for zeros


def release_reserve() -> None:
    """Give the space back."""
    _path().unlink(missing_ok=True)
