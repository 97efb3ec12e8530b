"""The commands that look at runs and act on them; a part of :mod:`core.cli`."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.paths import as_path
from core.runs.process.fork_client import warm_up

if TYPE_CHECKING:
    from core.runs.run import Run
    from core.runs.store.run_store import RunStore

Command = Callable[..., argparse.ArgumentParser]
WithJson = Callable[[argparse.ArgumentParser], None]


def add_run_commands(command: Command, with_json: WithJson) -> None:
    """Add the commands to a parser."""
    listing = command("runs", show_runs, "List the runs, newest first.")
    listing.add_argument("--deleted", action="store_true", help="those that were deleted and can be brought back")
    with_json(listing)
    for name, function, summary in (
        ("show", show_run, "Show one run with all its knobs."),
        ("stop", stop_run, "Ask a run to stop after its current step and keep its best epoch."),
        ("kill", kill_run, "End a run at once; its last whole epoch is kept."),
        ("resume", resume_run, "Let a run that was stopped or failed go on from its last checkpoint."),
        ("delete", delete_run, "Put a run aside; restore brings it back."),
        ("restore", restore_run, "Bring a deleted run back."),
    ):
        sub = command(name, function, summary)
        sub.add_argument("run_id", metavar="RUN")
        with_json(sub)
    longer = command("extend", extend_run, "Add epochs to a run, whether it is under way or has ended.")
    longer.add_argument("run_id", metavar="RUN")
    longer.add_argument("--epochs", type=int, required=True, metavar="N", help="how many to add")
    with_json(longer)
    with_json(command("disk", show_disk, "Say what takes how much of the disk."))
    cleaning = command("clean", clean_states, "Remove the states from which runs that have ended could go on.")
    cleaning.add_argument("--days", type=int, default=0, metavar="N", help="of runs that ended longer ago than this")
    cleaning.add_argument("--gib", type=float, default=0.0, metavar="G", help="the oldest, until the rest takes less")
    cleaning.add_argument("--dry-run", action="store_true", help="only say which")
    with_json(cleaning)


def print_json(document: Any) -> int:
    """Print one document on standard output and return 0; a number that is none, or infinite, is null in it."""
    print(json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False))
    return 0


def _finite(value: Any) -> Any:
    """Return plain values with None for what JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def place_of_data(data: str | None) -> str:
    """Return a folder as an absolute path, which the worker understands wherever it runs; names stay.

    Raises:
        UserError: If nothing was given after the option, as where a variable of a shell is not set.
    """
    if data is None:
        return ""
    if not data.strip():
        raise UserError("--data was given without a name or a folder; leave it out for the usual data.")
    return str(as_path(data).resolve()) if as_path(data).is_dir() else data


def pair(text: str) -> tuple[str, str]:
    """Return knob and value of what was given to ``--set``.

    Raises:
        UserError: If it is not a pair.
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise UserError(f"--set was given {text!r}; write knob=value, for example --set epochs=5.")
    return name.strip(), value


def follow(store: "RunStore", run_id: str) -> "Run":
    """Tell each epoch and each change of state on standard error until the run has ended."""
    from core.runs.queue import dispatch, place_of
    from core.runs.reaping import reap_run
    from core.runs.run import SCHEDULED

    said = ""
    while True:
        run: Run = reap_run(store, store.get(run_id))
        place = 0
        if run.status == SCHEDULED and not run.worker:
            dispatch(store)
            place = place_of(run, store.unfinished())
        line = f"{run.state}  epoch {run.progress.epoch}/{run.epochs}  {say_best(run)}"
        line = f"{run.state}, place {place}" if place else line
        if line != said:
            print(line, file=sys.stderr)
            said = line
        if run.is_final:
            print(f"{run.state}: {run.reason}", file=sys.stderr)
            return run
        time.sleep(1.0 if place else 0.4)  # to look at the whole queue takes longer


def result_of(run: "Run") -> dict[str, Any]:
    """Return what commands that act on a run print of it."""
    return {
        "run": run.id,
        "status": run.status,
        "best": dict(run.best),
        "epoch": run.best_epoch,
        "seconds": None if run.seconds is None else round(run.seconds, 1),
        "reason": run.reason,
    }


def say_best(run: "Run") -> str:
    """Return the monitored score of a run's best epoch, or why the run cannot be opened; empty before the first."""
    from core.experiments import find_experiment
    from core.runs.store.readable import why_unreadable

    reason = why_unreadable(run)
    if reason:
        return reason
    monitor = find_experiment(run.slug).monitor_of(run.config["arm"])
    if math.isnan(run.best.get(monitor, 0.0)) and "loss" in run.best:
        return f"{monitor} is no number, loss {run.best['loss']:.4f} (epoch {run.best_epoch})"
    return f"best {monitor} {run.best[monitor]:.4f} (epoch {run.best_epoch})" if monitor in run.best else ""


