"""Taking salt-and-pepper noise out of pictures."""

import cv2
import numpy as np

from core.data.transforms.arrays import Pixels

SPECK = 40
"""How far, of 255, a value must be from the median around it to count as a speck."""


def remove_specks(pixels: Pixels, *, threshold: int = SPECK) -> Pixels:
    """Replace pixels that stand out from their neighbours by the median of the 3×3 square around them.

    A plain median filter blurs every hair. Here a pixel is only replaced where one of its channels differs from that
    channel's median by more than the threshold, as specks of pure black or white do, also when JPEG has softened
    them; a picture without specks keeps nearly all of its pixels. Known as a switching median filter (Sun and
    Neuvo, 1994, "Detail-preserving median based filters in image processing").

    Args:
        pixels: ``(H, W, 3)``.
        threshold: 0 to 255; 0 is the plain median filter.
    """
    median = np.asarray(cv2.medianBlur(pixels, 3), np.uint8)
    stands_out = cv2.absdiff(pixels, median).max(axis=2) > threshold
    return np.where(stands_out[..., None], median, pixels)
