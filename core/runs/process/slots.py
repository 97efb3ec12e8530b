"""How many runs train at once on this machine.

Two trainings on the same processor cores do not take twice as long but ten times: each waits for the other's threads.
So a worker takes a slot before it begins. A slot is a locked file: it is given back however the process ends, so a slot
can never be held by the dead.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.paths import home
from core.platforms import tried_lock
from core.runs.settings import read_settings

CORES_PER_RUN = 2
GPUS = Path("/proc/driver/nvidia/gpus")


def slot_count() -> int:
    """Return how many runs may train at once: ``FOVEA_SLOTS``, else what the user set, else what the machine allows."""
    given = os.environ.get("FOVEA_SLOTS", "")
    return max(1, int(given) if given.isdigit() else read_settings().slots or allowed_slots())


def allowed_slots() -> int:
    """Return one for each GPU, or one for every two processor cores where there is none."""
    return max(1, gpu_count() or (os.cpu_count() or 1) // CORES_PER_RUN)


def gpu_count() -> int:
    """Return how many NVIDIA GPUs a run may use, without waking them up, which torch would."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([each for each in visible.split(",") if each.strip() not in ("", "-1")])
    return sum(1 for _ in GPUS.glob("*")) if GPUS.is_dir() else 0


def use_gpu_of(slot: int) -> None:
    """Let this process see the one GPU that goes with its slot; to be called before torch is loaded."""
    count = gpu_count()
    if count > 1:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count)))).split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[slot % count].strip()


@contextmanager
def held_slot() -> Iterator[int | None]:
    """Try to take a slot; yields its number from 0, or None if there was none, and gives it back on leaving."""
    folder = home() / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(slot_count()):
        with tried_lock(folder / str(number)) as taken:
            if taken:
                yield number
                return
    yield None
