"""What the values of a set's masks mean: one rule, the same for every image of the set."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import Mask
from core.errors import UserError

AREA = 11
"""Pixels in height and width from which on one value makes an area, whatever soft edges a mask has."""
SOLID = 128
"""From this alpha on, of 255, a pixel is opaque."""


@dataclass(frozen=True)
class Samples:
    """A mask's own values, before anybody says what they mean.

    Attributes:
        values: ``(H, W)`` grey values or palette numbers in the file's own depth, or ``(H, W, 3)`` colours.
        palette: ``(N, 3)``, the colours that the numbers stand for; None where they are grey values.
        alpha: ``(H, W)``, 0 transparent to 255; None where all is opaque.
        lossy: Whether the format changes values a little.
    """

    values: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    alpha: NDArray[np.uint8] | None = None
    lossy: bool = False

    def colours(self) -> NDArray[Any]:
        """Return what is seen: ``(H, W)`` where all colours are grey, else ``(H, W, 3)``."""
        shown = self.values if self.palette is None else self.palette[self.values]
        if shown.ndim == 3 and (shown[..., :1] == shown).all():
            return np.asarray(shown[..., 0])
        return shown

    def brightness(self) -> NDArray[Any]:
        """Return the brightest channel ``(H, W)`` in the file's own depth; what is transparent is black."""
        shown = self.colours()
        bright = shown.max(axis=2) if shown.ndim == 3 else shown
        return bright if self.alpha is None else np.where(self.alpha >= SOLID, bright, 0).astype(bright.dtype)

    def numbers(self) -> NDArray[Any]:
        """Return the palette's numbers ``(H, W)`` where there is a palette, else the brightness."""
        return self.values if self.palette is not None else self.brightness()

    def opacity(self) -> NDArray[np.uint8]:
        """Return ``(H, W)``, 0 transparent to 255."""
        return np.full(self.values.shape[:2], 255, np.uint8) if self.alpha is None else self.alpha

    def is_drawn(self) -> bool:
        """Say whether the opaque part holds black and one bright level, so that it is a mask without its alpha."""
        bright = self.brightness()[self.opacity() >= SOLID]
        if not bright.size or bright.min() > 0 or bright.max() == 0:
            return False
        dark, light = float((bright == 0).mean()), float((bright == bright.max()).mean())
        return dark > 0.01 and light > 0.01 and dark + light > 0.99


@dataclass(frozen=True)
class MaskRule:
    """How a mask is read.

    Attributes:
        source: ``brightness``: on where the brightest channel is above ``cut``; ``alpha``: on where opacity is;
            ``values`` and ``palette``: on where the grey value, or the palette's number, is ``foreground``.
        cut: Between the set's two levels.
        inverted: Whether the darker level is what is meant.
        levels: The set's two levels, dark and bright.
        foreground: The number that is meant, where numbers are.
        background: The number of everything else; what is neither is refused.
        ignored: The number of pixels that are left out of loss and scores; None where there is none.
    """

    source: str = "brightness"
    cut: float = 127.5
    inverted: bool = False
    levels: tuple[float, float] = (0, 255)
    foreground: int = 1
    background: int = 0
    ignored: int | None = None

    def read(self, samples: Samples, name: str) -> tuple[Mask, Mask | None]:
        """Return where a mask is on, and where it says anything at all: ``(H, W)`` each.

        Args:
            samples: The mask.
            name: What sentences call it.

        Returns:
            The second is None where it says something everywhere.

        Raises:
            UserError: If it holds other values than the masks that the rule was found in.
        """
        if self.source in {"values", "palette"}:
            return self._read_numbers(samples, name)
        if self.source == "alpha":
            if samples.alpha is None and samples.is_drawn():
                raise UserError(
                    f"The mask {name} is drawn in black and white, but those of this set are transparent where nothing "
                    "is meant: make it like them."
                )
            return np.asarray(samples.opacity() > self.cut), None
        bright = samples.brightness()
        if not samples.lossy:
            self._check_depth(float(bright.max(initial=0)), name)
            self._check_areas(bright, name)
        on = bright > self.cut
        return np.asarray(~on if self.inverted else on), None

    def _read_numbers(self, samples: Samples, name: str) -> tuple[Mask, Mask | None]:
        numbers = samples.numbers() if self.source == "palette" else samples.brightness()
        on = np.asarray(numbers == self.foreground)
        known = np.asarray(numbers != self.ignored) if self.ignored is not None else np.ones_like(on)
        strange = ~on & known & (numbers != self.background)
        if strange.any():
            raise UserError(
                f"The mask {name} holds the value {float(numbers[strange][0]):g}, but in the masks of this set "
                f"{self.background} is background and {self.foreground} foreground: make it like them."
            )
        return on, None if known.all() else known

    def _check_depth(self, most: float, name: str) -> None:
        """Refuse a mask whose brightest value belongs to another convention than the set's, such as 1 for 255."""
        low, high = self.levels
        reach = high - low
        if most > high + 0.1 * reach or (low == 0 and reach >= 200 and 0 < most <= 2):
            raise UserError(
                f"The mask {name} holds values up to {most:g}, but the masks of this set hold {low:g} and {high:g}: "
                "make it like them."
            )

    def _check_areas(self, bright: NDArray[Any], name: str) -> None:
        """Refuse a mask with areas of a third level between the set's two, too wide for soft edges."""
        low, high = self.levels
        margin = 0.1 * (high - low)
        middle = (bright > low + margin) & (bright < high - margin)
        if middle.sum() < AREA**2 or bright.max() < high - margin:
            return
        values, kernel = bright.astype(np.float32), np.ones((AREA, AREA), np.uint8)
        flat = middle & (cv2.erode(values, kernel) == cv2.dilate(values, kernel))
        if flat.any():
            raise UserError(
                f"The mask {name} holds areas of the value {float(bright[flat][0]):g}, but the masks of this set hold "
                f"{low:g} and {high:g}: make it like them."
            )
