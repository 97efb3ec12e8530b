"""From a config to a run that trains in the background."""

import shlex
import time

from core.config import RunConfig
from core.experiments import find_experiment
from core.public import refuse_another, refuse_training
from core.runs.executor import Executor
from core.runs.queue import dispatch
from core.runs.requirements import find_same
from core.runs.run import FAILED, KILLED, Run
from core.runs.store import RunStore


def launch(store: RunStore, slug: str, config: RunConfig, *, name: str = "", executor: Executor | None = None) -> Run:
    """Check the config, record the run with all of it, and put it into the queue; it starts now if it can.

    A run that it builds on and that nobody has trained yet is started before it.

    Args:
        store: Where the run is recorded.
        slug: Experiment.
        config: All knobs.
        name: For people; made from the config if empty.
        executor: Who starts the worker; a process on this machine by default.

    Raises:
        UserError: If the data set cannot be read or the run could not start; then nothing is recorded.
    """
    experiment = find_experiment(slug)
    experiment.check_data(config.data)
    refuse_training(config.as_values())
    refuse_another(sum(not run.is_final for run in store.runs()))
    experiment.announce(config)
    needed = experiment.prerequisite(config)
    if needed is not None:
        before = find_same(store, slug, needed)
        if before is None or before.status in (FAILED, KILLED):
            launch(store, slug, needed, executor=executor)
    run = store.create(slug, config.as_values(), name=name)
    dispatch(store, executor)
    return store.get(run.id)


def wait(store: RunStore, run_id: str, *, poll: float = 0.3) -> Run:
    """Return a run once it has ended."""
    while not (run := store.get(run_id)).is_final:
        time.sleep(poll)
    return run


def command_of(slug: str, config: RunConfig) -> str:
    """Return the command that starts the same run by hand."""
    words = ["python -m core train", slug, "--arm", config.arm, "--recipe", config.recipe]
    if config.data != "synthetic":
        words += ["--data", shlex.quote(config.data)]
    if config.seed:
        words += ["--seed", str(config.seed)]
    for name, value in find_experiment(slug).changed(config).items():
        words += ["--set", f"{name}={shlex.quote(str(value).lower() if isinstance(value, bool) else str(value))}"]
    return " ".join(words)
