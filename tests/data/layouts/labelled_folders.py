"""Small data sets of pictures with class labels, written in every layout that is read."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, seed: int = 0, *, side: int = 20) -> Path:
    """Write noise; Pillow knows the format by the ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_class_folders(root: Path, counts: dict[str, int], *, first: int = 0) -> Path:
    """Write so many different pictures into each folder."""
    for number, (name, count) in enumerate(counts.items()):
        for picture in range(count):
            write_picture(root / name / f"{picture:04d}.png", seed=first + 1000 * number + picture)
    return root


def write_table(path: Path, rows: Iterable[Sequence[object]], header: str = "ID,Label") -> Path:
    lines = [*([header] if header else []), *(",".join(map(str, row)) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_defects(root: Path, *, train: int = 12, test: int = 5) -> Path:
    """Write report R1's layout: numbers 0 to 5 as labels, empty ones for testing."""
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            write_picture(root / f"{split}_images" / f"{split}_{number:05d}.png", seed=number + 100 * (split == "test"))
    write_table(root / "train.csv", [(f"train_{number:05d}.png", number % 6) for number in range(train)])
    write_table(root / "test.csv", [(f"test_{number:05d}.png", "") for number in range(test)])
    return root
