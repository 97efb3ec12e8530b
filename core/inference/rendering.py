"""Predictions as pictures. Colours are chosen to stay apart for the colour-blind."""

import cv2
import numpy as np

from core.data.transforms.arrays import FloatImage, Mask, Pixels

VESSEL_COLOUR = (0, 255, 255)


def render_overlay(pixels: Pixels, mask: Mask, *, opacity: float = 0.75) -> Pixels:
    """Tint the foreground cyan.

    Args:
        pixels: ``(H, W, 3)``.
        mask: ``(H, W)``.
        opacity: 0 shows the picture alone, 1 hides it under the mask.
    """
    overlay = pixels.astype(np.float32)
    overlay[mask] = (1 - opacity) * overlay[mask] + opacity * np.array(VESSEL_COLOUR, np.float32)
    return overlay.round().astype(np.uint8)


def render_probabilities(probabilities: FloatImage) -> Pixels:
    """Map 0 to 1 to black, violet, orange and pale yellow (the colour map inferno)."""
    levels = (255 * probabilities).round().astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB), np.uint8)


def render_mask(mask: Mask) -> Pixels:
    """Return the mask as a grey picture ``(H, W)`` of 0 and 255."""
    return (255 * mask).astype(np.uint8)


def render_cutout(pixels: Pixels, mask: Mask) -> Pixels:
    """Return the picture ``(H, W, 4)``, transparent outside the mask."""
    return np.dstack([pixels, render_mask(mask)])
