"""What lies in the home folder, how much of the disk it takes, and which of it a rule lets go.

Only one thing is ever cleaned away by rule: the state from which a run that has ended could go on. The best weights,
curves, pictures and logs stay until their run is deleted and erased.
"""

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.paths import data_folder, home, logs_folder, tried_folder
from core.platforms import locked_file
from core.runs.run import Run
from core.runs.settings import Settings
from core.runs.store.run_store import RunStore

DAY, GIB = 86_400.0, 2.0**30
CLEANED = "cleaned"
"""Marks a run's checkpoints whose state was cleaned away."""


@dataclass(frozen=True)
class Share:
    """One line of the disk's use: what it is and how many bytes it takes."""

    title: str
    size: int


def measure_disk(store: RunStore) -> list[Share]:
    """Return what takes how much of the disk, the largest first."""
    runs, deleted = store.runs(), store.runs(deleted=True)
    shares = [
        Share("Best weights", _sum(_checkpoint(store, run) / "best" for run in runs)),
        Share("States to go on with", _sum(_state(store, run) for run in runs)),
        Share("Sample pictures", _sum(store.files.folder(run.id) / "pictures" for run in runs)),
        Share("Deleted runs", _sum(store.files.folder(run.id) for run in deleted)),
        Share("Decoded pictures and features", _sum([home() / "cache"])),
        Share("Pictures tried lately", _sum([tried_folder()])),
        Share("Data sets", _sum([data_folder()])),
        Share("Logs", _sum([logs_folder()])),
        Share("Curves and settings of runs", _sum(home().glob("mlflow.db*"))),
    ]
    return sorted(shares, key=lambda each: -each.size)


def removable(store: RunStore, rule: Settings, *, now: float | None = None) -> list[tuple[Run, int]]:
    """Return the runs whose state a rule lets go, the oldest first, with the bytes that each frees."""
    moment = time.time() if now is None else now
    ended = [run for run in store.runs() if run.is_final and _state(store, run).exists()]
    ended.sort(key=lambda run: run.ended or run.created)
    sizes = {run.id: _size(_state(store, run)) for run in ended}
    total, found = sum(sizes.values()), []
    for run in ended:
        old = rule.keep_days and moment - (run.ended or run.created) > rule.keep_days * DAY
        if old or (rule.keep_gib and total > rule.keep_gib * GIB):
            found.append((run, sizes[run.id]))
            total -= sizes[run.id]
    return found


def clean(store: RunStore, rule: Settings, *, now: float | None = None) -> int:
    """Remove what a rule lets go; return how many bytes that freed."""
    if not (rule.keep_days or rule.keep_gib):
        return 0
    freed = 0
    for run, size in removable(store, rule, now=now):
        with locked_file(home() / "queue.lock"):  # nothing is started meanwhile
            if store.get(run.id).is_final:
                (_checkpoint(store, run) / CLEANED).write_text(str(time.time()))
                shutil.rmtree(_state(store, run), ignore_errors=True)
                freed += size
    return freed


def require_state(store: RunStore, run: Run) -> None:
    """Make sure that a run can go on.

    Raises:
        UserError: If its state was cleaned away.
    """
    if (_checkpoint(store, run) / CLEANED).exists():
        raise UserError(
            f"The state from which run {run.short_id} could go on was cleaned away by the rule on the System page. Its "
            "best weights are there; press Train again to train anew with the same settings."
        )


def _checkpoint(store: RunStore, run: Run) -> Path:
    return store.files.folder(run.id) / "checkpoint"


def _state(store: RunStore, run: Run) -> Path:
    return _checkpoint(store, run) / "last"


def _sum(places: Iterable[Path]) -> int:
    return sum(_size(each) for each in places)


def _size(place: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 for what is not there."""
    try:
        if not place.is_dir():
            return place.stat().st_size
        return sum(each.stat().st_size for each in place.rglob("*") if each.is_file())
    except OSError:
        return 0
