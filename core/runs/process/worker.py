"""The process that trains one run: waits for its turn, trains, and records how it ended."""

import time
import traceback
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from core.errors import UserError
from core.public import hide_places, public_limits
from core.runs.process.causes import is_full_disk, say_failure
from core.runs.process.reserve import keep_reserve, release_reserve
from core.runs.process.slots import held_slot, use_gpu_of
from core.runs.queue import dispatch
from core.runs.requirements import needed_run
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store.retry import patiently
from core.runs.store.run_store import RunStore

if TYPE_CHECKING:
    from core.engine.trainer import Outcome

POLL_SECONDS = 0.7
BREATH = 1.0
"""Seconds from a full disk to the release of the reserve: what fills the disk may still be at it, and would take it."""


def work(store: RunStore, run_id: str) -> str:
    """Train a recorded run to its end, start what is queued behind it, and return its final status.

    Raises:
        UserError: If another process has taken the run.
    """
    run = store.claim(run_id)
    keep_reserve()
    try:
        return _work(store, run)
    finally:
        dispatch(store)


def _work(store: RunStore, run: Run) -> str:
    with ExitStack() as slot:
        try:
            if not _await_slot(store, run, slot):
                store.cancel(run)
                return store.get(run.id).status
            return _train(store, store.start(run.id))
        except UserError as error:
            return _end(store, run, FAILED, str(error))
        except Exception as error:  # a worker records its own death, whatever it dies of
            return _end(store, run, FAILED, say_failure(error), details=traceback.format_exc())


def _await_slot(store: RunStore, run: Run, slot: ExitStack) -> bool:
    """Wait until a slot is free; return False if the user stopped the run meanwhile.

    Runs from the queue find theirs free; one that a person starts with ``work`` may have to wait.
    """
    while (number := slot.enter_context(held_slot())) is None:
        if store.beat(run.id, run.progress).stop:
            return False
        store.say(run.id, "Waiting for a run that is under way.")
        time.sleep(POLL_SECONDS)
    use_gpu_of(number)
    return True


def _train(store: RunStore, run: Run) -> str:
    from core.runs.training import train  # noqa: PLC0415 - a run that waits needs no torch

    needed = needed_run(store, run)
    if needed is not None and needed.status != FINISHED:
        raise UserError(f"Run {needed.short_id}, which this one builds on, is {needed.state}; let it finish first.")
    outcome = train(store, run, None if needed is None else store.files.fetch(needed.id, "checkpoint/best"))
    status = KILLED if outcome.ending == "stopped" else FINISHED
    return _end(store, run, status, _ending(outcome, asked=store.get(run.id).stopping))


def _end(store: RunStore, run: Run, status: str, reason: str, details: str = "") -> str:
    reason = hide_places(reason)
    with suppress(OSError):  # the log may be on a disk that is full, and the run's end is to be recorded all the same
        print(f"{details}{status}: {reason}", flush=True)  # noqa: T201 - the log is the worker's standard output
    finish = partial(store.finish, run.id, status, reason)
    try:
        patiently(finish)
    except Exception as error:
        if not is_full_disk(error):
            raise
        time.sleep(BREATH)
        release_reserve()
        patiently(finish)
    return status


def _ending(outcome: "Outcome", *, asked: bool) -> str:
    best, limits = outcome.best, public_limits()
    reason = "on request" if asked or limits is None else f"by this public server after {limits.minutes:g} minutes,"
    kept = f"The weights of epoch {best.epoch} are kept." if best.epoch else "The weights of the last step are kept."
    said = {
        "finished": f"All {outcome.epoch} epochs are done.",
        "early": f"No improvement since epoch {best.epoch}, so it ended after epoch {outcome.epoch}.",
        "stopped": f"Stopped {reason} after epoch {outcome.epoch}.",
    }[outcome.ending]
    return " ".join(each for each in (said, kept, outcome.note) if each)
