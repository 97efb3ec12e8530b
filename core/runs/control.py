"""What people do to runs: kill, resume, prolong, delete, bring back, erase. Each works from a page and a command."""

import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

from core.errors import UserError
from core.experiments import find_experiment
from core.platforms import kill_process
from core.public import refuse_keeper_task, refuse_training
from core.runs.admission import admission, refuse_more
from core.runs.process.causes import exit_path
from core.runs.process.liveness import is_alive
from core.runs.queue import dispatch
from core.runs.reaping import reap_run
from core.runs.run import FINISHED, Run
from core.runs.storage import require_state
from core.runs.store.run_store import RunStore

GONE_SECONDS = 5.0


def kill(store: RunStore, run_id: str) -> Run:
    """End a run at once; what its last whole epoch left is kept.

    Raises:
        UserError: If it has ended, or its worker is on another machine.
    """
    run = store.get(run_id)
    host = run.worker.get("host", socket.gethostname())
    if host != socket.gethostname():
        raise UserError(f"Run {run.short_id} is trained on {host}; kill it there, or stop it from here.")
    run = store.mark_killed(run.id)
    if not run.is_final and is_alive(run.worker, unknown=False):
        kill_process(run.worker["pid"])
        deadline = time.monotonic() + GONE_SECONDS
        while is_alive(run.worker, unknown=False) and time.monotonic() < deadline:
            time.sleep(0.05)
    reap_run(store, store.get(run.id), patience=0.0)
    dispatch(store)
    return store.get(run.id)


def resume(store: RunStore, run_id: str) -> Run:
    """Let a run that was stopped or failed go on from its last whole epoch, as if it had never been interrupted.

    Raises:
        UserError: If it is under way or has finished, its stored settings are not valid any more, or its state was
            cleaned away.
    """
    run = store.get(run_id)
    if run.status == FINISHED:
        raise UserError(f"Run {run.short_id} has finished all its epochs; prolong it to train further.")
    find_experiment(run.slug).read_config(run.config)
    require_state(store, run)
    run = _reopen(store, run)
    dispatch(store)
    return store.get(run.id)


def _reopen(store: RunStore, run: Run, epochs: int | None = None) -> Run:
    with admission():
        refuse_more(store)
        run = store.reopen(run.id, epochs=epochs)
    exit_path(store.files.log_path(run.id)).unlink(missing_ok=True)
    return run


def extend(store: RunStore, run_id: str, epochs: int) -> Run:
    """Add epochs to a run: one under way goes on beyond its end, one that has ended is opened again.

    Raises:
        UserError: If epochs is less than 1, the settings do not allow so many, or its state was cleaned away.
    """
    run = store.get(run_id)
    if epochs < 1:
        raise UserError(f"epochs was given as {epochs}; a run can be prolonged by 1 or more.")
    experiment = find_experiment(run.slug)
    config = experiment.read_config(run.config)
    wanted = replace(config, epochs=config.epochs + epochs)  # checks the range
    refuse_training(wanted.as_values(), experiment.largest)
    if run.is_final:
        require_state(store, run)
    if run.is_final:
        _reopen(store, run, wanted.epochs)
        dispatch(store)
    else:
        store.set_epochs(run.id, wanted.epochs)
    return store.get(run.id)


def say_consequence(run: Run, epochs: int) -> str:
    """Say what prolonging a run by so many epochs does to its learning rate."""
    schedule, total = run.config.get("schedule"), int(run.config.get("epochs", 0)) + epochs
    if not run.progress.step:
        return f"Nothing has been trained yet, so this is a training of {total} epochs from the start."
    if schedule == "one-cycle":
        return (
            f"Its learning rate rises and falls once over the whole training: from here it follows the cycle of "
            f"{total} epochs, so it jumps up to where that one would be now and falls again. The result is not that "
            f"of a training of {total} epochs from the start."
        )
    if schedule == "plateau":
        return "Its learning rate stays where it is and falls when the loss stands still, as before."
    return "Its learning rate is constant, so this is the same as if it had been given these epochs from the start."


def erase_deleted(store: RunStore) -> int:
    """Remove all deleted runs for ever, with their checkpoints, pictures and logs; return how many.

    Raises:
        UserError: If the store is a tracking server, which erases by itself, or refuses.
    """
    refuse_keeper_task("Erasing runs")
    runs = store.runs(deleted=True)
    if not runs:
        return 0
    if store.uri.startswith("http"):
        raise UserError(f"Runs on {store.uri} are erased on that machine, by `mlflow gc`; here they stay deleted.")
    folders = [store.files.folder(run.id) for run in runs]
    words = ["-m", "mlflow", "gc", "--backend-store-uri", store.uri, "--tracking-uri", store.uri]
    done = subprocess.run(
        [sys.executable, *words, "--run-ids", ",".join(run.id for run in runs)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise UserError(f"The store did not erase the deleted runs: {said}")
    for run, folder in zip(runs, folders, strict=True):
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # MLflow keeps artifacts one folder below the run's own
        for path in (store.files.log_path(run.id), exit_path(store.files.log_path(run.id))):
            path.unlink(missing_ok=True)
    return len(runs)
