"""Which checkpoints can be tried, and predictors kept ready."""

import re
from functools import cache
from pathlib import Path

from core.errors import UserError, shorten
from core.experiments import find_experiment
from core.experiments.experiment import SYNTHETIC, Experiment
from core.inference.checkpoints import find_checkpoint, read_checkpoint, shipped_checkpoints
from core.inference.predictors.cache import KeptPredictors
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.predictor import Predictor
from core.runs.run import Run
from core.runs.store.readable import readable
from core.runs.store.run_store import RunStore

Choice = tuple[str, str]
RUN_ID = re.compile("[0-9a-fA-F]{1,32}")


def list_shipped(experiment: Experiment) -> list[Choice]:
    """Return label and name of the checkpoints that ship."""
    return [(each.title, each.name) for each in shipped_checkpoints(experiment.slug)]


def list_choices(experiment: Experiment) -> list[Choice]:
    """Return label and name of every checkpoint: those that ship first, then runs, newest first."""
    runs = [run for run in readable(RunStore().runs(slug=experiment.slug)) if run.best_epoch]
    return list_shipped(experiment) + [(_label(experiment, run), run.id) for run in runs]


def _label(experiment: Experiment, run: Run) -> str:
    monitor = experiment.monitor_of(run.config["arm"])
    return f"{run.name} · {experiment.score_titles[monitor]} {run.best.get(monitor, float('nan')):.3f} · {run.short_id}"


def first_choice(experiment: Experiment) -> str:
    """Return the checkpoint to use where none was chosen; empty if there is none."""
    return next((name for _, name in list_choices(experiment)), "")


def learnt_from_drawn(name: str) -> bool:
    """Say whether a shipped checkpoint or a run was trained on drawn pictures alone; False for what is unknown."""
    try:
        shipped = [each.card["config"] for each in shipped_checkpoints() if each.name == name]
        config = shipped[0] if shipped else RunStore().get(name).config
    except UserError:
        return False
    return bool(config.get("data") == SYNTHETIC)


def open_predictor(name: str, slug: str = "") -> Predictor:
    """Return a predictor by the name of its checkpoint; those that were asked for last stay loaded.

    Args:
        name: Of a shipped checkpoint, or a run's id. No folder: who asks may be anybody.
        slug: The experiment that it must belong to; any if empty.

    Raises:
        UserError: If there is no such checkpoint, or it belongs to another experiment.
    """
    from core.engine.checkpoint import weights_path  # noqa: PLC0415 - torch is needed only once a model is loaded

    if not isinstance(name, str) or not RUN_ID.fullmatch(name):
        _require_shipped(name)
    checkpoint = find_checkpoint(name, _run_folder)
    if slug and checkpoint.experiment.slug != slug:
        raise UserError(
            f"{name} belongs to {checkpoint.experiment.title}, not to {find_experiment(slug).title}; ask there, or "
            "choose another model."
        )
    stamp = weights_path(checkpoint.folder).stat().st_mtime_ns
    return _kept().get((checkpoint.name, stamp), lambda: _load(checkpoint.name, checkpoint.folder))


def _require_shipped(name: object) -> None:
    names = [each.name for each in shipped_checkpoints()]
    if name not in names:
        raise UserError(f"{shorten(str(name))!r} is no model here; give a run or one of: {', '.join(names)}.")


def _run_folder(run_id: str) -> Path:
    store = RunStore()
    return store.files.fetch(store.get(run_id).id, "checkpoint/best")


@cache
def _kept() -> KeptPredictors:
    """Return the one place of loaded predictors of this server."""
    return KeptPredictors()


def _load(name: str, folder: Path) -> Predictor:
    return load_predictor(read_checkpoint(name, folder))
