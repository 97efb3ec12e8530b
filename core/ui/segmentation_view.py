"""What stays of a prediction while a user moves the threshold: small enough to keep for every visitor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.raster import FloatImage, Mask, Pixels, resize, shrink_to
from core.inference.rendering import render_overlay, render_probabilities
from core.inference.segmentation import MaskPrediction

SHOWN_SIDE = 1200
LEVELS = 1000


@dataclass(frozen=True)
class SegmentationView:
    """A prediction at screen size, and the exact number of pixels at every threshold.

    Attributes:
        pixels: ``(h, w, 3)``.
        probabilities: ``(h, w)``.
        inside: ``(h, w)``.
        above: ``(LEVELS + 1,)``; share of the full-size field of view with a probability of at least k / LEVELS.
    """

    pixels: Pixels
    probabilities: FloatImage
    inside: Mask
    above: NDArray[np.float64]

    @classmethod
    def of(cls, prediction: MaskPrediction) -> "SegmentationView":
        """Shrink a prediction to screen size."""
        pixels = shrink_to(prediction.pixels, SHOWN_SIDE)
        size = (pixels.shape[0], pixels.shape[1])
        levels = np.floor(LEVELS * prediction.probabilities[prediction.inside] + 1e-4).astype(np.int64)
        counts = np.bincount(levels, minlength=LEVELS + 1)[::-1].cumsum()[::-1]
        return cls(
            pixels,
            resize(prediction.probabilities, size),
            resize(prediction.inside.astype(np.float32), size) > 0.5,
            counts / max(1, levels.size),
        )

    def overlay(self, threshold: float) -> Pixels:
        """Return the picture with the foreground tinted."""
        return render_overlay(self.pixels, (self.probabilities >= threshold) & self.inside)

    def share(self, threshold: float) -> float:
        """Return the foreground's share of the field of view, 0 to 1; thresholds count in steps of 1 / LEVELS."""
        return float(self.above[min(LEVELS, max(0, round(LEVELS * threshold)))])

    def probability_map(self) -> Pixels:
        """Return the probabilities in colour."""
        return render_probabilities(self.probabilities)
