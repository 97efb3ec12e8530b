"""Scores of each picture by each run, kept beside the weights that they are of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.files import write_atomically
from core.runs.liveness import is_alive
from core.runs.run import Run
from core.runs.store import RunStore

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
    """Return the scores of each picture of a split by a run's best epoch; None where it was not scored yet."""
    path = _path(store, run, split)
    if not path.exists():
        store.fetch(run.id, PLACE)  # another machine may have scored it
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Scored(tuple(kept["names"]), tuple(kept["scores"]))


def score(store: RunStore, run: Run, split: str) -> Scored:
    """Return the scores of each picture of a split by a run's best epoch, and keep them.

    Raises:
        UserError: If the data or the split cannot be read.
    """
    known = kept_scores(store, run, split)
    if known is not None:
        return known
    from core.inference.checkpoints import find_checkpoint  # noqa: PLC0415 - kept scores are read without torch
    from core.inference.evaluation import evaluate  # noqa: PLC0415

    folder = store.fetch(run.id, "checkpoint/best")
    found = evaluate(find_checkpoint(str(folder), lambda _: folder), split=split)
    path = _path(store, run, split)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"names": found.names, "scores": found.per_picture}).encode())
    store.publish(run.id, PLACE)
    return Scored(tuple(found.names), tuple(found.per_picture))


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
    return store.folder(run.id) / PLACE / f"{split}-epoch-{run.best_epoch}.json"
