"""From a config to a run that trains in the background."""

import shlex
import time
from collections.abc import Sequence

from core.config import RunConfig
from core.experiments import find_experiment
from core.public import refuse_training
from core.runs.admission import admission, refuse_more
from core.runs.process.executor import Executor
from core.runs.queue import dispatch
from core.runs.requirements import find_same
from core.runs.run import FAILED, KILLED, Run
from core.runs.store.run_store import RunStore


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
    return launch_all(store, slug, [config], name=name, executor=executor)[0]


def launch_all(
    store: RunStore, slug: str, configs: Sequence[RunConfig], *, name: str = "", executor: Executor | None = None
) -> list[Run]:  # fmt: skip
    """Put several runs into the queue: all of them, or none where one is refused; see :func:`launch`."""
    experiment = find_experiment(slug)
    for data in dict.fromkeys(config.data for config in configs):
        experiment.check_data(data)
    for config in configs:
        refuse_training(config.as_values(), experiment.largest)
        experiment.announce(config)
    experiment.check_parts(configs)
    with admission():
        wanted = [*_missing_prerequisites(store, slug, configs), *configs]
        refuse_more(store, len(wanted))
        runs: list[Run] = []
        try:
            for each in wanted:
                runs.append(store.create(slug, each.as_values(), name=name))
        except BaseException:
            for run in runs:  # nothing is left over of what did not come about
                store.finish(run.id, KILLED, "Taken back: the others that belong to it could not be recorded.")
                store.delete(run.id)
            raise
    dispatch(store, executor)
    return [store.get(run.id) for run in runs[-len(configs) :]] if configs else []


def _missing_prerequisites(store: RunStore, slug: str, configs: Sequence[RunConfig]) -> list[RunConfig]:
    """Return the configs of the runs that these build on and that nobody has trained or queued yet, each once."""
    experiment, missing = find_experiment(slug), []
    for config in configs:
        needed = experiment.prerequisite(config)
        if needed is None or needed in missing or needed in configs:
            continue
        refuse_training(needed.as_values(), experiment.largest)
        before = find_same(store, slug, needed)
        if before is None or before.status in (FAILED, KILLED):
            missing.append(needed)
    return missing


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
