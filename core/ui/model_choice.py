"""Which checkpoints can be tried, and predictors kept ready."""

from functools import cache
from pathlib import Path

from core.errors import UserError
from core.experiments.experiment import SYNTHETIC, Experiment
from core.inference.checkpoints import Checkpoint, find_checkpoint, shipped_checkpoints
from core.inference.kept import KeptPredictors
from core.inference.kinds import load_predictor
from core.inference.predictor import Predictor
from core.public import public_limits
from core.runs.run import Run
from core.runs.store import RunStore

Choice = tuple[str, str]


def list_shipped(experiment: Experiment) -> list[Choice]:
    """Return label and name of the checkpoints that ship."""
    return [(each.title, each.name) for each in shipped_checkpoints(experiment.slug)]


def list_choices(experiment: Experiment) -> list[Choice]:
    """Return label and name of every checkpoint: those that ship first, then runs, newest first."""
    runs = [run for run in RunStore().runs(slug=experiment.slug) if run.best_epoch]
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


def open_predictor(name: str) -> Predictor:
    """Return a predictor by the name of its checkpoint; those that were asked for last stay loaded.

    Raises:
        UserError: If there is no such checkpoint.
    """
    from core.engine.checkpoint import weights_path  # noqa: PLC0415 - torch is needed only once a model is loaded

    if public_limits() is not None and ("/" in name or "\\" in name or Path(name).exists()):
        _require_shipped(name)
    checkpoint = find_checkpoint(name, _run_folder)
    stamp = weights_path(checkpoint.folder).stat().st_mtime_ns
    return _kept().get((checkpoint.name, stamp), lambda: _load(checkpoint.name, checkpoint.folder))


def _require_shipped(name: str) -> None:
    """Let nobody name a folder of a public server as a model."""
    names = [each.name for each in shipped_checkpoints()]
    if name not in names:
        raise UserError(f"{name} is no model here; give a run or one of: {', '.join(names)}.")


def _run_folder(run_id: str) -> Path:
    store = RunStore()
    return store.fetch(store.get(run_id).id, "checkpoint/best")


@cache
def _kept() -> KeptPredictors:
    """Return the one place of loaded predictors of this server."""
    return KeptPredictors()


def _load(name: str, folder: Path) -> Predictor:
    from core.engine.checkpoint import load_card  # noqa: PLC0415 - torch is needed only once a model is loaded

    return load_predictor(Checkpoint(name, folder, load_card(folder)))
