"""Runs as short as an arm's knobs allow, in this process: what the contract of all arms and others begin with."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from core.config import RunConfig
from core.engine.device import Compute
from core.engine.trainer import Outcome, Trainer
from core.experiments import find_experiment
from core.experiments.setup import Setup
from core.runs.training import build_card
from tests.engine.toy import MemoryRecorder

CPU = Compute("cpu", "fp32", "contiguous")
SMALLEST = 64
"""Side of the pictures, pixels, where an experiment has a knob for it that goes so low."""
FEW = {"per_class": 2, "patches": 3, "diameter": 160, "crop": 48, "crops": 1}
"""Values that make a run short, of knobs that only some experiments have."""


@dataclasses.dataclass
class Trained:
    setup: Setup[Any, Any, Any]
    recorder: MemoryRecorder
    outcome: Outcome
    folder: Path


def small_config(slug: str, arm: str, data: Path) -> RunConfig:
    experiment = find_experiment(slug)
    knobs = {each.name: each for each in experiment.config_type.knobs()}
    changes: dict[str, Any] = {"epochs": 2, "precision": "fp32", "memory_format": "contiguous", "batch_size": 4}
    changes |= {name: value for name, value in FEW.items() if name in knobs}
    quick = experiment.config(arm=arm, recipe="quick", data=str(data)).as_values()
    if quick.get("size", 0) > SMALLEST:
        changes["size"] = max(SMALLEST, int(knobs["size"].low or 0))
    return experiment.config(arm=arm, recipe="quick", data=str(data), changes=changes)


def train(
    config: RunConfig, slug: str, folder: Path, *, stop_after: int | None = None, shared: Path | None = None
) -> Trained:
    """Train as a run does, going on where the folder's last run was left; a run that it needs is trained before.

    Args:
        config: Of the run.
        slug: Of its experiment.
        folder: Gets its checkpoints.
        stop_after: Epochs after which it is asked to stop.
        shared: Gets the run that must have finished before, which others may need as well; ``folder`` if None.
    """
    experiment = find_experiment(slug)
    needed, earlier = experiment.prerequisite(config), None
    if needed:
        needed = dataclasses.replace(needed, epochs=config.epochs)
        earlier = (shared or folder) / f"earlier-{hash(needed)}" / "best"
        if not earlier.exists():
            train(needed, slug, earlier.parent)
    torch.manual_seed(config.seed)
    setup = experiment.set_up(config)
    network = setup.build_network()
    setup.begin(network, earlier)
    data, task = setup.build_data(network), setup.build_task(network)
    recorder = MemoryRecorder()
    trainer = Trainer(
        task, data, config, recorder, compute=CPU, folder=folder, card=build_card(setup, "test", {})
    )  # fmt: skip
    if stop_after is not None:
        recorder.stop_after = stop_after * trainer.steps_per_epoch
    return Trained(setup, recorder, trainer.fit(resume=True), folder)
