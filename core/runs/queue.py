"""Which run starts next. A queued run is a record alone: no process waits for it.

Whoever comes by - the server, a command, a worker that ends - calls :func:`dispatch`, which starts what may start. It
does so under a lock between processes, so two servers on one folder never start a run twice; and since the queue is
in the store, it survives all of them.
"""

import socket
import threading
import time

import psutil
from mlflow.exceptions import MlflowException

from core.errors import UserError
from core.paths import home
from core.platforms import locked_file
from core.runs.process.executor import Executor, ProcessExecutor
from core.runs.process.slots import slot_count
from core.runs.reaping import reap
from core.runs.requirements import needed_run
from core.runs.run import FAILED, FINISHED, RUNNING, SCHEDULED, Run
from core.runs.settings import read_settings
from core.runs.storage import clean
from core.runs.store.run_store import RunStore

CLEAN_SECONDS = 3600.0
RECENT = 200
"""So many runs of an experiment are asked how much memory they took."""
TYPICAL_MEMORY = 2 * 2**30
"""Bytes that a run is taken to need where none like it was measured."""


def queued(runs: list[Run]) -> list[Run]:
    """Return the runs that nobody works on yet, the next one first."""
    waiting = [run for run in runs if run.status == SCHEDULED and not run.worker]
    return sorted(waiting, key=lambda run: (run.order, run.created, run.id))


def place_of(run: Run, runs: list[Run]) -> int:
    """Return a queued run's place, 1 for the next one; 0 if it is not queued."""
    ids = [each.id for each in queued(runs)]
    return ids.index(run.id) + 1 if run.id in ids else 0


def move(store: RunStore, run_id: str, places: int) -> None:
    """Let a queued run start earlier (negative) or later by so many places.

    Raises:
        UserError: If it is not queued.
    """
    with locked_file(home() / "queue.lock"):
        run, waiting = store.get(run_id), queued(store.unfinished())
        others = [each for each in waiting if each.id != run.id]
        if len(others) == len(waiting):
            raise UserError(f"Run {run.short_id} is {run.state}; only a queued run has a place to change.")
        at = min(max(0, [each.id for each in waiting].index(run.id) + places), len(others))
        before = others[at - 1].order if at else others[0].order - 2 if others else run.order
        after = others[at].order if at < len(others) else before + 2
        store.set_order(run.id, (before + after) / 2)


def dispatch(store: RunStore, executor: Executor | None = None) -> list[Run]:
    """Start the queued runs that may start now; return them.

    A run starts when fewer runs are under way on this machine than may be at once, when the run it builds on has
    finished, and when memory suffices; the first in the queue is never passed by one that came later, except where it
    waits for another run.
    """
    started: list[Run] = []
    home().mkdir(parents=True, exist_ok=True)
    with locked_file(home() / "queue.lock"):
        runs = reap(store)
        here = socket.gethostname()
        busy = [run for run in runs if _is_under_way(run) and run.worker.get("host", here) == here]
        for run in queued(runs):
            if len(busy) + len(started) >= slot_count():
                break
            if run.host != here or not _is_ready(store, run):
                continue
            if (busy or started) and not _memory_suffices(store, run):
                break
            if _start(store, run, executor or ProcessExecutor()):
                started.append(run)
    return started


def _is_under_way(run: Run) -> bool:
    return run.status == RUNNING or (run.status == SCHEDULED and bool(run.worker))


def _is_ready(store: RunStore, run: Run) -> bool:
    """Say whether the run it builds on has finished; end it where that will never be."""
    try:
        needed = needed_run(store, run)
        if needed is not None and needed.is_final and needed.status != FINISHED:
            raise UserError(
                f"Run {needed.short_id}, which this one builds on, is {needed.state}; start this one again."
            )
    except UserError as error:
        store.finish(run.id, FAILED, str(error))
        return False
    return needed is None or needed.status == FINISHED


def _memory_suffices(store: RunStore, run: Run) -> bool:
    """Say whether the machine has as much free memory as the largest run like this one took."""
    like = [each for each in store.runs(slug=run.slug, limit=RECENT) if each.config.get("arm") == run.config.get("arm")]
    peaks = [2**20 * int(each.facts["peak_memory"]) for each in like if each.facts.get("peak_memory", "").isdigit()]
    return bool(psutil.virtual_memory().available > (max(peaks) if peaks else TYPICAL_MEMORY))


def _start(store: RunStore, run: Run, executor: Executor) -> bool:
    try:
        executor.start(store, run.id)
    except OSError as error:
        store.finish(run.id, FAILED, f"The worker could not be started: {error.strerror or error}.")
        return False
    return True


def keep_dispatching(closing: threading.Event, *, every: float = 2.0) -> None:
    """Find dead workers, start what is queued and clean up until the event is set: what a server does by the way."""
    store, cleaned = None, -CLEAN_SECONDS
    while not closing.wait(every):
        try:
            store = store or RunStore()
            dispatch(store)
            if time.monotonic() - cleaned > CLEAN_SECONDS:
                clean(store, read_settings())
                cleaned = time.monotonic()
        except (UserError, OSError, MlflowException):
            continue  # the pages tell what is wrong with the store; it may come back
