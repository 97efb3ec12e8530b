"""Checkpoints of random weights: as quick to make as they are useless, and used in every way a trained one is."""

from pathlib import Path
from typing import Any

import torch

from core.config import RunConfig
from core.data.traits import Traits
from core.engine.checkpoint import load_card, save_checkpoint
from core.experiments import find_experiment
from core.experiments.classification import ClassificationExperiment
from core.experiments.setup import Setup
from core.inference.checkpoints import Checkpoint
from core.models.gallery import SearchableNetwork
from core.runs.run import FINISHED
from core.runs.store.run_store import RunStore
from tests.experiments.short_runs import small_config


def set_up_untrained(slug: str, arm: str) -> tuple[RunConfig, Setup[Any, Any, Any]]:
    """Return the config and the setup of an arm, as small as its knobs allow, with a set that is nowhere."""
    experiment = find_experiment(slug)
    config = small_config(slug, arm, Path("/somewhere/private/set"))
    traits = Traits(("normal", "pneumonia"), (0.5,) * 3, (0.25,) * 3)
    kept = isinstance(experiment, ClassificationExperiment) or slug == "pets"
    return config, experiment.set_up(config, traits if kept else None)


def untrained(slug: str, arm: str, folder: Path) -> Checkpoint:
    """A checkpoint of random weights, as small as the arm's knobs allow, whose batch statistics are not the start's."""
    config, setup = set_up_untrained(slug, arm)
    torch.manual_seed(0)
    network = setup.build_network().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.uniform_(-0.2, 0.2)
    if isinstance(network, SearchableNetwork):
        places = len(network.gallery.labels)
        network.gallery.fill(torch.randint(0, 256, (places, 64, 64, 3), dtype=torch.uint8), torch.arange(places) % 2)
        network.gallery.remember(torch.arange(places), torch.randn(places, network.gallery.features.shape[1]))
    card: dict[str, Any] = {"experiment": slug, "config": config.as_values(), "traits": setup.traits.as_json()}
    card |= {"validation": {setup.experiment.monitor_of(arm): 0.5}, "epoch": 1}
    save_checkpoint(folder, setup.build_task(network, careful=True).parts(), card)
    return Checkpoint(str(folder), folder, load_card(folder))


def record_untrained(checkpoint: Checkpoint) -> str:
    """Record a run in the current home whose best weights these are; return its id."""
    store = RunStore()
    run = store.create(checkpoint.card["experiment"], checkpoint.card["config"])
    best = store.files.folder(run.id) / "checkpoint" / "best"
    best.parent.mkdir(parents=True, exist_ok=True)
    best.symlink_to(checkpoint.folder.resolve())
    store.finish(run.id, FINISHED, "Random weights.")
    return run.id
