"""Many small pictures as one: what a page shows a data set with."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SIDE = 40
COLUMNS = 25
MISSING = (128, 128, 128)
QUALITY = 82


def draw_sheet(paths: Sequence[Path | None], *, side: int = SIDE, columns: int = COLUMNS) -> bytes:
    """Return pictures, cut to squares, row by row on one sheet, as JPEG.

    Args:
        paths: Of pictures; a grey square stands for None and for what cannot be opened.
        side: Of each square, in pixels.
        columns: Squares in a row.
    """
    rows = max(1, -(-len(paths) // columns))
    sheet = Image.new("RGB", (columns * side, rows * side), MISSING)
    for number, path in enumerate(paths):
        small = _open_small(path, side) if path else None
        if small is not None:
            sheet.paste(small, (number % columns * side, number // columns * side))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _open_small(path: Path, side: int) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded at an eighth of its size where that will do
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):
                upright = _from_deep(upright)
            return ImageOps.fit(upright.convert("RGB"), (side, side), Image.Resampling.BILINEAR)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
        return None


def _from_deep(picture: Image.Image) -> Image.Image:
    """Return a 16-bit grey picture as an 8-bit one, from its darkest to its lightest value."""
    values = np.asarray(picture, np.float64)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) / max(high - low, 1.0) * 255).astype(np.uint8))
