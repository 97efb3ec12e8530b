"""Scores of generated blots against the true ones, accumulated over a whole split and kept for every picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.metrics.reconstruction import convert_to_psnr, measure_ssim

FloatImage = NDArray[np.float32]

SHORTEST_LANE = 0.5
FLAT = 1e-4


@dataclass(frozen=True)
class BlotRow:
    """All that is kept of one picture.

    Attributes:
        name: The picture.
        l1: Mean absolute difference, 0 to 2.
        psnr: Decibels.
        ssim: −1 to 1.
        correlations: Of each lane whose true profile is not flat, −1 to 1.
        real_found: Whether the discriminator took the true picture for real; None without a discriminator.
        fake_found: Whether it took the generated one for generated.
    """

    name: str
    l1: float
    psnr: float
    ssim: float
    correlations: tuple[float, ...]
    real_found: bool | None
    fake_found: bool | None


class BlotScores:
    """L1, PSNR, SSIM, correlation of lane profiles, and how often the discriminator is right.

    - ``l1``: mean absolute difference on the scale −1 to 1.
    - ``psnr``: of each picture with data range 2, then averaged; at most 106 dB, see
      :func:`core.metrics.reconstruction.convert_to_psnr`.
    - ``ssim``: of each picture with the Gaussian 11×11 window and data range 2, then averaged, see
      :func:`core.metrics.reconstruction.measure_ssim`.
    - ``profile_correlation``: Pearson's r between the generated and the true intensity profile along each lane of
      template 1, averaged over all lanes of the split. A lane whose true profile is flat has no r and is left out; a
      flat answer to a lane that is not flat counts 0. NaN where no picture has such a lane.
    - ``real_accuracy``, ``fake_accuracy``: share of true pictures judged real (probability at least 0.5), and of
      generated ones judged generated. Left out where no probability was given.

    Pictures of the split have equal sizes, so that the mean over pictures is the mean over pixels.

    >>> import numpy as np
    >>> blot = np.linspace(-1, 1, 4096, dtype=np.float32).reshape(1, 64, 64)
    >>> templates = np.ones((2, 64, 64), np.float32)
    >>> scores = BlotScores()
    >>> scores.update("perfect", blot, blot, templates)
    >>> {key: round(value, 6) for key, value in scores.compute().items()}
    {'l1': 0.0, 'psnr': 106.0206, 'ssim': 1.0, 'profile_correlation': 1.0}
    """

    def __init__(self) -> None:
        self.pictures: list[BlotRow] = []

    def update(
        self,
        name: str,
        generated: FloatImage,
        target: FloatImage,
        templates: FloatImage,
        *,
        real_probability: float | None = None,
        fake_probability: float | None = None,
    ) -> None:
        """Score one picture.

        Args:
            name: Name of the picture.
            generated: ``(1, H, W)``, −1 to 1, at least 11×11.
            target: ``(1, H, W)``, the true picture.
            templates: ``(2, H, W)``; the first shows the lanes bright on dark.
            real_probability: What the discriminator gives the true picture, averaged over patches if it judges those.
            fake_probability: What it gives the generated one.
        """
        made, true = generated[0].astype(np.float64), target[0].astype(np.float64)
        self.pictures.append(
            BlotRow(
                name,
                float(np.abs(made - true).mean()),
                convert_to_psnr(float(np.square(made - true).mean())),
                measure_ssim(generated[0], target[0]),
                tuple(correlate_profiles(made, true, find_lanes(templates[0]))),
                None if real_probability is None else real_probability >= 0.5,
                None if fake_probability is None else fake_probability < 0.5,
            )
        )

    def compute(self) -> dict[str, float]:
        """Return every score of the pictures so far; empty before the first."""
        return _scores(self.pictures) if self.pictures else {}

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`pictures`."""
        return [_scores([each]) for each in self.pictures]

    def reference(self) -> dict[str, float]:
        """Return nothing: no person has drawn these blots from their templates."""
        return {}

    @property
    def names(self) -> list[str]:
        """Return the pictures' names, in the same order."""
        return [each.name for each in self.pictures]


def find_lanes(layout: FloatImage) -> list[NDArray[np.bool_]]:
    """Return a mask ``(H, W)`` of each lane of a lane layout ``(H, W)``, −1 to 1, from left to right.

    A lane is a bright part (above 0), joined by the sides of pixels, that spans at least half the height, straight or
    slanted. Where there is none, the whole picture counts as one lane.
    """
    height, width = layout.shape
    bright = (layout > 0).astype(np.uint8)
    count, labels, boxes, centres = cv2.connectedComponentsWithStats(bright, connectivity=4)
    tall = [part for part in range(1, count) if boxes[part, cv2.CC_STAT_HEIGHT] >= SHORTEST_LANE * height]
    lanes = [np.asarray(labels == part) for part in sorted(tall, key=lambda part: float(centres[part][0]))]
    return lanes or [np.ones((height, width), np.bool_)]


def profile_along(picture: NDArray[np.float64], lane: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of a picture ``(H, W)`` over the lane's pixels in each row that has any, from top to bottom."""
    widths = lane.sum(axis=1)
    rows = widths > 0
    return np.asarray((picture * lane).sum(axis=1)[rows] / widths[rows])


def correlate_profiles(
    generated: NDArray[np.float64], target: NDArray[np.float64], lanes: list[NDArray[np.bool_]]
) -> list[float]:
    """Return Pearson's r of the profiles along each lane whose true profile is not flat; 0 for a flat answer."""
    found = []
    for lane in lanes:
        made, true = profile_along(generated, lane), profile_along(target, lane)
        if true.std() > FLAT:
            found.append(float(np.corrcoef(made, true)[0, 1]) if made.std() > FLAT else 0.0)
    return found


def _scores(rows: list[BlotRow]) -> dict[str, float]:
    correlations = [each for row in rows for each in row.correlations]
    scores = {
        "l1": float(np.mean([row.l1 for row in rows])),
        "psnr": float(np.mean([row.psnr for row in rows])),
        "ssim": float(np.mean([row.ssim for row in rows])),
        "profile_correlation": float(np.mean(correlations)) if correlations else float("nan"),
    }
    for key, field in (("real_accuracy", "real_found"), ("fake_accuracy", "fake_found")):
        judged = [getattr(row, field) for row in rows if getattr(row, field) is not None]
        if judged:
            scores[key] = float(np.mean(judged))
    return scores