def _swept() -> "RunStore":
    """Return the store, after dead workers were found and what is queued was started."""
    from core.runs.queue import dispatch
    from core.runs.store.run_store import RunStore

    store = RunStore()
    dispatch(store)
    return store


def show_runs(options: argparse.Namespace) -> int:
    """List runs."""
    from core.runs.queue import place_of

    store = _swept()
    runs = store.runs(deleted=options.deleted)
    if options.json:
        return print_json([run.as_json() for run in runs])
    if not runs:
        print(
            "None." if options.deleted else "No runs yet; start one with: python -m core train vessels --recipe quick"
        )
    for run in runs:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        place = place_of(run, runs)
        state = f"{run.state} {place}" if place else run.state
        print(f"{run.short_id}  {created}  {state:9}  {run.slug}  {run.name}  {say_best(run)}")
    return 0


def show_run(options: argparse.Namespace) -> int:
    """Show one run."""
    run = _swept().get(options.run_id)
    if options.json:
        return print_json(run.as_json())
    print(f"{run.id}  {run.slug}  {run.name}\n{run.state}: {run.reason}\n{say_best(run)}")
    for section in (run.config, run.facts):
        for key, value in section.items():
            print(f"  {key}: {value}")
    return 0


def _told(options: argparse.Namespace, run: "Run", said: str) -> int:
    if options.json:
        return print_json(result_of(run))
    print(said)
    return 0


def stop_run(options: argparse.Namespace) -> int:
    """Ask a run to stop."""
    run = _swept().request_stop(options.run_id)
    said = run.reason if run.is_final else "It stops after its current step; its best epoch is kept."
    return _told(options, run, f"Run {run.short_id}: {said}")


def kill_run(options: argparse.Namespace) -> int:
    """End a run at once."""
    from core.runs.control import kill

    run = kill(_swept(), options.run_id)
    return _told(options, run, f"Run {run.short_id}: {run.reason}")


def resume_run(options: argparse.Namespace) -> int:
    """Let a run go on."""
    warm_up()
    from core.runs.control import resume

    run = resume(_swept(), options.run_id)
    return _told(options, run, f"Run {run.short_id} goes on after epoch {run.progress.epoch}.")


def extend_run(options: argparse.Namespace) -> int:
    """Prolong a run."""
    warm_up()
    from core.runs.control import extend, say_consequence

    store = _swept()
    consequence = say_consequence(store.get(options.run_id), options.epochs)
    run = extend(store, options.run_id, options.epochs)
    print(consequence, file=sys.stderr)
    return _told(options, run, f"Run {run.short_id} is to have {run.config['epochs']} epochs.")


def delete_run(options: argparse.Namespace) -> int:
    """Put a run aside."""
    run = _swept().delete(options.run_id)
    return _told(
        options, run, f"Run {run.short_id} is deleted; bring it back with: python -m core restore {run.short_id}"
    )


def restore_run(options: argparse.Namespace) -> int:
    """Bring a run back."""
    run = _swept().restore(options.run_id)
    return _told(options, run, f"Run {run.short_id} is back.")


def show_disk(options: argparse.Namespace) -> int:
    """Print what takes how many bytes."""
    from core.runs.storage import measure_disk
    from core.runs.store.run_store import RunStore

    shares = measure_disk(RunStore())
    if options.json:
        return print_json([{"title": each.title, "bytes": each.size} for each in shares])
    for each in shares:
        print(f"{each.size / 2**20:10.1f} MiB  {each.title}")
    return 0


def clean_states(options: argparse.Namespace) -> int:
    """Remove, or name, the states that a rule lets go; best weights, curves and pictures stay."""
    from core.runs.settings import Settings
    from core.runs.storage import clean, removable
    from core.runs.store.run_store import RunStore

    rule, store = Settings(keep_days=options.days, keep_gib=options.gib), RunStore()
    if not (rule.keep_days or rule.keep_gib):
        raise UserError("Give --days or --gib: without a rule nothing is removed.")
    found = removable(store, rule)
    freed = sum(size for _, size in found) if options.dry_run else clean(store, rule)
    if options.json:
        return print_json({"runs": [run.id for run, _ in found], "bytes": freed, "removed": not options.dry_run})
    for run, size in found:
        print(f"{run.short_id}  {run.name}  {size / 2**20:.1f} MiB")
    print(f"{freed / 2**20:.1f} MiB {'would be' if options.dry_run else 'are'} free again")
    return 0
