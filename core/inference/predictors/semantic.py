"""Predictions of a class for every pixel: a map at the picture's own size."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from core.data.image_io.reader import Picture
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.transforms.arrays import Pixels
from core.inference.predictors.predictor import Clock, Predictor
from core.tasks.semantic import ClassNumbers, choose_classes, enlarge

OPACITY = 0.5
SMALLEST_SHARE = 0.005
"""What covers less of a picture is not named in a sentence."""


@dataclass(frozen=True)
class ClassMapPrediction:
    """What a semantic segmentation network says of one picture.

    Attributes:
        pixels: ``(H, W, 3)``, the picture as it was read.
        labels: ``(H, W)``, class numbers.
        classes: Names in the order of the numbers.
        colours: ``(classes, 3)``, RGB of each.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
        doubt: Why the picture looks like none for this model; empty where it does not.
    """

    pixels: Pixels
    labels: ClassNumbers
    classes: tuple[str, ...]
    colours: Pixels
    notes: tuple[str, ...]
    milliseconds: dict[str, float]
    doubt: str = ""

    @cached_property
    def shares(self) -> dict[str, float]:
        """Return each class's share of the picture, 0 to 1, the largest first; they sum to 1."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes)) / self.labels.size
        order = np.argsort(-counts, kind="stable")
        return {self.classes[number]: float(counts[number]) for number in order}

    def say(self) -> str:
        """Return the result in a sentence."""
        named = [f"{100 * share:.1f} % {name}" for name, share in self.shares.items() if share >= SMALLEST_SHARE]
        return " ".join([f"{', '.join(named)} ({sum(self.milliseconds.values()):.0f} ms).", *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return plain values; ``classes`` stand in the order of the numbers in the raster ``labels``."""
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            "classes": list(self.classes),
            "shares": {name: round(share, 6) for name, share in self.shares.items()},
            "notes": list(self.notes),
            "warning": self.doubt,
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }

    def render_map(self) -> Pixels:
        """Return the classes in their colours ``(H, W, 3)``."""
        return self.colours[self.labels]

    def render_overlay(self) -> Pixels:
        """Return the picture with the colours of its classes laid over it."""
        mixed = (1 - OPACITY) * self.pixels.astype(np.float32) + OPACITY * self.render_map()
        return np.asarray(mixed.round(), np.uint8)

    def rasters(self) -> Mapping[str, Pixels]:
        """Return class numbers ``(H, W)``, the map in the colours in which the data set is drawn, and the overlay."""
        return {"labels": self.labels, "map": self.render_map(), "overlay": self.render_overlay()}


class SemanticPredictor(Predictor):
    """Tells the class of every pixel."""

    kind = "semantic"

    def ask(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(1, classes, h, w)``."""
        probabilities: Tensor = self.task.predict(images)
        return probabilities

    def conclude(self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock) -> ClassMapPrediction:
        """Scale the probabilities to the picture's size and take each pixel's most probable class."""
        with clock.part("scale back"):
            labels = choose_classes(enlarge(answer.float(), prepared.inside.shape)[0])
        classes = self.setup.traits.classes
        colours = self.task.render(np.arange(len(classes))[None])[0]
        return ClassMapPrediction(picture.pixels, labels, classes, colours, picture.notes, clock.milliseconds)
