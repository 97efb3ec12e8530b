"""Runs that build on another run: pre-training before fine-tuning."""

from core.config import RunConfig
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store.run_store import RunStore


def find_same(store: RunStore, slug: str, config: RunConfig) -> Run | None:
    """Return a run with exactly this config: a finished one, else one that is under way, else the newest; or None."""
    same = [run for run in store.runs(slug=slug) if has_config(run, config)]
    ranks = {FINISHED: 0, FAILED: 2, KILLED: 2}
    return min(same, key=lambda run: ranks.get(run.status, 1), default=None)


def has_config(run: Run, config: RunConfig) -> bool:
    """Say whether a run was trained with this config; knobs that came after it stand at their defaults."""
    values = config.as_values()
    if any(values.get(name) != value for name, value in run.config.items()):
        return False  # nearly all, and reading a config takes a thousand times as long
    try:
        return type(config).from_values(run.config) == config
    except UserError:
        return False


def needed_run(store: RunStore, run: Run) -> Run | None:
    """Return the run that must have finished before this one; None if it needs none.

    Raises:
        UserError: If the run's stored config is not valid, or the run it needs was deleted.
    """
    experiment = find_experiment(run.slug)
    needed = experiment.prerequisite(experiment.read_config(run.config))
    if needed is None:
        return None
    found = find_same(store, run.slug, needed)
    if found is None:
        raise UserError("The run that this one builds on is gone; start this one again, and it is made anew.")
    return found
