"""Pictures decoded and framed once, for every epoch of every run that sees them at the same size."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data.array_cache import BUDGET, ArrayFolder, Progress
from core.data.dataset import Item
from core.data.transforms.arrays import Pixels, even_light
from core.errors import UserError

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
AT_ONCE = 64
SHOWN = 10
"""So many pictures that cannot be read are named."""

ItemT = TypeVar("ItemT", bound=Item)
Load = Callable[[ItemT], Pixels]


@dataclass(frozen=True)
class Framing:
    """How a whole picture becomes the square that a network takes.

    The geometry and the numbers are those of torchvision's `Resize` and `CenterCrop` on Pillow pictures, because
    backbones were trained and judged with them: Pillow's filters grow with the factor of shrinking (antialias), which
    OpenCV's do not. Only the part that is kept is resized, so that a very long picture is never enlarged as a whole;
    rounding then moves some values by one of 255, a few by two.

    Attributes:
        side: Of the square, pixels.
        shorter: The picture's shorter side is resized to this, then the centre is cut out; what sticks out is lost.
            0 squashes the whole picture into the square.
        filter: ``bilinear`` or ``bicubic``.
        even: Whether the square's light is made that of all others (:func:`core.data.transforms.arrays.even_light`).

    Raises:
        UserError: If the square would be larger than the resized picture, or the filter is unknown.
    """

    side: int = 224
    shorter: int = 0
    filter: str = "bilinear"
    even: bool = False

    def __post_init__(self) -> None:
        if self.side < 1 or (self.shorter and self.shorter < self.side):
            raise UserError(
                f"A centre of {self.side} pixels cannot be cut from a picture whose shorter side is {self.shorter}; "
                "resize it to at least as much, or give 0 to squash the whole picture."
            )
        if self.filter not in FILTERS:
            raise UserError(f"The filter {self.filter!r} was asked for; {' or '.join(FILTERS)} is allowed.")

    def frame(self, pixels: Pixels) -> Pixels:
        """Return the square ``(side, side, 3)`` of a picture ``(H, W, 3)``."""
        square = self._cut(pixels)
        return even_light(square) if self.even else square

    def _cut(self, pixels: Pixels) -> Pixels:
        size = (self.side, self.side)
        if pixels.shape[:2] == size and self.shorter in {0, self.side}:
            return pixels
        image = Image.fromarray(pixels)
        return np.asarray(image.resize(size, FILTERS[self.filter], box=self._box(pixels.shape)), np.uint8)

    def _box(self, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the part that is kept, in the picture's own pixels."""
        height, width = shape[:2]
        if not self.shorter:
            return 0, 0, width, height
        short = min(height, width)
        # Rounded down and to even, as torchvision does.
        tall, wide = (int(self.shorter * each / short) for each in (height, width))
        top, left = (round((each - self.side) / 2) for each in (tall, wide))
        down, across = height / tall, width / wide
        return left * across, top * down, (left + self.side) * across, (top + self.side) * down


class PictureStack(Protocol):
    """Pictures of one size by number: ``stack[3]`` is ``(S, S, 3)``, ``stack[[3, 5]]`` is ``(2, S, S, 3)``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pictures, height, width, 3."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> NDArray[np.uint8]: ...


class PicturesOnDemand(Generic[ItemT]):
    """A stack that opens its pictures anew each time they are asked for, where they cannot be kept."""

    def __init__(self, items: Sequence[ItemT], load: Load[ItemT], framing: Framing) -> None:
        self.items = items
        self.load = load
        self.framing = framing

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pictures, height, width, 3."""
        return len(self.items), self.framing.side, self.framing.side, 3

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, rows: Any, /) -> NDArray[np.uint8]:
        numbers = np.arange(len(self.items))[rows]
        if numbers.ndim == 0:
            return _open(self.items[int(numbers)], self.load, self.framing)
        chosen = [self.items[number] for number in numbers]
        batches = list(_open_all(chosen, self.load, self.framing))
        return np.concatenate(batches) if batches else np.empty((0, *self.shape[1:]), np.uint8)


def decode_all(
    items: Sequence[ItemT],
    load: Load[ItemT],
    *,
    framing: Framing,
    key: str,
    folder: Path,
    budget: int = BUDGET,
    progress: Progress | None = None,
) -> PictureStack:
    """Return all pictures as one memory-mapped array, decoded if that was not done before.

    Where the array would not fit into the folder, the stack opens pictures as they are asked for instead.

    Args:
        items: One picture each, in the order of the stack.
        load: Opens an item; it is called from several threads.
        framing: What is made of a picture.
        key: Says the content: the data set's fingerprint, and anything else that changes what ``load`` returns.
        folder: Where decoded pictures are kept.
        budget: Bytes that the folder may hold.
        progress: Is told how many pictures are done, of how many.

    Raises:
        UserError: If pictures cannot be read; the sentence counts them and names the first by their paths in the set.
    """
    if not items:
        return PicturesOnDemand(items, load, framing)
    described = {"pictures": key, "items": [item.name for item in items], "framing": asdict(framing)}
    kept = ArrayFolder(folder, budget).keep(
        described,
        partial(_open_all, items, load, framing),
        shape=(len(items), framing.side, framing.side, 3),
        dtype=np.uint8,
        progress=progress,
    )
    return PicturesOnDemand(items, load, framing) if kept is None else kept


def _open_all(items: Sequence[ItemT], load: Load[ItemT], framing: Framing) -> Iterator[NDArray[np.uint8]]:
    """Yield framed pictures in batches, opened by several threads: decoders let others run meanwhile.

    After one that cannot be read the others are tried all the same, so that all of them are told at once.
    """
    broken: dict[str, str] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), AT_ONCE):
            chosen = items[start : start + AT_ONCE]
            opened = list(pool.map(partial(_try_to_open, load=load, framing=framing), chosen))
            broken |= {item.name: each for item, each in zip(chosen, opened, strict=True) if isinstance(each, str)}
            if not broken:
                yield np.stack([each for each in opened if not isinstance(each, str)])
    if broken:
        raise UserError(_say_broken(broken, len(items)))


def _say_broken(broken: dict[str, str], count: int) -> str:
    names = list(broken)
    own = f'"{PurePosixPath(names[0]).name}"'  # what the reader calls a file; several may be called so
    reason = broken[names[0]].replace(own, f'"{names[0]}"', 1)
    if len(broken) == 1:
        return reason
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return (
        f"{len(names):,} of {count:,} images cannot be read: {', '.join(names[:SHOWN])}{more}; mend them or take them "
        f"out. {reason}"
    )


def _try_to_open(item: ItemT, load: Load[ItemT], framing: Framing) -> Pixels | str:
    """Return a framed picture, or the sentence on why it cannot be read."""
    try:
        return _open(item, load, framing)
    except UserError as error:
        return str(error)


def _open(item: ItemT, load: Load[ItemT], framing: Framing) -> Pixels:
    return framing.frame(load(item))
