"""Samples of more than 8 bits brought to 8."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.image_io.formats.container import UnsupportedError

DeepPixels = NDArray[Any]
ROWS_AT_ONCE = 256
OWN_RANGE = "its own range"
"""Stands in the note on an image that is stretched from its own smallest to its own greatest value."""


def scale_to_8_bit(deep: DeepPixels, maximum: int | None = None) -> tuple[NDArray[np.uint8], list[str]]:
    """Bring whole or floating-point samples to 0 to 255, order kept.

    Samples that fill their range (0 to 65535, or 0 to 1 for floating point: none below it, some in its upper half)
    are divided by it, so that 16 bits are divided by 257. Others, such as the 12 bits of a camera or the Hounsfield
    units of a scanner, are stretched from their own smallest and greatest value.

    Args:
        deep: (H, W) or (H, W, C); the channels share one range, so that hues stay.
        maximum: The value that stands for full light, where the file says it.

    Returns:
        Pixels of the same shape, and notes.

    Raises:
        UnsupportedError: If no sample is a number.
    """
    finite = np.isfinite(deep)
    missing = int(deep.size - np.count_nonzero(finite))
    if missing == deep.size:
        raise UnsupportedError("holds no numbers (only NaN) and brightness is needed")
    low, high = _range(deep, finite, maximum)
    pixels = np.empty(deep.shape, np.uint8)
    # A floating-point copy of the whole would take eight times the picture; rows at a time take next to nothing.
    for start in range(0, len(deep), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        light = np.where(finite[rows], deep[rows], low).astype(np.float64)
        pixels[rows] = np.rint(np.clip((light / 2 - low / 2) / (high / 2 - low / 2), 0, 1) * 255)
    own = "" if low == 0 and high in {1, 65535, maximum} else f"{OWN_RANGE} "
    depth = "Floating-point" if deep.dtype.kind == "f" else f"{8 * deep.dtype.itemsize}-bit"
    notes = [f"{depth} {'grey' if deep.ndim == 2 else 'colour'} was scaled from {own}{low:g}-{high:g} to 8 bit."]
    if missing:
        notes.append(f"{missing:,} samples that are no numbers (NaN or infinite) were taken as black.")
    return pixels, notes


def _range(deep: DeepPixels, finite: NDArray[np.bool_], maximum: int | None) -> tuple[float, float]:
    """Find the values that become 0 and 255."""
    if maximum is not None:
        return 0, maximum
    kept = deep if finite.all() else deep[finite]
    low, high = float(kept.min()), float(kept.max())
    full = 1 if deep.dtype.kind == "f" else 65535
    if low >= 0 and (full / 2 < high <= full or low == high <= full):
        return 0, full
    return low, high if high / 2 > low / 2 else low + max(1, abs(low))
