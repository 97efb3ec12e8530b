"""Finished runs of random weights on synthetic pictures: recorded as a worker records them, in a second."""

from pathlib import Path

import torch

from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.runs.run import FINISHED, Run
from core.runs.store.run_store import RunStore
from tests.synthetic_sets import SyntheticSets

EPOCH = 2


def record_trained(
    store: RunStore, folder: Path, slug: str, *, arm: str = "", sets: SyntheticSets | None = None, **changes: object
) -> Run:
    """Return a run that has ended, with weights and the fingerprint of its data.

    Args:
        store: Gets the run.
        folder: Of its data; a synthetic set is put there if it is not there yet.
        slug: Of its experiment.
        arm: Its default if empty.
        sets: Gives the set, which is drawn anew without.
        changes: Of knobs of the quick recipe.
    """
    experiment = find_experiment(slug)
    if not folder.exists():
        if sets is None:
            experiment.make_data(folder, n=experiment.fewest_pictures)
        else:
            sets.copy(slug, folder)
    config = experiment.config(arm=arm, recipe="quick", data=str(folder), changes=changes)
    run, setup = store.create(slug, config.as_values()), experiment.set_up(config)
    store.start(run.id)
    torch.manual_seed(config.seed)
    network = setup.build_network()
    card = {"experiment": slug, "config": config.as_values(), "traits": setup.traits.as_json(), "run": run.id}
    save_checkpoint(store.files.folder(run.id) / "checkpoint" / "best", {"network": network}, card)
    monitor = experiment.monitor_of(config.arm)
    store.add_facts(run.id, {"fingerprint": setup.open_data().fingerprint()})
    store.set_best(run.id, EPOCH, {monitor: 0.5})
    store.finish(run.id, FINISHED, "All 2 epochs are done.")
    return store.get(run.id)
