"""Predictions of one class for a whole picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.data.decoded import Framing
from core.data.labelled import PreparedPicture
from core.data.pictures import Picture
from core.data.raster import Pixels
from core.inference.explanation import explain_class, overlay
from core.inference.predictor import Clock, Predictor
from core.models.classifier import ClassificationNetwork
from core.tasks.labels import render_answer

TOLD = 5
"""So many of the most probable classes are named."""


@dataclass(frozen=True)
class ClassPrediction:
    """What a classifier says of one picture.

    Attributes:
        pixels: ``(H, W, 3)``, the picture as it was read.
        classes: Names.
        probs: ``(classes,)``, 0 to 1, sum 1.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
    """

    pixels: Pixels
    classes: tuple[str, ...]
    probs: NDArray[np.float32]
    notes: tuple[str, ...]
    milliseconds: dict[str, float]

    @property
    def label(self) -> int:
        """Return the position of the most probable class."""
        return int(self.probs.argmax())

    def ranked(self, most: int = TOLD) -> dict[str, float]:
        """Return the most probable classes with their probabilities, the first one first."""
        order = np.argsort(-self.probs, kind="stable")[:most]
        return {self.classes[each]: float(self.probs[each]) for each in order}

    def say(self) -> str:
        """Return the result in a sentence."""
        answer, total = self.classes[self.label], sum(self.milliseconds.values())
        return " ".join([f"{answer}, {100 * self.probs[self.label]:.1f} % ({total:.0f} ms).", *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            "class": self.classes[self.label],
            "label": self.label,
            "probabilities": {name: round(float(each), 6) for name, each in zip(self.classes, self.probs, strict=True)},
            "notes": list(self.notes),
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }

    def rasters(self) -> Mapping[str, Pixels]:
        """Return the picture with the answer below it."""
        return {"answer": render_answer(self.pixels, self.classes, self.probs, -1)}


class ClassificationPredictor(Predictor):
    """Tells the class of a picture."""

    kind = "classification"

    def ask(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(1, classes)``."""
        probs: Tensor = self.task.predict(images)
        return probs

    def explain(self, picture: Picture, label: int) -> Pixels:
        """Return the square that the network sees of a picture, with what speaks for a class in it as heat.

        Args:
            picture: Any size.
            label: The class, 0 to K − 1.
        """
        prepared = self.setup.prepare_picture(picture.pixels)
        compute = self.compute_for(prepared.images)
        assert isinstance(self.network, ClassificationNetwork)
        heat = explain_class(self.network, prepared.images, label, compute)
        framing: Framing = getattr(self.setup, "framing")  # noqa: B009 - every setup of a classifier has one
        return overlay(framing.frame(picture.pixels), heat)

    def conclude(self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock) -> ClassPrediction:
        """Name the classes."""
        probs = answer[0].float().cpu().numpy()
        return ClassPrediction(picture.pixels, self.setup.traits.classes, probs, picture.notes, clock.milliseconds)
