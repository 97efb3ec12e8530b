"""What stays of a prediction while a user moves the threshold: small enough to keep for every visitor."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import FloatImage, Mask, Pixels, resize, shrink_to
from core.inference.predictors.segmentation import MaskPrediction
from core.inference.rendering import render_cutout, render_overlay, render_probabilities

SHOWN_SIDE = 1200
MOST_MEASURED = 12_000_000
"""Pixels of larger pictures are not kept for measuring lines: each visitor's are."""
LEVELS = 1000


@dataclass(frozen=True)
class SegmentationView:
    """A prediction at screen size, and the exact number of pixels at every threshold.

    Attributes:
        pixels: ``(h, w, 3)``.
        probabilities: ``(h, w)``.
        inside: ``(h, w)``.
        measured: ``(h, w)``, the probabilities at the picture's own size in 255 steps, where lines are to be measured;
            None where they are not.
        above: ``(LEVELS + 1,)``; share of the full-size field of view with a probability of at least k / LEVELS.
    """

    pixels: Pixels
    probabilities: FloatImage
    inside: Mask
    above: NDArray[np.float64]
    measured: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, prediction: MaskPrediction, *, thin: bool = False) -> "SegmentationView":
        """Shrink a prediction to screen size; ``thin`` keeps what lines are measured in, at the picture's own size."""
        pixels = shrink_to(prediction.pixels, SHOWN_SIDE)
        size = (pixels.shape[0], pixels.shape[1])
        levels = np.floor(LEVELS * prediction.probabilities[prediction.inside] + 1e-4).astype(np.int64)
        counts = np.bincount(levels, minlength=LEVELS + 1)[::-1].cumsum()[::-1]
        return cls(
            pixels,
            resize(prediction.probabilities, size),
            resize(prediction.inside.astype(np.float32), size) > 0.5,
            counts / max(1, levels.size),
            _in_steps(prediction) if thin and prediction.probabilities.size <= MOST_MEASURED else None,
        )

    def overlay(self, threshold: float) -> Pixels:
        """Return the picture with the foreground tinted."""
        return render_overlay(self.pixels, (self.probabilities >= threshold) & self.inside)

    def share(self, threshold: float) -> float:
        """Return the foreground's share of the field of view, 0 to 1; thresholds count in steps of 1 / LEVELS."""
        return float(self.above[min(LEVELS, max(0, round(LEVELS * threshold)))])

    def cutout(self, threshold: float) -> Pixels:
        """Return the picture ``(h, w, 4)``, transparent outside the foreground."""
        return render_cutout(self.pixels, (self.probabilities >= threshold) & self.inside)

    def measure(self, threshold: float) -> dict[str, float] | None:
        """Return width and course of the lines, in pixels of the picture as it was read; None where there are none."""
        if self.measured is None:
            return None
        from core.metrics.vessel_morphometry import measure_lines  # noqa: PLC0415 - only thin structures are measured

        found = measure_lines(self.measured >= max(1, round(255 * threshold)))
        return {name: round(float(each), 4) for name, each in asdict(found).items()} if found.pieces else None

    def probability_map(self) -> Pixels:
        """Return the probabilities in colour."""
        return render_probabilities(self.probabilities)


def _in_steps(prediction: MaskPrediction) -> NDArray[np.uint8]:
    return (255 * prediction.probabilities * prediction.inside).round().astype(np.uint8)
