"""Synthetic pictures of 50 kinds of object, in the layout of report R3's course: 10 shapes in 5 coats each."""

import csv
from pathlib import Path

import cv2
import numpy as np

from core.data.layouts.class_file_names import CLASS_NAMES
from core.data.new_folder import fill_new_folder
from core.data.synthetic.objects.shapes import COATS, build_outlines
from core.data.synthetic.objects.still_life import SIDE, Thing, photograph_thing
from core.data.transforms.arrays import Pixels
from core.errors import UserError

_OUTLINES = build_outlines()
_SHAPES = tuple(_OUTLINES)
_KINDS = tuple(
    (tuple(COATS)[(shape + turn) % len(COATS)], name)
    for turn in range(len(COATS))
    for shape, name in enumerate(_SHAPES)
)
CLASSES = tuple(f"{coat} {shape}" for coat, shape in _KINDS)
"""In the order of their labels; neighbours differ in shape and coat, so that a few classes are a varied few."""

_HUE_STEP = 0.618034
_HUE_SPREAD = 0.16
_VALIDATION_EVERY = 10


def draw_object(rng: np.random.Generator, label: int) -> Pixels:
    """Draw one picture, ``(32, 32, 3)`` RGB.

    A class is a shape, a coat and a range of hues a third of the colour wheel wide. Each range overlaps those of two
    thirds of the other classes, so that colour helps and never suffices. Place, size, tilt up to 40°, stretch, light,
    ground, clutter and what stands in front are drawn alike for all classes.

    Args:
        rng: The only source of chance: the same state gives the same picture.
        label: Index in `CLASSES`.
    """
    coat, shape = _KINDS[label]
    thing = Thing(
        contours=_OUTLINES[shape],
        coat=coat,
        hue=float(label * _HUE_STEP + rng.uniform(-_HUE_SPREAD, _HUE_SPREAD)) % 1.0,
        size=float(rng.uniform(12.0, 18.0)),
        place=(SIDE / 2 + float(rng.uniform(-4.5, 4.5)), SIDE / 2 + float(rng.uniform(-4.5, 4.5))),
        angle=float(np.deg2rad(rng.uniform(-40.0, 40.0))),
        stretch=float(rng.uniform(0.8, 1.25)),
    )
    return photograph_thing(rng, thing)


def write_objects(folder: Path, *, n: int = 5000, seed: int = 0, classes: int = 50) -> None:
    """Write `n` pictures in the layout of report R3's course, a tenth of them for validation.

    The pictures are ``train_50/{class}_{id}.png`` and ``val_50/{class}_{id}.png``, with the label as class; the
    folders keep their names whatever the number of classes. ``val_gt.csv`` repeats the labels of the validation part
    as ``image_id,label``, with lines such as ``7_0.png,7``; ``class_names.txt`` says what the classes are called. The
    classes come in turn; each one's first picture of every ten is for validation, where the real set takes the last.
    Picture k, its label, its part and its name depend on `seed`, `classes` and k alone. The data set appears under
    `folder` only when it is complete.

    Args:
        folder: A new or an empty one.
        n: At least two of every class.
        seed: Of all chance.
        classes: 2 to 50, the first of `CLASSES`.

    Raises:
        UserError: When n or the number of classes is out of range, or the folder already holds something.
    """
    _check(n, classes)
    rows: list[tuple[str, int]] = []
    with fill_new_folder(folder) as unfinished:
        for part in ("train_50", "val_50"):
            (unfinished / part).mkdir()
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            number, label = divmod(index, classes)
            name = f"{label}_{number}.png"
            validation = number % _VALIDATION_EVERY == 0
            pixels = draw_object(np.random.default_rng(sequence), label)
            encoded = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
            (unfinished / ("val_50" if validation else "train_50") / name).write_bytes(encoded)
            if validation:
                rows.append((name, label))
        (unfinished / CLASS_NAMES).write_text("\n".join(CLASSES[:classes]) + "\n", encoding="utf-8")
        with (unfinished / "val_gt.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("image_id", "label"), *rows])


def _check(n: int, classes: int) -> None:
    if not 2 <= classes <= len(CLASSES):
        raise UserError(f"A synthetic set of objects has 2 to {len(CLASSES)} classes, not {classes}.")
    if n < 2 * classes:
        raise UserError(
            f"A synthetic set of {classes} classes of objects needs at least {2 * classes} pictures, every class to "
            f"train and to validate, not {n}."
        )
