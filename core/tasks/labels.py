"""A classified picture as a picture: the answer written below it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.data.transforms.arrays import Pixels

SIDE = 256
LINE = 22
RIGHT, WRONG, QUIET = (38, 160, 90), (205, 60, 60), (150, 160, 170)
PAPER, INK = (250, 250, 250), (30, 34, 40)
SHOWN = 3


def render_answer(pixels: Pixels, classes: Sequence[str], probs: NDArray[np.float32], label: int) -> Pixels:
    """Return the picture over its true class and the most probable ones with bars, green where right, red where wrong.

    Args:
        pixels: ``(H, W, 3)``; scaled to a width of 256, small pictures with visible pixels.
        classes: Names.
        probs: ``(classes,)``.
        label: The true class; below 0 where it is not known.
    """
    height, width = pixels.shape[:2]
    how = Image.Resampling.NEAREST if width < SIDE // 2 else Image.Resampling.BILINEAR
    picture = Image.fromarray(pixels).resize((SIDE, max(1, round(height * SIDE / width))), how)
    best = np.argsort(-probs, kind="stable")[:SHOWN]
    page = Image.new("RGB", (SIDE, picture.height + LINE * (len(best) + (label >= 0)) + 6), PAPER)
    page.paste(picture)
    pen, font, top = ImageDraw.Draw(page), ImageFont.load_default(14), picture.height + 3
    if label >= 0:
        pen.text((6, top), f"true: {_short(classes[label])}", fill=INK, font=font)
        top += LINE
    for place, each in enumerate(best):
        colour = QUIET if place or label < 0 else RIGHT if each == label else WRONG
        pen.rectangle((0, top + 1, int(probs[each] * (SIDE - 1)), top + LINE - 3), fill=colour)
        pen.text((6, top + 1), f"{_short(classes[each])}  {100 * probs[each]:.1f} %", fill=INK, font=font)
        top += LINE
    return np.asarray(page, np.uint8)


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"
