"""Whether this version can read a recorded run: experiment, arm and knobs may be another version's."""

from collections.abc import Iterable

from core.errors import UserError
from core.experiments import catalogue
from core.runs.run import Run

NEEDED = ("arm", "recipe", "seed", "data", "epochs")
"""Knobs that every run has had from the first version on."""


def why_unreadable(run: Run) -> str:
    """Return why a run cannot be opened, in a sentence; empty for one that can."""
    if run.damaged:
        return f"Its record is damaged ({', '.join(run.damaged)}); it can be deleted."
    experiment = catalogue().get(run.slug)
    if experiment is None:
        return f"This version has no experiment called {run.slug!r}; the version that recorded the run opens it."
    missing = [name for name in NEEDED if name not in run.config]
    if missing:
        return f"Its record lacks {', '.join(missing)}; it can be deleted."
    try:
        experiment.arm(str(run.config["arm"]))
    except UserError as error:
        return f"{error} The version that recorded the run opens it."
    return ""


def readable(runs: Iterable[Run]) -> list[Run]:
    """Return the runs that can be opened, in their order."""
    return [run for run in runs if not why_unreadable(run)]
