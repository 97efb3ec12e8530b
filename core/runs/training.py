"""Training one recorded run: from its stored config to its outcome."""

import gc
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from core.engine.device import Compute, choose_device
from core.engine.trainer import Outcome, Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.setup import Setup
from core.paths import PROJECT
from core.runs.measures import measure_latency, measure_peak_memory, picture_of
from core.runs.preparation import Preparation, prepare
from core.runs.recorder import StoreRecorder
from core.runs.run import Run
from core.runs.store.retry import patiently
from core.runs.store.run_store import RunStore

PACKAGES = (
    "torch", "torchvision", "accelerate", "segmentation-models-pytorch", "numpy", "opencv-python-headless", "mlflow",
)  # fmt: skip


def say(text: str) -> None:
    """Print a line to the run's log."""
    print(text, flush=True)  # noqa: T201 - the log is the worker's standard output


def train(store: RunStore, run: Run, earlier: Path | None = None) -> Outcome:
    """Train a run that the calling process has taken.

    Args:
        store: Where it is recorded.
        run: What to train.
        earlier: Best checkpoint of the run that this one builds on, if it builds on one.

    Raises:
        UserError: If its stored config is not valid, or its data cannot be read.
    """
    experiment = find_experiment(run.slug)
    config = experiment.read_config(run.config)
    with StoreRecorder(store, run.id) as recorder:
        ready = prepare(experiment.set_up(config), earlier, say=recorder.say)
        compute = _chosen_before(run) or ready.choose_compute()
        facts = environment() | ready.facts(compute)
        patiently(lambda: store.add_facts(run.id, facts))
        say(f"attempt: {run.attempt}")
        for key, value in facts.items():
            say(f"{key}: {value}")
        recorder.say("Training.")
        _collect_garbage_as_usual()
        folder = store.files.folder(run.id) / "checkpoint"
        card = build_card(ready.setup, run.id, facts)
        trainer = Trainer(ready.task, ready.data, config, recorder, compute=compute, folder=folder, card=card)
        outcome = trainer.fit(resume=True)
        costs = {"peak_memory": str(measure_peak_memory(compute))} | _time_answers(ready, compute)
        patiently(lambda: store.add_facts(run.id, costs))
        return outcome


def _collect_garbage_as_usual() -> None:
    """Collect often, as what a step leaves behind may hold pictures; what was imported is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 10)


def _time_answers(ready: Preparation, compute: Compute) -> dict[str, str]:
    """Return the time of an answer for one picture, milliseconds, and how it was measured.

    Nothing where a whole picture is too much for the machine, or none is there any more: a training that has ended
    well does not fail by it.
    """
    try:
        module, images = picture_of(ready.setup, ready.task, ready.network)
        module.to(compute.device, memory_format=compute.torch_memory_format)  # type: ignore[call-overload]
        found = measure_latency(module, images, compute)
    except (UserError, RuntimeError, ValueError, OSError) as error:
        say(f"The time of an answer could not be measured: {error}")
        return {}
    return {"latency": f"{found.median:.2f}", "latency_measured": found.say(), "latency_fair": str(found.is_fair)}


def _chosen_before(run: Run) -> Compute | None:
    """Return the setting of the run's first attempt: one that goes on computes as it did before it was interrupted."""
    if "compute" not in run.facts:
        return None
    chosen = Compute(*json.loads(run.facts["compute"]))
    try:
        choose_device(chosen.device)
    except UserError:  # the GPU it began on is gone
        return None
    return chosen


def build_card(setup: Setup[Any, Any, Any], run_id: str, facts: dict[str, str]) -> dict[str, Any]:
    """Return what a checkpoint must say to be used again, and to be judged."""
    return {
        "experiment": setup.experiment.slug,
        "config": setup.config.as_values(),
        "traits": setup.traits.as_json(),
        "run": run_id,
        "facts": facts,
        "caution": setup.experiment.caution,
    }


def environment() -> dict[str, str]:
    """Return versions, machine and commit."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return {
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "packages": versions,
        "machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} processors, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
    }
