"""Runs by the beginning of their ids, as people type them."""

from collections.abc import Iterable

from core.errors import UserError
from core.runs.run import Run


def say_deleted(run_id: str) -> UserError:
    """Return the refusal of a run that was deleted."""
    return UserError(f"Run {run_id[:8]} was deleted; `python -m core restore {run_id[:8]}` brings it back.")


def begins(run_id: str) -> str:
    """Return the filter of the runs whose id begins so; what is no beginning of an id lets none through."""
    plain = run_id if run_id.isalnum() and run_id.isascii() else "-"
    return f"attributes.run_id LIKE '{plain}%'"


def only(beginning: str, runs: Iterable[Run], kind: str) -> Run:
    """Return the one run whose id begins so.

    Raises:
        UserError: If there is none, or there are several.
    """
    fitting = [run for run in runs if beginning and run.id.startswith(beginning)]
    if len(fitting) != 1:
        said = "is not known" if not fitting else f"fits {len(fitting)}, give more digits"
        raise UserError(f"The {kind} {beginning!r} {said}; `python -m core runs` lists them.")
    return fitting[0]
