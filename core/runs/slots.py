"""How many runs train at once on this machine.

Two trainings on the same processor cores do not take twice as long but ten times: each waits for the other's threads.
So a worker takes a slot before it begins. A slot is a locked file: the operating system gives it back however the
process ends, so a slot can never be held by the dead.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.paths import home

CORES_PER_RUN = 2


def slot_count() -> int:
    """Return how many runs may train at once: ``FOVEA_SLOTS``, or one per two processor cores."""
    given = os.environ.get("FOVEA_SLOTS", "")
    return max(1, int(given) if given.isdigit() else (os.cpu_count() or 1) // CORES_PER_RUN)


@contextmanager
def held_slot() -> Iterator[bool]:
    """Try to take a slot; yields whether there was one, and gives it back on leaving."""
    folder = home() / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    taken = next((file for number in range(slot_count()) if (file := _locked(folder / str(number)))), None)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            taken.close()


def _locked(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
