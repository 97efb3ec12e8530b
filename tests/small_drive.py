"""Photographs small enough for tests that start many runs."""

from pathlib import Path

from PIL import Image

from core.experiments import find_experiment


def make_small_drive(folder: Path, *, n: int, seed: int) -> Path:
    """Write synthetic photographs in DRIVE's layout, half as wide and high, and return the folder."""
    find_experiment("vessels").make_data(folder, n=n, seed=seed)
    for path in (*folder.rglob("*.tif"), *folder.rglob("*.gif")):
        with Image.open(path) as picture:
            small = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.NEAREST)
        small.save(path)
    return folder
