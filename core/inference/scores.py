"""Scores of each picture by each run, kept beside the weights that they are of, so that nothing is scored twice."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import RunConfig
from core.errors import UserError
from core.experiments import find_experiment
from core.files import write_atomically
from core.runs.process.liveness import is_alive
from core.runs.run import Run
from core.runs.store.run_store import RunStore

if TYPE_CHECKING:
    from core.inference.evaluation import Evaluation

PLACE = "scores"


@dataclass(frozen=True)
class Scored:
    """What a run reaches on every picture of a split.

    Attributes:
        names: Of the pictures: paths within the data set where these are files.
        rows: Scores of each, in the same order.
    """

    names: tuple[str, ...]
    rows: tuple[Mapping[str, float], ...]


def kept_scores(store: RunStore, run: Run, split: str) -> Scored | None:
    """Return the scores of each picture of a split by a run's best epoch.

    None where it was not scored yet, or the pictures were not those that the run belongs to.
    """
    kept = _read(store, run, split)
    return None if kept is None else Scored(tuple(kept["names"]), tuple(kept["scores"]))


def kept_evaluation(store: RunStore, run: Run, split: str) -> "Evaluation | None":
    """Return the scores over a whole split by a run's best epoch as well; None as :func:`kept_scores`."""
    from core.inference.evaluation import Evaluation  # noqa: PLC0415 - kept scores are read without torch

    kept = _read(store, run, split)
    if kept is None or "whole" not in kept:  # from before these were kept
        return None
    return Evaluation(kept["whole"], kept["human"], kept["names"], kept["scores"], kept["seconds"])


def _read(store: RunStore, run: Run, split: str) -> dict[str, Any] | None:
    path = _path(store, run, split)
    if not path.exists():
        store.files.fetch(run.id, PLACE)  # another machine may have scored it
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept if _is_same(kept.get("fingerprint", ""), run) else None


def _is_same(fingerprint: str, run: Run) -> bool:
    """Say whether pictures are those of a run, as far as both fingerprints are known."""
    own = run.facts.get("fingerprint", "")
    return not own or not fingerprint or own == fingerprint


def score(store: RunStore, run: Run, split: str) -> Scored:
    """Return the scores of each picture of a split by a run's best epoch, and keep them.

    Raises:
        UserError: If the data or the split cannot be read, or the data are no longer those that the run was trained on.
    """
    known = kept_scores(store, run, split)
    if known is not None:
        return known
    found, is_kept = evaluate_run(store, run, split)
    if not is_kept:
        raise UserError(
            f"The data of run {run.short_id} were changed since it was trained, so its scores would be of other "
            "pictures; put the data back as they were, or train it anew."
        )
    return Scored(tuple(found.names), tuple(found.per_picture))


def evaluate_run(store: RunStore, run: Run, split: str) -> "tuple[Evaluation, bool]":
    """Score a run's best epoch on a split of its own data, unless that was done before.

    Returns:
        What it reaches, and whether that is kept: not where the data have changed since it was trained.

    Raises:
        UserError: If the data or the split cannot be read.
    """
    known = kept_evaluation(store, run, split)
    if known is not None:
        return known, True
    from core.inference.checkpoints import find_checkpoint  # noqa: PLC0415
    from core.inference.evaluation import evaluate  # noqa: PLC0415

    folder = store.files.fetch(run.id, "checkpoint/best")
    checkpoint = find_checkpoint(str(folder), lambda _: folder)
    found = evaluate(checkpoint, split=split)
    fingerprint = checkpoint.set_up().open_data().fingerprint()
    if not _is_same(fingerprint, run):
        return found, False
    path = _path(store, run, split)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "names": found.names, "scores": found.per_picture, "fingerprint": fingerprint, "whole": found.scores,
        "human": found.human, "seconds": found.seconds,
    }  # fmt: skip
    write_atomically(path, json.dumps(kept).encode())
    store.files.publish(run.id, PLACE)
    return found, True


def check_scorable(store: RunStore, runs: Sequence[Run], split: str) -> None:
    """Refuse a split that runs lack before any of them is scored or waited for; one that was scored needs no data.

    Raises:
        UserError: If data of a run cannot be opened, or have no such split.
    """
    missing: dict[str, list[RunConfig]] = {}
    for run in runs:
        if kept_scores(store, run, split) is None:
            missing.setdefault(run.slug, []).append(find_experiment(run.slug).read_config(run.config))
    for slug, configs in missing.items():
        find_experiment(slug).check_parts(configs, split)


def is_being_scored(store: RunStore, run: Run, split: str) -> bool:
    """Say whether the worker that trained a run is still there and scores it for a study."""
    wanted = run.is_final and bool(run.best_epoch) and split in run.studies.values()
    return wanted and is_alive(run.worker, unknown=False) and kept_scores(store, run, split) is None


def score_for_studies(store: RunStore, run: Run) -> None:
    """Score a run that has ended on the splits on which its studies compare.

    Raises:
        UserError: If the data or the split cannot be read.
    """
    if run.best_epoch:
        for split in dict.fromkeys(run.studies.values()):
            score(store, run, split)


def _path(store: RunStore, run: Run, split: str) -> Path:
    return store.files.folder(run.id) / PLACE / f"{split}-epoch-{run.best_epoch}.json"
