"""Finished runs of random weights on drawn pictures: recorded as a worker records them, in a second."""

from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp

import torch

from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.runs.run import FINISHED, Run
from core.runs.store import RunStore

EPOCH = 2


@cache
def _draw(slug: str) -> Path:
    experiment, folder = find_experiment(slug), Path(mkdtemp()) / slug
    experiment.make_data(folder, n=experiment.fewest_pictures)
    return folder


def record_trained(store: RunStore, folder: Path, slug: str, *, arm: str = "", **changes: object) -> Run:
    """Return a run that has ended, with weights and the fingerprint of data of its own in ``folder``."""
    experiment = find_experiment(slug)
    if not folder.exists():
        copytree(_draw(slug), folder)
    config = experiment.config(arm=arm, recipe="quick", data=str(folder), changes=changes)
    run, setup = store.create(slug, config.as_values()), experiment.set_up(config)
    store.start(run.id)
    torch.manual_seed(config.seed)
    network = setup.build_network()
    card = {"experiment": slug, "config": config.as_values(), "traits": setup.traits.as_json(), "run": run.id}
    save_checkpoint(store.folder(run.id) / "checkpoint" / "best", {"network": network}, card)
    monitor = experiment.monitor_of(config.arm)
    store.add_facts(run.id, {"fingerprint": setup.open_data().fingerprint()})
    store.set_best(run.id, EPOCH, {monitor: 0.5})
    store.finish(run.id, FINISHED, "All 2 epochs are done.")
    return store.get(run.id)
