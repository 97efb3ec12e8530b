"""The process that trains one run: reads its config from the store, trains, and records how it ended."""

import platform
import subprocess
import sys
import traceback
from importlib import metadata
from typing import Any

import psutil
import torch

from core.config import RunConfig
from core.engine.device import Compute, choose_compute
from core.engine.trainer import Outcome, Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.experiment import Experiment
from core.paths import PROJECT
from core.runs.recorder import StoreRecorder
from core.runs.run import FAILED, FINISHED, KILLED, Run
from core.runs.store import RunStore

PACKAGES = ("torch", "torchvision", "accelerate", "segmentation-models-pytorch", "numpy", "opencv-python-headless", "mlflow")


def work(store: RunStore, run_id: str) -> str:
    """Train a recorded run to its end and return its final status.

    Raises:
        UserError: If the run was taken before.
    """
    run = store.start(run_id)
    say(f"run {run.id}: {run.slug}, {run.name}")
    try:
        outcome = _train(store, run)
    except UserError as error:
        return _fail(store, run, str(error))
    except Exception as error:  # noqa: BLE001 - a worker records its own death, whatever it dies of
        traceback.print_exc()
        return _fail(store, run, f"{type(error).__name__}: {error}. The log has the details.")
    status = KILLED if outcome.ending == "stopped" else FINISHED
    store.finish(run.id, status, _ending(outcome))
    say(f"{status}: {_ending(outcome)}")
    return status


def say(text: str) -> None:
    """Print a line to the run's log."""
    print(text, flush=True)  # noqa: T201 - the log is the worker's standard output


def _fail(store: RunStore, run: Run, reason: str) -> str:
    say(f"FAILED: {reason}")
    store.finish(run.id, FAILED, reason)
    return FAILED


def _train(store: RunStore, run: Run) -> Outcome:
    experiment = find_experiment(run.slug)
    config = experiment.read_config(run.config)
    torch.manual_seed(config.seed)
    with StoreRecorder(store, run.id) as recorder:
        store.say(run.id, "Opening the data.")
        network = experiment.build_network(config)
        data = experiment.build_data(config)
        store.say(run.id, "Trying number formats.")
        compute = _compute(config, network, data)
        facts = environment() | {
            "fingerprint": data.fingerprint,
            "device": compute.describe(),
            "parameters": str(sum(each.numel() for each in network.parameters())),
            "data": " ".join(data.notes),
        }
        store.add_facts(run.id, facts)
        for key, value in facts.items():
            say(f"{key}: {value}")
        store.say(run.id, "Training.")
        folder = store.folder(run.id) / "checkpoint"
        card = build_card(experiment, config, run.id, facts)
        task = experiment.build_task(config, network)
        trainer = Trainer(task, data, config, recorder, compute=compute, folder=folder, card=card)
        return trainer.fit()


def _compute(config: RunConfig, network: torch.nn.Module, data: Any) -> Compute:
    images = next(iter(data.training))["images"]
    return choose_compute(
        network, images, device=config.device, precision=config.precision, memory_format=config.memory_format
    )


def _ending(outcome: Outcome) -> str:
    best = outcome.best
    kept = f"The weights of epoch {best.epoch} are kept." if best.epoch else "The weights of the last step are kept."
    said = {
        "finished": f"All {outcome.epoch} epochs are done.",
        "early": f"No improvement since epoch {best.epoch}, so it ended after epoch {outcome.epoch}.",
        "stopped": f"Stopped on request after epoch {outcome.epoch}.",
    }[outcome.ending]
    return f"{said} {kept}"


def build_card(experiment: Experiment, config: RunConfig, run_id: str, facts: dict[str, str]) -> dict[str, Any]:
    """Return what a checkpoint must say to be used again, and to be judged."""
    return {
        "experiment": experiment.slug,
        "config": config.as_values(),
        "run": run_id,
        "facts": facts,
        "caution": experiment.caution,
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
        "command": " ".join(sys.argv),
    }
