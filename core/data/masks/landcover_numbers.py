"""Whether masks of land cover hold the classes' colours or their numbers, told from several masks together."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.data.image_io.reader import read_samples
from core.data.layouts.landcover_colours import CLASSES, COLOURS, UNKNOWN, Labels
from core.data.masks.levels import find_colours
from core.data.masks.rule import Samples
from core.data.masks.samples import MASK_LIMITS, LookedAt, Signature, look_at, say_values, sign
from core.errors import UserError

NEAR = 64
"""By so much of 255 each channel of a colour may differ from a class's, as JPEG makes it."""
COUNTED = ", ".join(f"{number} {name}" for number, name in enumerate(COLOURS))
SHOWN = ", ".join(f"{colour} {name}" for name, colour in COLOURS.items())


def find_label_kind(paths: Sequence[Path]) -> tuple[bool, tuple[str, ...]]:
    """Say whether a set's masks hold numbers of classes, and what is to be said of them.

    Numbers are those of the classes in their order, 0 urban to 5 barren, with 6 and 255 for unknown ground.

    Raises:
        UserError: If a mask cannot be read, or they hold neither the seven colours nor these numbers.
    """
    return _find_remembered(sign(paths)) if paths else (False, ())


def read_numbers(path: Path) -> Labels:
    """Read a mask of numbers: ``(H, W)``.

    Raises:
        UserError: If it cannot be read or holds another number.
    """
    numbers = _numbers(read_samples(path, limits=MASK_LIMITS))
    labels = np.where((numbers == len(CLASSES)) | (numbers == UNKNOWN), UNKNOWN, numbers).astype(np.int64)
    strange = labels[(labels >= len(CLASSES)) & (labels != UNKNOWN)]
    if strange.size:
        raise UserError(
            f"The mask {path.name} holds the number {strange[0]}; {COUNTED} and {UNKNOWN} for unknown ground are "
            "allowed."
        )
    return labels


@lru_cache(maxsize=64)
def _find_remembered(signature: Signature) -> tuple[bool, tuple[str, ...]]:
    looked = look_at([path for path, _, _ in signature])
    numbered = True, (f"Its masks hold numbers of classes: {COUNTED} ({looked.say()}).",)
    if all(each.colours().ndim == 2 for each in looked.masks) and _have_numbers(looked):
        return numbered
    found = find_colours(looked.masks)
    strange = [colour for colour in found if _distance(colour) > NEAR]
    if strange and all(each.palette is not None for each in looked.masks) and _have_numbers(looked):
        return numbered  # any colours that a palette has for them
    if strange or set(found) <= {COLOURS["unknown"]}:
        raise UserError(_refuse(looked, found))
    return False, ()


def _have_numbers(looked: LookedAt) -> bool:
    """Whether masks hold numbers of classes; those that count from 1 are refused, because none can be told apart.

    Raises:
        UserError: If the numbers may count from 0 as well as from 1.
    """
    numbers = {int(number) for each in looked.masks for number in np.unique(_numbers(each))}
    if not numbers & set(range(1, len(COLOURS))) or not numbers <= {*range(len(COLOURS)), UNKNOWN}:
        return False
    if 0 not in numbers and len(CLASSES) in numbers:
        raise UserError(_refuse(looked, []))
    return True


def _numbers(samples: Samples) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return samples.values if samples.values.ndim == 2 else samples.brightness()


def _distance(colour: tuple[int, int, int]) -> int:
    """Return by how much a colour differs from the nearest class's, of 255."""
    return min(max(abs(a - b) for a, b in zip(colour, other, strict=True)) for other in COLOURS.values())


def _refuse(looked: LookedAt, colours: Sequence[tuple[int, int, int]]) -> str:
    grey = all(each.colours().ndim == 2 for each in looked.masks)
    if grey:
        numbers = {float(value) for each in looked.masks for value in np.unique(each.brightness())}
        held = f"the values {say_values(list(numbers))}"
    else:
        held = "the colours " + ", ".join(str(colour) for colour in sorted(colours)[:8])
    return (
        f"The masks hold {held} ({looked.say()}), which do not tell the classes; write the colours {SHOWN}, or the "
        f"numbers {COUNTED}, {UNKNOWN} for unknown ground as well."
    )
