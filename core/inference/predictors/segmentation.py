"""Predictions of one foreground: a mask at the picture's own size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from core.data.image_io.reader import Picture
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.transforms.arrays import FloatImage, Mask, Pixels, resize
from core.inference.predictors.predictor import Clock, Predictor
from core.inference.rendering import render_cutout, render_mask, render_overlay, render_probabilities


@dataclass(frozen=True)
class MaskPrediction:
    """What a segmentation network says of one picture.

    Attributes:
        pixels: ``(H, W, 3)``, the picture as it was read.
        probabilities: ``(H, W)``, 0 to 1, 0 outside the field of view.
        inside: ``(H, W)``, the field of view.
        threshold: Probability from which a pixel counts as foreground, unless the user moves it.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
        doubt: Why the picture looks like none for this model; empty where it does not.
    """

    pixels: Pixels
    probabilities: FloatImage
    inside: Mask
    threshold: float
    notes: tuple[str, ...]
    milliseconds: dict[str, float]
    doubt: str = ""

    def mask(self, threshold: float | None = None) -> Mask:
        """Return ``(H, W)``, True on the foreground."""
        return (self.probabilities >= (self.threshold if threshold is None else threshold)) & self.inside

    def share(self, threshold: float | None = None) -> float:
        """Return the foreground's share of the field of view, 0 to 1."""
        return float(self.mask(threshold).sum() / max(1, self.inside.sum()))

    def say(self) -> str:
        """Return the result in a sentence."""
        share, total = 100 * self.share(), sum(self.milliseconds.values())
        whole = "picture" if self.inside.all() else "field of view"
        return " ".join([f"{share:.1f} % of the {whole} is foreground ({total:.0f} ms).", *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            "threshold": self.threshold,
            "share": round(self.share(), 6),
            "notes": list(self.notes),
            "warning": self.doubt,
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }

    def rasters(self) -> Mapping[str, Pixels]:
        """Return mask, probabilities, overlay, and the foreground cut out of the picture."""
        return {
            "mask": render_mask(self.mask()),
            "probability": render_probabilities(self.probabilities),
            "overlay": render_overlay(self.pixels, self.mask()),
            "cutout": render_cutout(self.pixels, self.mask()),
        }


class SegmentationPredictor(Predictor):
    """Finds the foreground."""

    kind = "segmentation"

    def ask(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(1, 1, h, w)``."""
        probabilities: Tensor = self.task.predict(images)
        return probabilities

    def conclude(self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock) -> MaskPrediction:
        """Scale the probabilities back to the picture's size."""
        with clock.part("scale back"):
            small = answer[0, 0].cpu().numpy()
            full = np.asarray(resize(small, prepared.inside.shape) * prepared.inside, np.float32)
        threshold = self.task.threshold
        return MaskPrediction(picture.pixels, full, prepared.inside, threshold, picture.notes, clock.milliseconds)
