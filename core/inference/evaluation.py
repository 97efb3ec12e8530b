"""Scoring a checkpoint on a split of any data set."""

import time
from dataclasses import dataclass
from typing import Any

from core.data.image_io.headers import refuse_unreadable
from core.engine.checkpoint import load_weights
from core.engine.device import choose_compute
from core.inference.calibration import calibrate
from core.inference.checkpoints import Checkpoint


@dataclass(frozen=True)
class Evaluation:
    """Scores of one checkpoint on one split.

    Attributes:
        scores: Over the whole split, by key.
        human: What a second person reaches on the same pictures; empty where that is not known.
        names: Of the pictures.
        per_picture: Scores of each picture alone, in the same order.
        seconds: Reading, predicting and scoring together.
    """

    scores: dict[str, float]
    human: dict[str, float]
    names: list[str]
    per_picture: list[dict[str, float]]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "scores": self.scores,
            "second_observer": self.human,
            "pictures": len(self.per_picture),
            "per_picture": [{"name": name, **row} for name, row in zip(self.names, self.per_picture, strict=True)],
            "seconds": round(self.seconds, 1),
        }


def evaluate(checkpoint: Checkpoint, *, data: str = "", split: str = "test", device: str = "auto") -> Evaluation:
    """Score a checkpoint as carefully as its config asks (flips, tiles, threshold).

    Args:
        checkpoint: What to score.
        data: Name or folder; the data it was trained on if empty.
        split: ``test``, ``train``, ``val`` (what the run held back) or another split of the set.
        device: Where to compute.

    Raises:
        UserError: If the data or the split cannot be read.
    """
    start = time.perf_counter()
    scores = score_split(checkpoint, data=data, split=split, device=device)
    return Evaluation(
        scores.compute(), scores.reference(), list(scores.names), scores.per_picture(), time.perf_counter() - start
    )


def score_split(checkpoint: Checkpoint, *, data: str = "", split: str = "test", device: str = "auto") -> Any:
    """Return the accumulator of a checkpoint's scores on a split, which keeps what it needs of every picture.

    Raises:
        UserError: If the data or the split cannot be read.
    """
    setup = checkpoint.set_up()
    refuse_unreadable(setup.split_items(data, split))  # at once, not when the evaluation comes to it
    network = setup.build_network()
    task = setup.build_task(network, careful=True)
    load_weights(checkpoint.folder, task.parts())
    calibrate(task, checkpoint.card)
    network.eval()
    scores, compute = task.new_scores(), None
    for batch in setup.build_split(data, split):
        if compute is None:
            compute = choose_compute(network, batch["images"], device=device, precision=setup.precision, training=False)
            network.to(compute.device, memory_format=compute.torch_memory_format)  # type: ignore[call-overload]
        with compute.autocast():
            task.evaluate(compute.place_batch(batch), scores)
    return scores
