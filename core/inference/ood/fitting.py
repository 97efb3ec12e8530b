"""Fitting an input check: which points to keep of a checkpoint's own pictures, and how far from them is too far.

The pictures are divided: most make the gallery, together with copies that are cropped, turned, mirrored and relit, as
others take such pictures; on the rest, and copies of theirs, the distance is chosen.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.dataset import hold_back
from core.data.image_io.reader import DATASET_LIMITS, read_picture
from core.data.torch_datasets.classification import load_pixels
from core.data.transforms.arrays import Pixels
from core.inference.checkpoints import Checkpoint
from core.inference.ood.detector import MOST_CHROMA, Bounds, Floats, InputCheck, Looks, describe

COMPONENTS, GALLERY = 64, 512
MOST_OWN, MOST_HELD = 600, 250
"""More pictures are not looked at: a gallery of 512 points does not need them."""
HELD_BACK = 0.25
FEWEST_COPIES = 64
DRAWN = 60
KEPT, KEPT_CHANGED = 0.99, 0.97
"""Shares of the held-back pictures, and of changed copies of them, that the distance lets pass."""
GREY = 6.0
"""Mean difference of a pixel's colours, of 255, up to which a picture still counts as grey: JPEG leaves traces."""
ASPECT_ROOM = 2.0
"""A picture may be so many times as wide, or as high, as the widest and the highest of the own ones."""
DETAIL_ROOM = 2.5
"""Likewise, of its detail."""
ANY = (0.0, np.inf)
STEADY = 0.05
"""Part of the mean deviation that is added to each feature's: one that never moves does not decide alone."""


@dataclass(frozen=True)
class Described:
    """Pictures as the check sees them.

    Attributes:
        features: ``(N, D)``.
        looks: Of the N pictures.
    """

    features: Floats
    looks: tuple[Looks, ...]

    @classmethod
    def of(cls, pictures: Iterable[Pixels]) -> "Described":
        """Describe pictures of any sizes, one after the other."""
        looks: list[Looks] = []

        def looked_at() -> Iterator[Pixels]:
            for each in pictures:
                looks.append(Looks.of(each))
                yield each

        features = describe(looked_at())
        return cls(features, tuple(looks))


def fit_of_checkpoint(checkpoint: Checkpoint, kind: str, *, data: str = "", split: str = "test") -> InputCheck:
    """Fit a check on the data that a checkpoint learnt from, and see what it says of the pictures of a test split.

    Drawn pictures of the same experiment are put into the gallery too, because the page offers them as examples.

    Args:
        checkpoint: A finished one.
        kind: What its pictures are called, with an article.
        data: Name or folder; the data it was trained on if empty.
        split: Judged on, not fitted on.

    Raises:
        UserError: If the data cannot be read.
    """
    found = checkpoint.set_up().open_data(data)
    held: Sequence[Any] = found.splits.get("val") or ()
    own: Sequence[Any] = found.items("train")
    if not held:
        own, held = hold_back(own, HELD_BACK, group=lambda item: item.group)
    own, held = _some(own, MOST_OWN), _some(held, MOST_HELD)
    drawn = Described.of(_drawn_examples(checkpoint))
    changed = np.concatenate([Described.of(_changed(own, seed=1)).features, drawn.features])
    check = fit_input_check(
        kind, Described.of(map(_open, own)), changed, Described.of(map(_open, held)),
        Described.of(_changed(held, seed=2)).features,
    )  # fmt: skip
    judged = [_open(item) for item in _some(found.items(split), MOST_HELD)]
    accepted = float(np.mean([not check.doubt(each) for each in judged]))
    chosen = check.bounds.chosen | {"tested_on": len(judged), "accepted_of_test": round(accepted, 4)}
    return replace(check, bounds=replace(check.bounds, chosen=chosen))


def _some(items: Sequence[Any], most: int) -> list[Any]:
    """Return up to so many items, the same ones each time, in another order than the folder's."""
    return random.Random(0).sample(list(items), min(most, len(items)))


def _open(item: Any) -> Pixels:
    if getattr(item, "index", None) is not None:
        return load_pixels(item)
    return read_picture(item.image, limits=DATASET_LIMITS).pixels


