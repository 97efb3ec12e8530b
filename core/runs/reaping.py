"""Runs whose worker is gone: found by a missing heartbeat and a vanished process, and marked as failed or stopped.

Whoever starts runs looks for them, the server every other second and each command; reading a run changes nothing.
"""

import time

from core.runs.process.causes import last_words, say_cause, say_killed
from core.runs.process.liveness import is_alive
from core.runs.run import FAILED, KILLED, SCHEDULED, Run
from core.runs.store.run_store import RunStore

SILENCE = 2.5
"""Seconds without a heartbeat after which a worker's process is looked for."""
LOST = 60.0
"""Seconds without a heartbeat after which a worker on another machine counts as dead."""


def reap(store: RunStore) -> list[Run]:
    """Mark the runs whose worker is gone; return all that are still under way or wait, newest first."""
    found = [reap_run(store, run) for run in store.unfinished()]
    return [run for run in found if not run.is_final]


def reap_run(store: RunStore, run: Run, *, patience: float = SILENCE) -> Run:
    """Mark a run whose worker is gone as failed, or as stopped where that was asked for; return it as it is then.

    Args:
        store: Of the run.
        run: As it was read.
        patience: Seconds without a heartbeat after which its process is looked for.
    """
    if run.is_final or (run.status == SCHEDULED and not run.worker):
        return run  # a queued run: nobody was to work on it yet
    silence = time.time() - (run.beat or run.created)
    if silence < patience or is_alive(run.worker, unknown=silence < LOST):
        return run
    if run.killed:
        store.finish(run.id, KILLED, say_killed(run))
        return store.get(run.id)
    store.mark_lost(run.id)
    log = store.files.log_path(run.id)
    store.finish(run.id, FAILED, f"{say_cause(run, log)} {last_words(log)}".strip())
    return store.get(run.id)
