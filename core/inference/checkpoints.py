"""Finding a checkpoint by what a user says: a shipped name, a folder, or a run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.traits import Traits
from core.engine.checkpoint import CARD, WEIGHTS, Card, load_card, weights_path
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.experiment import Experiment
from core.experiments.setup import Setup
from core.inference.cards import find_wrong
from core.paths import as_path, checkpoints_folder


@dataclass(frozen=True)
class Checkpoint:
    """Weights with their card.

    Attributes:
        name: What a user types to get it again.
        folder: Holds ``weights.safetensors`` and ``card.json``.
        card: Experiment, config, scores and where it comes from.
    """

    name: str
    folder: Path
    card: Card

    @property
    def experiment(self) -> Experiment:
        """Return the catalogue's entry that it belongs to.

        Raises:
            UserError: If this version does not know it.
        """
        return find_experiment(self.card["experiment"])

    @property
    def kind(self) -> str:
        """Return the kind of learning problem that it answers."""
        return self.experiment.kind_of(self.card["config"]["arm"])

    def set_up(self) -> Setup[Any, Any, Any]:
        """Return what builds its network and task again.

        Raises:
            UserError: If its config is not valid in this version.
        """
        experiment = self.experiment
        return experiment.set_up(
            experiment.read_config(self.card["config"]), Traits.from_json(self.card.get("traits", {}))
        )

    @property
    def title(self) -> str:
        """Return its name for people."""
        return str(self.card.get("title") or f"{self.card['config']['arm']} · {self.name}")


def read_checkpoint(name: str, folder: Path) -> Checkpoint:
    """Return the checkpoint in a folder.

    Raises:
        UserError: If the folder is no checkpoint, or its card is damaged or not one of ours.
    """
    card = load_card(folder)
    wrong = find_wrong(card)
    if wrong:
        raise UserError(f"The card of the weights in {folder} is not one of ours: {wrong}; get the checkpoint again.")
    return Checkpoint(name, folder, card)


def shipped_checkpoints(slug: str | None = None) -> list[Checkpoint]:
    """Return the checkpoints that come with the project, those of one experiment if it is named."""
    root = checkpoints_folder()
    folders = sorted(path.parent for path in root.glob(f"{slug or '*'}/*/{CARD}"))
    return [read_checkpoint(each.relative_to(root).as_posix(), each) for each in folders]


def find_checkpoint(source: str, run_folder: Callable[[str], Path]) -> Checkpoint:
    """Return a checkpoint by shipped name (``vessels/NAME``), folder, or run id.

    Args:
        source: What the user said.
        run_folder: Returns the folder of a run's best checkpoint; raises UserError for an unknown run.

    Raises:
        UserError: If it is none of them, or the run has not stored a checkpoint yet.
    """
    for folder in (checkpoints_folder() / source, as_path(source)):
        if source and weights_path(folder).is_file():
            return read_checkpoint(source, folder)
    if not source:
        raise UserError("No model was chosen; give a run, a checkpoint's name, or train one first.")
    if "/" in source or Path(source).exists():
        names = ", ".join(each.name for each in shipped_checkpoints())
        raise UserError(f"{source} is no checkpoint; give a run, a folder with {WEIGHTS}, or one of: {names}.")
    folder = run_folder(source)
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"Run {source} has no checkpoint yet; it is stored at the end of the first epoch.")
    return read_checkpoint(source, folder)
