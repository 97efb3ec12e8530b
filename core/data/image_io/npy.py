"""Grey or colour pictures stacked in one ``.npy`` file, read a picture at a time."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import Pixels
from core.errors import UserError

PROBES = 8
"""So many rows, and every eighth of their pixels, are looked at to tell 0 to 1 from 0 to 255."""


def open_picture_array(path: Path) -> NDArray[Any]:
    """Map a file of pictures ``(N, H, W)``, ``(N, H, W, 1)`` or ``(N, H, W, 3)``; nothing in it is unpickled.

    Raises:
        UserError: If it is no NumPy file, or not one of such pictures.
    """
    try:
        with np.errstate(over="ignore"):  # a header may claim any size
            array = np.lib.format.open_memmap(path, "r")
    except (OSError, ValueError, TypeError, OverflowError):
        raise UserError(
            f"{path.name} is damaged or no plain NumPy array; save it with numpy.save as numbers (N, H, W)."
        ) from None
    colours = array.ndim == 3 or (array.ndim == 4 and array.shape[3] in {1, 3})
    if not colours or not array.size or array.dtype.kind not in "uif":
        raise UserError(
            f"{path.name} holds {array.dtype} {array.shape}; pictures as numbers (N, H, W) or (N, H, W, 3) are allowed."
        )
    return array


def read_row(path: Path, index: int) -> Pixels:
    """Read one picture of a file as ``(H, W, 3)``, grey ones with three equal channels.

    Whole numbers are taken as 0 to 255; others as 0 to 1 where the file's largest value is at most 1, else as 0 to 255.

    Raises:
        UserError: If the file cannot be read, has no such row, or its values are neither.
    """
    array = open_picture_array(path)
    if not 0 <= index < len(array):
        raise UserError(f"{path.name} holds {len(array)} pictures and number {index} was asked for; the file changed.")
    row = np.asarray(array[index])
    if row.dtype != np.uint8:
        row = _in_bytes(row, path, index, high=_largest(array))
    return np.ascontiguousarray(np.broadcast_to(row[..., None] if row.ndim == 2 else row, (*row.shape[:2], 3)))


def _largest(array: NDArray[Any]) -> float:
    """Return the largest of some values from all over the file."""
    rows = np.unique(np.linspace(0, len(array) - 1, PROBES).astype(int))
    return float(max(array[row, ::8, ::8].max() for row in rows))


def _in_bytes(row: NDArray[Any], path: Path, index: int, *, high: float) -> Pixels:
    values = row.astype(np.float32)
    low, top = float(values.min(initial=0)), max(high, float(values.max(initial=0)))
    if not np.isfinite([low, top]).all() or low < 0 or top > 255:
        raise UserError(
            f"Picture {index} of {path.name} has values from {low:.4g} to {top:.4g}; 0 to 255, or 0 to 1 with "
            "decimals, is allowed: scale the file."
        )
    if row.dtype.kind == "f" and top <= 1:
        values *= 255
    return np.rint(values).astype(np.uint8)
