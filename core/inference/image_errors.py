"""Pictures of a split as a network sees them, beside what is true: hits, misses and false alarms at every threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.layouts.landcover import UNKNOWN
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.torch_datasets.landcover import LandcoverPicture
from core.data.transforms.arrays import FloatImage, Mask, Pixels, resize, shrink_to
from core.engine.task import Batch
from core.errors import UserError
from core.inference.predictors.predictor import Predictor
from core.tasks.semantic import enlarge

LEVELS = 100
"""Steps of the threshold between 0 and 1."""
SHOWN_SIDE = 1024
"""Longer side of what is kept for the screen, pixels."""


@dataclass(frozen=True)
class Counts:
    """Pixels of one picture at one threshold, at the picture's own size.

    Attributes:
        hits: Labelled and found.
        misses: Labelled and not found.
        false_alarms: Found and not labelled.
    """

    hits: int
    misses: int
    false_alarms: int

    @property
    def dice(self) -> float:
        """Return 2·hits / (2·hits + misses + false alarms); 1 where nothing is labelled and nothing found."""
        whole = 2 * self.hits + self.misses + self.false_alarms
        return 2 * self.hits / whole if whole else 1.0


@dataclass(frozen=True)
class CheckedPicture:
    """A picture at screen size, and the exact counts at its own size.

    Attributes:
        name: Of the picture.
        pixels: ``(h, w, 3)``, the longer side at most :data:`SHOWN_SIDE`.
        levels: ``(h, w)``, 0 to :data:`LEVELS`: the highest threshold, in steps, at which a pixel is found.
        truth: ``(h, w)``, what is labelled.
        inside: ``(h, w)``, where it counts.
        hits: ``(LEVELS + 1,)``, labelled pixels found at each threshold, at the picture's own size.
        false_alarms: Likewise, pixels found that are not labelled.
        labelled: Pixels that are labelled, at the picture's own size.
        counted: Pixels that count, likewise.
        threshold: At which the network's answer is taken, unless somebody moves it.
    """

    name: str
    pixels: Pixels
    levels: NDArray[np.uint8]
    truth: Mask
    inside: Mask
    hits: NDArray[np.int64]
    false_alarms: NDArray[np.int64]
    labelled: int
    counted: int
    threshold: float

    @property
    def is_shrunk(self) -> bool:
        """Return whether it is kept smaller than it is."""
        return self.counted != int(self.inside.sum())

    def found(self, threshold: float) -> Mask:
        """Return ``(h, w)``, True where something is found at a threshold from 0 to 1, in steps of 1 / LEVELS."""
        return (self.levels >= round(LEVELS * threshold)) & self.inside

    def count(self, threshold: float) -> Counts:
        """Return the pixels at a threshold from 0 to 1, in steps of 1 / LEVELS."""
        step = round(LEVELS * threshold)
        hits = int(self.hits[step])
        return Counts(hits, self.labelled - hits, int(self.false_alarms[step]))


def check(
    name: str, pixels: Pixels, certainty: FloatImage, *, truth: Mask, inside: Mask, threshold: float
) -> CheckedPicture:  # fmt: skip
    """Count a prediction at every threshold, and shrink it for the screen.

    Args:
        name: Of the picture.
        pixels: ``(H, W, 3)``.
        certainty: ``(H, W)``, 0 to 1.
        truth: ``(H, W)``.
        inside: ``(H, W)``; what lies outside counts for nothing.
        threshold: Of the network's own answer.
    """
    shown = shrink_to(pixels, SHOWN_SIDE)
    size = (shown.shape[0], shown.shape[1])
    return CheckedPicture(
        name, shown, _steps(resize(certainty, size)), _shrink(truth, size), _shrink(inside, size),
        _at_least(_steps(certainty[inside & truth])), _at_least(_steps(certainty[inside & ~truth])),
        int((inside & truth).sum()), int(inside.sum()), round(LEVELS * threshold) / LEVELS,
    )  # fmt: skip


def _steps(certainty: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return how many steps of the threshold a certainty reaches; a hair's breadth below one counts as reaching it."""
    reached: NDArray[np.uint8] = np.floor(LEVELS * np.clip(certainty.astype(np.float64), 0, 1) + 1e-5).astype(np.uint8)
    return reached


def _at_least(steps: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many pixels reach each step."""
    return np.bincount(steps.ravel(), minlength=LEVELS + 1)[::-1].cumsum()[::-1]


def _shrink(mask: Mask, size: tuple[int, int]) -> Mask:
    return mask if mask.shape == size else resize(mask.astype(np.float32), size) > 0.5


class Check(Protocol):
    """Predicts a batch of one whole picture and lays it beside what is true."""

    def __call__(self, predictor: Predictor, batch: Batch, label: int) -> CheckedPicture:
        """Return the picture; ``label`` is the class that is looked for, where there are several."""


def _check_mask(predictor: Predictor, batch: Batch, label: int) -> CheckedPicture:  # noqa: ARG001 - there is one
    picture: LabelledPicture = batch["picture"]
    small = _ask(predictor, batch)[0, 0].numpy()
    certainty = resize(small, (picture.mask.shape[0], picture.mask.shape[1])).astype(np.float32)
    return check(
        picture.name, picture.pixels, certainty, truth=picture.mask, inside=picture.inside,
        threshold=predictor.task.threshold,
    )  # fmt: skip


def _check_class(predictor: Predictor, batch: Batch, label: int) -> CheckedPicture:
    """Compare a class with the next best: p / (p + the largest other) is at least a half where it is the answer."""
    picture: LandcoverPicture = batch["picture"]
    probs = enlarge(_ask(predictor, batch), picture.labels.shape)[0].numpy()
    others = np.delete(probs, label, axis=0).max(axis=0)
    certainty = probs[label] / np.maximum(probs[label] + others, 1e-12)
    return check(
        picture.name, picture.pixels, certainty, truth=picture.labels == label, inside=picture.labels != UNKNOWN,
        threshold=0.5,
    )  # fmt: skip


def _ask(predictor: Predictor, batch: Batch) -> torch.Tensor:
    compute = predictor.compute_for(batch["images"])
    with torch.inference_mode(), compute.autocast():
        return predictor.ask(compute.place(batch["images"])).float().cpu()


CHECKS: Mapping[str, Check] = MappingProxyType({"segmentation": _check_mask, "semantic": _check_class})
"""By kind of problem: those whose answer is a region of a picture."""


def open_batch(predictor: Predictor, split: str, name: str) -> Batch:
    """Return one picture of a split of the data that a network was trained on, opened as it was scored.

    Raises:
        UserError: If the data are gone, or have no such picture.
    """
    batch: Any = next(iter(predictor.setup.build_pictures("", split, {name})), None)
    if batch is None:
        raise UserError(f"There is no picture {name} in the split {split} any more; the data were changed.")
    return dict(batch)


def check_picture(predictor: Predictor, split: str, name: str, label: int = 0) -> CheckedPicture:
    """Predict one picture of a split and lay it beside what is true.

    Args:
        predictor: Of a kind in :data:`CHECKS`.
        split: ``val`` for what the run held back, or another split of its data.
        name: Of the picture, as its scores name it.
        label: Class that is looked for, where there are several.

    Raises:
        UserError: If the data are gone, or have no such picture.
    """
    return CHECKS[predictor.kind](predictor, open_batch(predictor, split, name), label)
