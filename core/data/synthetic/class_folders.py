"""Writes drawn pictures the way most classification sets lie on disk: a folder for each class in train/ and test/."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from core.data.new_folder import fill_new_folder
from core.errors import UserError

if TYPE_CHECKING:
    from core.data.transforms.arrays import Pixels

Draw = Callable[[np.random.Generator, str], "Pixels"]
"""Draws one picture ``(H, W, 3)`` uint8 of a class; all chance comes from the generator."""


def write_class_folders(
    folder: Path, draw: Draw, classes: Sequence[str], *, n: int, seed: int = 0, test_every: int = 5
) -> None:
    """Draw n pictures, the classes in turn, and write them as PNG into ``train/<class>/`` and ``test/<class>/``.

    Picture k depends on seed and k alone, so a larger set begins with the smaller one.

    Args:
        folder: New or empty; it appears when all is written.
        draw: Called once for each picture.
        classes: Names, in the order of the labels.
        n: Pictures in all.
        seed: Start of every random choice.
        test_every: Of so many pictures of a class, the first is for testing.

    Raises:
        UserError: If there are too few for one of each class in both splits, or the folder already holds something.
    """
    if n < 2 * len(classes):
        raise UserError(f"{n} pictures were asked for; {len(classes)} classes need at least {2 * len(classes)}.")
    with fill_new_folder(folder) as unfinished:
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            number, label = divmod(index, len(classes))
            place = unfinished / ("train" if number % test_every else "test") / classes[label]
            place.mkdir(parents=True, exist_ok=True)
            picture = draw(np.random.default_rng(sequence), classes[label])
            Image.fromarray(picture).save(place / f"{number:05d}.png")
