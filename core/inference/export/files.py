"""Predictions as files."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from core.errors import UserError
from core.inference.predictors.predictor import Prediction


def save_prediction(prediction: Prediction, folder: Path, name: str) -> dict[str, str]:
    """Write the pictures of a prediction as PNG and return their paths.

    Args:
        prediction: What was found.
        folder: Made if missing.
        name: The picture's file name, with folders where those tell it apart from others; its ending stays part of the
            new names, so that ``a.jpg`` and ``a.png`` differ.

    Raises:
        UserError: If the folder cannot be written.
    """
    written = {}
    try:
        for kind, raster in prediction.rasters().items():
            path = folder / f"{name}.{kind}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(raster).save(path)
            written[kind] = str(path)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); give another folder with --out.") from error
    return written


def distinct_names(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each file that no other file has: its own, after so many of its folders as tell it apart.

    >>> distinct_names(["/a/scan1/eye.png", "/a/scan2/eye.png", "/a/scan2/disc.png"])
    {'/a/scan1/eye.png': 'scan1/eye.png', '/a/scan2/eye.png': 'scan2/eye.png', '/a/scan2/disc.png': 'disc.png'}
    """
    parts = {path: Path(os.path.abspath(path)).parts for path in paths}  # noqa: PTH100 - Path keeps ".." in a path
    alike: dict[str, set[tuple[str, ...]]] = {}
    for each in parts.values():
        alike.setdefault(each[-1].casefold(), set()).add(each)
    lengths = {name: _telling_length(each) for name, each in alike.items()}
    return {path: "/".join(each[-lengths[each[-1].casefold()] :]) for path, each in parts.items()}


def _telling_length(paths: Iterable[tuple[str, ...]]) -> int:
    """Return how many of their last parts differ between any two paths, without regard to capitals where it can be."""
    several = list(paths)
    for length in range(1, max(map(len, several)) + 1):
        ends = {tuple(part.casefold() for part in each[-length:]) for each in several}
        if len(ends) == len(several):
            return length
    return max(map(len, several))
