"""Predictions of one class for a whole picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.data.image_io.reader import Picture
from core.data.torch_datasets.decoded import Framing
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.transforms.arrays import Pixels
from core.inference.calibration import Operating
from core.inference.explanations.grad_cam import explain_class, overlay
from core.inference.predictors.predictor import Clock, Predictor
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
        doubt: Why the picture looks like none for this model; empty where it does not.
        operating: From which probability on the class that is looked for is taken; None where nothing says so.
    """

    pixels: Pixels
    classes: tuple[str, ...]
    probs: NDArray[np.float32]
    notes: tuple[str, ...]
    milliseconds: dict[str, float]
    doubt: str = ""
    operating: Operating | None = None

    @property
    def label(self) -> int:
        """Return the position of the most probable class."""
        return int(self.probs.argmax())

    def ranked(self, most: int = TOLD) -> dict[str, float]:
        """Return the most probable classes with their probabilities, the first one first."""
        order = np.argsort(-self.probs, kind="stable")[:most]
        return {self.classes[each]: float(self.probs[each]) for each in order}

    def say_operating(self) -> str:
        """Return what follows at the operating threshold, in a sentence or two; empty where there is none."""
        if self.operating is None:
            return ""
        return self.operating.say(float(self.probs[self.classes.index(self.operating.positive)]))

    def say(self) -> str:
        """Return the result in a sentence."""
        answer, total = self.classes[self.label], sum(self.milliseconds.values())
        said = f"{answer}, {100 * self.probs[self.label]:.1f} % ({total:.0f} ms)."
        return " ".join(each for each in (said, self.say_operating(), *self.notes) if each)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            "class": self.classes[self.label],
            "label": self.label,
            "probabilities": {name: round(float(each), 6) for name, each in zip(self.classes, self.probs, strict=True)},
            **({"threshold": self.operating.threshold} if self.operating else {}),
            "notes": list(self.notes),
            "warning": self.doubt,
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

    @property
    def network_of_classes(self) -> ClassificationNetwork:
        """Return the network, which is one of classes."""
        assert isinstance(self.network, ClassificationNetwork)
        return self.network

    def explain(self, picture: Picture, label: int) -> Pixels:
        """Return the square that the network sees of a picture, with what speaks for a class in it as heat.

        Args:
            picture: Any size.
            label: The class, 0 to K − 1.
        """
        return self.explain_pixels(picture.pixels, label)[1]

    def explain_pixels(self, pixels: Pixels, label: int) -> tuple[Pixels, Pixels]:
        """Return the square that the network sees of a picture ``(H, W, 3)``, and that with what speaks for a class."""
        prepared = self.setup.prepare_picture(pixels)
        compute = self.compute_for(prepared.images)
        heat = explain_class(self.network_of_classes, prepared.images, label, compute)
        framing: Framing = getattr(self.setup, "framing")  # noqa: B009 - every setup of a classifier has one
        square = framing.frame(pixels)
        return square, overlay(square, heat)

    def conclude(self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock) -> ClassPrediction:
        """Name the classes."""
        probs = answer[0].float().cpu().numpy()
        return ClassPrediction(
            picture.pixels, self.setup.traits.classes, probs, picture.notes, clock.milliseconds,
            operating=Operating.of(self.checkpoint.card),
        )  # fmt: skip
