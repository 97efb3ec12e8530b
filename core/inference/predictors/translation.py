"""Pictures drawn from templates, once as the network would draw them and as often as wanted with its noise."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.data.image_io.reader import Picture, read_picture
from core.data.torch_datasets.blots import join_templates, lay_side_by_side, to_grey
from core.data.torch_datasets.gel_crops import Grey
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.transforms.arrays import FloatImage, Pixels
from core.errors import UserError
from core.inference.predictors.predictor import Clock, Predictor
from core.metrics.blots import find_lanes

MOST_SAMPLES = 16
SHOWN_SCALE = 4
HALVES = "The left half was taken for template 1, the lanes, and the right half for template 2, the bands."
NO_NOISE = "This network has no noise: the same templates always give the same picture."


@dataclass(frozen=True)
class TranslationPrediction:
    """What a generator draws from two templates.

    Attributes:
        templates: ``(2, h, w)``, −1 to 1, as the network saw them.
        generated: ``(h, w)``, without noise.
        samples: Further ones ``(h, w)`` from the same templates, each with other noise.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
        doubt: Why the picture looks like none for this model; empty where it does not.
    """

    templates: FloatImage
    generated: Grey
    samples: tuple[Grey, ...]
    notes: tuple[str, ...]
    milliseconds: dict[str, float]
    doubt: str = ""

    @property
    def lanes(self) -> int:
        """Return how many lanes template 1 shows."""
        return len(find_lanes(self.templates[0]))

    def say(self) -> str:
        """Return the result in a sentence."""
        height, width = self.generated.shape
        lanes = f"{self.lanes} {'lane' if self.lanes == 1 else 'lanes'}"
        total = sum(self.milliseconds.values())
        return " ".join([f"A blot of {width}×{height} pixels with {lanes} was drawn ({total:.0f} ms).", *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "width": self.generated.shape[1],
            "height": self.generated.shape[0],
            "lanes": self.lanes,
            "samples": len(self.samples),
            "notes": list(self.notes),
            "warning": self.doubt,
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }

    def rasters(self) -> Mapping[str, Pixels]:
        """Return the blot, the samples, and the templates with the blot beside them, enlarged."""
        first, second = (to_grey(each) for each in self.templates)
        numbered = {f"sample_{number}": each for number, each in enumerate(self.samples, start=1)}
        beside = lay_side_by_side([first, second, self.generated], scale=SHOWN_SCALE)
        return {"generated": self.generated, **numbered, "beside_templates": beside}


class TranslationPredictor(Predictor):
    """Draws a picture from two templates, which lie side by side in one picture or come in two."""

    kind = "translation"

    def ask(self, images: Tensor) -> Tensor:
        """Return the generated picture ``(1, 1, h, w)``."""
        pictures: Tensor = self.task.predict(images)
        return pictures

    def conclude(
        self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock
    ) -> TranslationPrediction:
        """Turn it into a grey picture."""
        templates = np.asarray(prepared.images[0].numpy(), np.float32)
        return TranslationPrediction(templates, _grey(answer), (), picture.notes, clock.milliseconds)

    def predict_file(
        self, source: Path | bytes, *, name: str | None = None, trusted: bool = True
    ) -> TranslationPrediction:
        """Draw from one picture that holds both templates side by side.

        Raises:
            UserError: If it cannot be read as a picture, or is not twice as wide as high.
        """
        prediction: TranslationPrediction = super().predict_file(source, name=name, trusted=trusted)
        return replace(prediction, notes=(*prediction.notes, HALVES))

    def predict_pair(
        self, lanes: Path | bytes, bands: Path | bytes, *, samples: int = 0, trusted: bool = True
    ) -> TranslationPrediction:
        """Draw from two pictures.

        Args:
            lanes: Template 1.
            bands: Template 2.
            samples: As :meth:`draw_samples`.
            trusted: As for :meth:`predict`.

        Raises:
            DoubtError: If the templates look like none for this model, and are not trusted.
            UserError: If one of them cannot be read as a picture, or too many samples are asked for.
        """
        start = time.perf_counter()
        read = [read_picture(each) for each in (lanes, bands)]
        notes = tuple(f"Template {number}: {note}" for number, each in enumerate(read, 1) for note in _notes(each))
        joined = Picture(join_templates(read[0].pixels, read[1].pixels), read[1].name, notes)
        reading = {"read": 1e3 * (time.perf_counter() - start)}
        prediction: TranslationPrediction = self.predict(joined, trusted=trusted)
        timed = replace(prediction, milliseconds=reading | prediction.milliseconds)
        return self.draw_samples(timed, samples) if samples else timed

    def draw_samples(self, prediction: TranslationPrediction, samples: int) -> TranslationPrediction:
        """Add pictures that are drawn from the same templates with noise: dropout that stays on.

        Args:
            prediction: Gives the templates.
            samples: How many, up to 16; the k-th is the same each time. A network without noise gives none and says so.

        Raises:
            UserError: If too many are asked for.
        """
        if not 0 <= samples <= MOST_SAMPLES:
            raise UserError(f"samples was given as {samples}; a whole number from 0 to {MOST_SAMPLES} is allowed.")
        if not self.task.noise:
            return replace(prediction, notes=(*prediction.notes, NO_NOISE))
        images = torch.from_numpy(prediction.templates)[None]
        compute, clock = self.compute_for(images), Clock()
        with clock.part("samples"), torch.inference_mode(), compute.autocast():
            placed = compute.place(images)
            noises = [torch.Generator(placed.device).manual_seed(number) for number in range(samples)]
            drawn = tuple(_grey(self.task.predict(placed, noise)) for noise in noises)
        return replace(prediction, samples=drawn, milliseconds=prediction.milliseconds | clock.milliseconds)


def _grey(answer: Tensor) -> Grey:
    return to_grey(answer[0, 0].float().cpu().numpy())


def _notes(picture: Picture) -> tuple[str, ...]:
    """Return what was done to a template, and that it was squeezed where it is not square."""
    height, width = picture.pixels.shape[:2]
    squeezed = (f"It is {width}×{height} and was squeezed into a square.",) if height != width else ()
    return (*picture.notes, *squeezed)
