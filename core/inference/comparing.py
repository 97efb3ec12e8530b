"""What two models say of one picture, and where they differ."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.data.transforms.arrays import Pixels, resize
from core.inference.predictors.classification import ClassPrediction
from core.inference.predictors.neighbours import NeighbourPrediction
from core.inference.predictors.reconstruction import ReconstructionPrediction
from core.inference.predictors.segmentation import MaskPrediction
from core.inference.predictors.semantic import ClassMapPrediction
from core.inference.predictors.translation import TranslationPrediction
from core.inference.rendering import render_overlay
from core.tasks.reconstruction import DIFFERENCE_SCALE, amplify_difference, measure_psnr

FIRST_COLOUR, SECOND_COLOUR, BOTH_COLOUR = (230, 120, 20), (40, 110, 230), (255, 255, 255)
"""Orange where the first alone marks, blue where the second alone does: colours that the colour-blind tell apart."""
DIMMED = 0.35


@dataclass(frozen=True)
class Compared:
    """Two answers to one picture.

    Attributes:
        first: ``(H, W, 3)``, the first model's.
        second: Likewise, of the same size.
        difference: Where they differ; None where the answer has no places.
        said: That in a sentence or two.
    """

    first: Pixels
    second: Pixels
    difference: Pixels | None
    said: str


def compare(first: Any, second: Any) -> Compared:
    """Compare two predictions of one picture.

    Args:
        first: A prediction.
        second: Another model's, of the same picture and for the same experiment.
    """
    if isinstance(first, MaskPrediction) and isinstance(second, MaskPrediction):
        return _compare_masks(first, second)
    if isinstance(first, ClassMapPrediction) and isinstance(second, ClassMapPrediction):
        return _compare_maps(first, second)
    if isinstance(first, ReconstructionPrediction) and isinstance(second, ReconstructionPrediction):
        return _compare_reconstructions(first, second)
    if isinstance(first, TranslationPrediction) and isinstance(second, TranslationPrediction):
        return _compare_drawings(first, second)
    return _compare_classes(first, second)


def _compare_masks(first: MaskPrediction, second: MaskPrediction) -> Compared:
    mine, other = first.mask(), second.mask()
    either, both = int((mine | other).sum()), int((mine & other).sum())
    map_ = (DIMMED * first.pixels).astype(np.uint8)
    map_[mine & other], map_[mine & ~other], map_[other & ~mine] = BOTH_COLOUR, FIRST_COLOUR, SECOND_COLOUR
    size = mine.size
    overlap = f"of what either marks, both mark {100 * both / either:.1f} %" if either else "neither marks anything"
    said = (
        f"They agree on {100 * float((mine == other).mean()):.1f} % of the pixels; {overlap}. White: both; orange: the "
        f"first alone ({100 * int((mine & ~other).sum()) / size:.1f} % of the picture); blue: the second alone "
        f"({100 * int((other & ~mine).sum()) / size:.1f} %)."
    )
    return Compared(render_overlay(first.pixels, mine), render_overlay(first.pixels, other), map_, said)


def _compare_maps(first: ClassMapPrediction, second: ClassMapPrediction) -> Compared:
    theirs = np.array([first.classes.index(name) if name in first.classes else -1 for name in second.classes])
    other = theirs[second.labels]
    differs = first.labels != other
    grey = np.repeat((DIMMED * first.pixels.mean(axis=2, keepdims=True)).astype(np.uint8), 3, axis=2)
    grey[differs] = FIRST_COLOUR
    said = f"They name different classes on {100 * float(differs.mean()):.1f} % of the pixels (orange)."
    if differs.any():
        pairs = Counter(zip(first.labels[differs].tolist(), second.labels[differs].tolist(), strict=True))
        (one, two), count = pairs.most_common(1)[0]
        said += (
            f" Most often the first says {first.classes[one]} where the second says {second.classes[two]} "
            f"({100 * count / differs.size:.1f} % of the pixels)."
        )
    return Compared(first.render_map(), second.render_map(), grey, said)


def _compare_reconstructions(first: ReconstructionPrediction, second: ReconstructionPrediction) -> Compared:
    apart = amplify_difference(first.reconstruction, second.reconstruction)
    scaled = [np.asarray(each.reconstruction / 127.5 - 1, np.float32) for each in (first, second)]
    said = (
        f"The first reaches {first.say_scores()}, the second {second.say_scores()}. Between the two: PSNR "
        f"{measure_psnr(*scaled):.2f} dB. The map shows {DIFFERENCE_SCALE} times their difference."
    )
    return Compared(first.reconstruction, second.reconstruction, apart, said)


def _compare_drawings(first: TranslationPrediction, second: TranslationPrediction) -> Compared:
    mine, other = (np.repeat(each.generated[:, :, None], 3, axis=2) for each in (first, second))
    other = resize(other, (mine.shape[0], mine.shape[1]))
    apart = np.abs(mine.astype(np.int16) - other)
    flat = bool(mine.std() == 0 or other.std() == 0)
    alike = "" if flat else f", correlation {float(np.corrcoef(mine.ravel(), other.ravel())[0, 1]):.3f}"
    said = f"They differ by {float(apart.mean()):.1f} of 255 on average{alike}. The map shows their difference."
    return Compared(mine, other, apart.astype(np.uint8), said)


def _compare_classes(
    first: ClassPrediction | NeighbourPrediction, second: ClassPrediction | NeighbourPrediction
) -> Compared:
    """Compare answers of one class, by probabilities or by votes."""
    (mine, sure), (other, sure_too) = (next(iter(each.ranked(1).items())) for each in (first, second))
    if mine == other:
        said = f"Both say {mine}: the first with {100 * sure:.1f} %, the second with {100 * sure_too:.1f} %."
    else:
        said = f"They differ: the first says {mine} ({100 * sure:.1f} %), the second {other} ({100 * sure_too:.1f} %)."
    moved = _moves(first.ranked(len(first.classes)), second.ranked(len(second.classes)))
    pictures = [next(iter(each.rasters().values())) for each in (first, second)]
    height, width = (max(each.shape[axis] for each in pictures) for axis in (0, 1))
    padded = [_pad(each, height, width) for each in pictures]
    return Compared(padded[0], padded[1], None, said + moved)


def _moves(first: Mapping[str, float], second: Mapping[str, float]) -> str:
    """Say whose share moves most from the first to the second, of what both know, if by a percent or more."""
    moves = {name: second[name] - share for name, share in first.items() if name in second}
    if not moves:
        return " They have no class in common."
    name = max(moves, key=lambda each: abs(moves[each]))
    if abs(moves[name]) < 0.01:
        return ""
    more = "more" if moves[name] > 0 else "less"
    return f" The second gives {name} {100 * abs(moves[name]):.1f} points {more}, the largest change."


def _pad(pixels: Pixels, height: int, width: int) -> Pixels:
    return np.pad(
        pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)), constant_values=255
    )  # fmt: skip
