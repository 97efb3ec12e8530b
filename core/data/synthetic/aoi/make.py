"""Synthetic inspection pictures of six classes, in the layout of report R1: lets the bench run without a factory."""

import csv
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.new_folder import fill_new_folder
from core.data.synthetic.aoi.defects import (
    Marks,
    add_chips,
    add_line,
    add_particles,
    add_void,
    build_marks,
    render_shading,
)
from core.data.synthetic.aoi.surface import Scene, build_scene, soft_step
from core.errors import UserError

CLASSES = ("normal", "void", "horizontal defect", "vertical defect", "edge defect", "particle")
"""In the order of their labels, 0 to 5."""

_DEFECTS: dict[int, Callable[[np.random.Generator, Scene, Marks], None]] = {
    1: add_void,
    2: partial(add_line, vertical=False),
    3: partial(add_line, vertical=True),
    4: add_chips,
    5: add_particles,
}
_TEST_EVERY = 5
_FEWEST = 2 * len(CLASSES)


def draw_inspection(rng: np.random.Generator, label: int) -> NDArray[np.uint8]:
    """Draw one grey picture, ``(224, 224)``, 0 to 255.

    Part, light, exposure and grain are drawn before the label is looked at: the same state with another label gives
    the same photograph of the same part with another thing wrong with it. The camera sets its exposure by the finished
    picture, so that no defect shows in the mean brightness.

    Args:
        rng: The only source of chance: the same state gives the same picture.
        label: Index in `CLASSES`.
    """
    for_scene, for_defect, for_camera = (np.random.default_rng(seed) for seed in rng.integers(2**63, size=3))
    scene = build_scene(for_scene)
    marks = build_marks()
    if label in _DEFECTS:
        _DEFECTS[label](for_defect, scene, marks)
    return _photograph(for_camera, scene, marks)


def write_aoi(folder: Path, *, n: int = 2500, seed: int = 0) -> None:
    """Write `n` pictures in the layout of report R1, about a fifth of them for testing.

    ``train.csv`` holds ``ID,Label`` with lines such as ``train_00007.png,3``; ``test.csv`` has the same two columns and
    an empty label, ``test_00000.png,``; the pictures are grey PNG in ``train_images/`` and ``test_images/``. What the
    real set keeps to itself lies beside them: ``test_truth.csv``, in the shape of ``train.csv``.

    Six pictures in a row hold every class once, in chance order; the first six of every thirty are for testing, so
    that both parts are balanced but for the last few. Picture k, its label, its part and its name depend on `seed` and
    k alone. The data set appears under `folder` only when it is complete.

    Deviations from the real set: its pictures are 512×512, its test part is four times its training part, and its
    classes are of unequal size.

    Raises:
        UserError: When n < 12, or the folder already holds something.
    """
    if n < _FEWEST:
        raise UserError(
            f"A synthetic AOI set needs at least {_FEWEST} pictures, every class to train and to test, not {n}."
        )
    labelled: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    with fill_new_folder(folder) as unfinished:
        for part in labelled:
            (unfinished / f"{part}_images").mkdir()
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            block, place = divmod(index, len(CLASSES))
            part = "test" if block % _TEST_EVERY == 0 else "train"
            label = _shuffle_classes(seed, block)[place]
            name = f"{part}_{len(labelled[part]):05d}.png"
            pixels = draw_inspection(np.random.default_rng(sequence), label)
            (unfinished / f"{part}_images" / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            labelled[part].append((name, label))
        _write_table(unfinished / "train.csv", labelled["train"])
        _write_table(unfinished / "test.csv", ((name, "") for name, _ in labelled["test"]))
        _write_table(unfinished / "test_truth.csv", labelled["test"])


def _shuffle_classes(seed: int, block: int) -> list[int]:
    """The labels of six pictures in a row; two spawn keys, because one belongs to the pictures."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block, 0)))
    return [int(label) for label in rng.permutation(len(CLASSES))]


def _write_table(path: Path, rows: Iterable[tuple[str, int | str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("ID", "Label"))
        table.writerows(rows)


def _photograph(rng: np.random.Generator, scene: Scene, marks: Marks) -> NDArray[np.uint8]:
    """Light the part, put it over its tray, blur, expose, add grain."""
    sound = scene.measure()
    depth = scene.measure(marks.damage) if marks.damage.any() else sound
    width, shine = scene.bevel
    tone = scene.tone + marks.tone + render_shading(scene, marks)
    tone += np.float32(shine) * soft_step((np.float32(width) - sound) / np.float32(0.8))
    # a fresh break beside a bite: it lies steeper than the bevel and shines where the bevel does not
    tone -= np.float32(0.3 * np.sign(shine)) * ((depth < 3.5) & (sound > depth + 0.8))
    cover = np.clip(depth + np.float32(0.5), 0.0, 1.0)
    picture = (scene.beyond + cover * (np.exp(tone) - scene.beyond)) * scene.light
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.45, 1.0))), np.float32)
    picture *= np.float32(rng.uniform(70.0, 150.0) / picture.mean())
    # photons: the brighter, the more grain
    grain = np.float32(rng.uniform(1.5, 5.0)) * np.sqrt(picture / np.float32(110.0))
    picture += grain * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)
