"""Reconstructions of pictures at their own size, and how far they are from what was shown."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.data.image_io.reader import Picture
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.torch_datasets.whole_images import to_channels_last, to_pixels
from core.data.transforms.arrays import Pixels, resize
from core.inference.predictors.predictor import Clock, Predictor
from core.metrics.reconstruction import ReconstructionScores
from core.tasks.reconstruction import DIFFERENCE_SCALE, amplify_difference, measure_psnr

PASSED_BY = 0.5
"""A loss of PSNR in dB below which emptying the bottleneck is said to change nothing."""


@dataclass(frozen=True)
class ReconstructionPrediction:
    """What an autoencoder makes of one picture.

    Attributes:
        pixels: ``(H, W, 3)``, the picture as it was read.
        reconstruction: ``(H, W, 3)``, made at the network's size and scaled back.
        emptied: ``(H, W, 3)``, likewise, with the network's bottleneck emptied: what has passed by it.
        difference: ``(H, W, 3)``, five times the absolute difference, taken at the network's size and scaled back.
        scores: ``psnr``, ``ssim``, ``mse`` and ``mae`` against the picture itself at the network's size, values from
            -1 to 1; ``psnr_emptied`` likewise with the bottleneck emptied.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
        doubt: Why the picture looks like none for this model; empty where it does not.
    """

    pixels: Pixels
    reconstruction: Pixels
    emptied: Pixels
    difference: Pixels
    scores: dict[str, float]
    notes: tuple[str, ...]
    milliseconds: dict[str, float]
    doubt: str = ""

    def say_scores(self) -> str:
        """Return PSNR and SSIM in a line."""
        ssim = self.scores["ssim"]
        similarity = "" if math.isnan(ssim) else f", SSIM {ssim:.4f}"
        return f"PSNR {self.scores['psnr']:.2f} dB{similarity}"

    def say(self) -> str:
        """Return the result in a sentence."""
        total = sum(self.milliseconds.values())
        said = f"{self.say_scores()} against the picture itself ({total:.0f} ms). {self.say_emptied()}"
        return " ".join([said, *self.notes])

    def say_emptied(self) -> str:
        """Return what the bottleneck is worth, in a sentence."""
        whole, emptied = self.scores["psnr"], self.scores["psnr_emptied"]
        passed_by = whole - emptied < PASSED_BY
        meaning = "the picture passes by it" if passed_by else "what it holds is needed"
        return f"With the bottleneck emptied PSNR is {emptied:.2f} instead of {whole:.2f} dB: {meaning}."

    def as_json(self) -> dict[str, Any]:
        """Return plain values; a picture that is too small for SSIM has none."""
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            **{key: None if math.isnan(value) else round(value, 6) for key, value in self.scores.items()},
            "difference_scale": DIFFERENCE_SCALE,
            "notes": list(self.notes),
            "warning": self.doubt,
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }

    def rasters(self) -> Mapping[str, Pixels]:
        """Return the reconstruction, that with the bottleneck emptied, and the difference, five times as strong."""
        difference = {f"difference_x{DIFFERENCE_SCALE}": self.difference}
        return {"reconstruction": self.reconstruction, "bottleneck_emptied": self.emptied} | difference


class ReconstructionPredictor(Predictor):
    """Sends a picture through an autoencoder."""

    kind = "reconstruction"

    def ask(self, images: Tensor) -> Tensor:
        """Return two reconstructions ``(2, 3, h, w)``: the network's, and that with its bottleneck emptied."""
        return torch.cat([self.task.predict(images), self.task.predict_emptied(images)])

    def conclude(
        self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock
    ) -> ReconstructionPrediction:
        """Compare at the network's size, then scale back to the picture's own."""
        seen, made, emptied = (to_channels_last(each) for each in (prepared.images, answer[0], answer[1]))
        with clock.part("compare"):
            compared = ReconstructionScores()
            compared.update(picture.name, made, seen)
            scores = compared.compute() | {"psnr_emptied": measure_psnr(emptied, seen)}
        with clock.part("scale back"):
            size = (picture.pixels.shape[0], picture.pixels.shape[1])
            small = to_pixels(made)
            difference = amplify_difference(to_pixels(seen), small)
            full, bypass, strong = (resize(each, size) for each in (small, to_pixels(emptied), difference))
        return ReconstructionPrediction(
            picture.pixels, full, bypass, strong, scores=scores, notes=picture.notes, milliseconds=clock.milliseconds
        )