def _changed(items: Sequence[Any], seed: int) -> Iterator[Pixels]:
    """Yield changed copies of pictures, of few pictures several."""
    rng = np.random.default_rng(seed)
    for item in items:
        pixels = _open(item)
        yield from (change(pixels, rng) for _ in range(max(1, FEWEST_COPIES // len(items))))


def _drawn_examples(checkpoint: Checkpoint) -> Iterator[Pixels]:
    experiment = checkpoint.experiment
    with TemporaryDirectory() as place:
        folder = Path(place) / "drawn"
        experiment.make_data(folder, n=max(DRAWN, experiment.fewest_pictures), seed=7)
        found = experiment.open_folder(folder)
        yield from (_open(item) for items in found.splits.values() for item in items)


def fit_input_check(kind: str, own: Described, changed: Floats, held: Described, held_changed: Floats) -> InputCheck:
    """Fit a check.

    Args:
        kind: What the pictures are called, with an article.
        own: Most of them.
        changed: Features of changed copies of ``own``, and of whatever else is to be accepted.
        held: The rest; no patient, child or scene is in both.
        held_changed: Features of changed copies of ``held``.
    """
    scale, components, spread, gallery = (_as_stored(each) for each in _fit_gallery(own.features, changed))
    check = InputCheck(scale, components, spread, gallery, Bounds(kind, np.inf, MOST_CHROMA, ANY, ANY))
    plain, altered = check.distances(held.features), check.distances(held_changed)
    distance = max(float(np.quantile(plain, KEPT)), float(np.quantile(altered, KEPT_CHANGED)))
    looks = (*own.looks, *held.looks)
    greys = max(each.chroma for each in looks) <= GREY
    chosen = {
        "fitted_on": len(own.features), "chosen_on": len(plain), "points": len(gallery),
        "median_of_held_back": round(float(np.median(plain)), 4),
        "accepted_of_held_back": round(float((plain <= distance).mean()), 4),
        "accepted_of_changed": round(float((altered <= distance).mean()), 4),
    }  # fmt: skip
    shape = _with_room([each.aspect for each in looks], ASPECT_ROOM)
    detail = _with_room([each.detail for each in looks], DETAIL_ROOM)
    bounds = Bounds(kind, round(distance, 4), 2 * GREY if greys else MOST_CHROMA, shape, detail, chosen)
    return InputCheck(scale, components, spread, gallery, bounds)


def _with_room(values: Sequence[float], room: float) -> tuple[float, float]:
    return round(min(values) / room, 4), round(max(values) * room, 4)


def _fit_gallery(own: Floats, changed: Floats) -> tuple[NDArray[np.float64], ...]:
    """Return scale, components, spread and gallery of :class:`InputCheck`."""
    features = np.concatenate([own, changed]).astype(np.float64)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation = deviation + STEADY * deviation.mean()
    scaled = (features - mean) / deviation
    _, values, directions = np.linalg.svd(scaled, full_matrices=False)
    count = min(COMPONENTS, len(values) - 1)
    components, spread = directions[:count], np.maximum(values[:count] / np.sqrt(len(scaled)), 1e-3)
    along = scaled @ components.T
    rest = np.sqrt(np.median(np.maximum((scaled**2).sum(axis=1) - (along**2).sum(axis=1), 1e-12)))
    return np.stack([mean, deviation]), components, np.append(spread, rest), _spread_out(along / spread, GALLERY)


def _spread_out(places: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return up to so many points such that no other is far from one of them (Gonzalez, 1985: farthest first)."""
    if len(places) <= most:
        return places
    chosen = [int(((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    nearest = np.full(len(places), np.inf)
    for _ in range(most - 1):
        nearest = np.minimum(nearest, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return places[chosen]


def _as_stored(array: NDArray[np.float64]) -> Floats:
    """Return what is left of numbers that are stored with 16 bits, so that distances are chosen with those."""
    return array.astype(np.float16).astype(np.float32)


def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a picture as another might have taken it: cropped to 75 %, turned by 12°, mirrored, relit, coarser.

    Args:
        pixels: ``(H, W, 3)``.
        rng: Decides how.
    """
    height, width = pixels.shape[:2]
    part = rng.uniform(0.75, 1)
    tall, wide = int(height * part), int(width * part * rng.uniform(0.9, 1))
    top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
    cut = pixels[top : top + tall, left : left + wide]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    turn = cv2.getRotationMatrix2D((wide / 2, tall / 2), float(rng.uniform(-12, 12)), 1)
    border = cv2.BORDER_CONSTANT if rng.random() < 0.5 else cv2.BORDER_REPLICATE
    turned = cv2.warpAffine(np.ascontiguousarray(cut), turn, (wide, tall), borderMode=border)
    return _coarser(_relit(np.asarray(turned, np.uint8), rng), rng)


def _relit(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    light = (pixels / 255) ** np.exp(rng.uniform(-0.6, 0.6))
    light = (light - 0.5) * rng.uniform(0.6, 1.2) + 0.5 + rng.uniform(-0.1, 0.1)
    return np.asarray((255 * np.clip(light, 0, 1)).round(), np.uint8)


def _coarser(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() > 0.3:
        return pixels
    height, width = pixels.shape[:2]
    part = rng.uniform(0.3, 1)
    small = cv2.resize(pixels, (max(32, int(width * part)), max(32, int(height * part))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height)), np.uint8)
