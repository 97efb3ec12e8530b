"""Whole pictures with their masks for segmentation: opened and resized once, changed at random in one warp."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from core.data.array_cache import ArrayFolder, Progress
from core.data.dataset import Item
from core.data.torch_datasets.classification import Normalisation
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import Pixels, resize
from core.data.transforms.augment import PictureAugmentation
from core.data.transforms.despeckle import remove_specks

KEPT_BYTES = 256 * 2**20
"""Of validation pictures as the network sees them."""
AT_ONCE = 32

ItemT = TypeVar("ItemT", bound=Item)
Load = Callable[[ItemT], LabelledPicture]
MaskedPixels = NDArray[np.uint8]
"""``(S, S, 4)``: red, green, blue and the mask, 0 to 255; a pixel on the mask's outline lies between.

Where masks leave pixels open it is ``(S, S, 5)``, the last being 255 where the mask says anything and 0 elsewhere.
"""


@dataclass(frozen=True)
class Squashing:
    """How a picture of any shape becomes the square that a network takes.

    Attributes:
        side: Of the square, pixels; both sides are resized to it, so shapes are squashed.
        denoise: Whether specks are removed before, see :func:`core.data.transforms.despeckle.remove_specks`.
    """

    side: int
    denoise: bool = False

    def squash(self, pixels: Pixels) -> Pixels:
        """Return the square ``(S, S, 3)`` of a picture ``(H, W, 3)``."""
        return resize(remove_specks(pixels) if self.denoise else pixels, (self.side, self.side))

    def squash_pair(self, picture: LabelledPicture, *, with_known: bool = False) -> MaskedPixels:
        """Return the square of a picture and of its mask, and of where the mask says anything if asked for."""
        mask = resize(255 * picture.mask.astype(np.uint8), (self.side, self.side))
        layers = [self.squash(picture.pixels), mask]
        if with_known:
            known = np.ones_like(picture.mask) if picture.known is None else picture.known
            layers.append(resize(255 * known.astype(np.uint8), (self.side, self.side)))
        return np.dstack(layers)


class MaskedStack(Generic[ItemT]):
    """Pictures with masks by number: ``stack[3]`` is ``(S, S, 4)``, or ``(S, S, 5)`` where masks leave pixels open.

    They are opened once for all runs where a folder can keep them, else each time they are asked for.
    """

    def __init__(
        self, items: Sequence[ItemT], load: Load[ItemT], squashing: Squashing, *, is_open: bool = False
    ) -> None:
        """Name the pictures; nothing is opened yet.

        Args:
            items: One picture with its mask each.
            load: Opens an item; it is called from several threads.
            squashing: What is made of a picture.
            is_open: Whether masks of the set say nothing of some pixels.
        """
        self.items = items
        self.load = load
        self.squashing = squashing
        self.is_open = is_open
        self.kept: NDArray[np.uint8] | None = None

    def keep(self, folder: Path, *, key: str, progress: Progress | None = None) -> None:
        """Open all pictures, unless that was done before, and keep them where there is room.

        Args:
            folder: Where arrays are kept.
            key: Says the content: the data set's fingerprint, and what else changes what ``load`` returns.
            progress: Is told how many pictures are done, of how many.

        Raises:
            UserError: If a picture cannot be read; the sentence names it.
        """
        side = self.squashing.side
        described = {"masked": key, "items": [item.name for item in self.items], "denoise": self.squashing.denoise}
        self.kept = ArrayFolder(folder).keep(
            described, self._open_all,
            shape=(len(self.items), side, side, 5 if self.is_open else 4),
            dtype=np.uint8, progress=progress,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> MaskedPixels:
        return self._open(self.items[number]) if self.kept is None else self.kept[number]

    def pictures(self) -> Iterator[Pixels]:
        """Yield the pictures ``(S, S, 3)`` without their masks."""
        for number in range(len(self)):
            yield self[number][..., :3]

    def _open(self, item: ItemT) -> MaskedPixels:
        return self.squashing.squash_pair(self.load(item), with_known=self.is_open)

    def _open_all(self) -> Iterator[NDArray[np.uint8]]:
        with ThreadPoolExecutor(8) as pool:  # decoders let others run meanwhile
            for start in range(0, len(self.items), AT_ONCE):
                yield np.stack(list(pool.map(self._open, self.items[start : start + AT_ONCE])))


@dataclass(frozen=True)
class MaskedAugmentation:
    """Random changes of a picture and its mask; nothing is changed unless asked for.

    Mirror, turn, scale and shift are one affine warp of picture and mask together. What it brings in from beyond the
    picture is the picture mirrored at its edge, and so is the mask.

    Attributes:
        flip: Mirror left and right, half of the time.
        shift: Largest shift along each axis, as a part of the side.
        scale: Largest change of size, as a part of it: 0.2 gives 0.8 to 1.2.
        rotation: Largest turn to either side, degrees.
        colour: See :class:`core.data.transforms.augment.PictureAugmentation`; the mask has no colour.
    """

    flip: bool = False
    shift: float = 0.0
    scale: float = 0.0
    rotation: float = 0.0
    colour: float = 0.0

    def apply(self, masked: MaskedPixels, rng: np.random.Generator) -> MaskedPixels:
        """Return a picture and mask, ``(S, S, 4)`` or ``(S, S, 5)``, changed as the generator decides."""
        if self.flip or self.shift or self.scale or self.rotation:
            matrix = self._matrix(masked.shape[0], rng)
            # OpenCV warps 4 channels at most
            parts = [
                _warp(masked[..., :4], matrix),
                *(_warp(masked[..., 4], matrix) for _ in range(masked.shape[2] - 4)),
            ]
            masked = np.dstack(parts)
        if self.colour:
            pixels = PictureAugmentation(colour=self.colour).apply(np.ascontiguousarray(masked[..., :3]), rng)
            masked = np.dstack([pixels, masked[..., 3:]])
        return masked

    def _matrix(self, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the 2×3 matrix that maps a pixel of the picture to a pixel of the example."""
        mirror = -1.0 if self.flip and rng.integers(2) else 1.0
        angle = math.radians(rng.uniform(-self.rotation, self.rotation))
        size = rng.uniform(1 - self.scale, 1 + self.scale)
        cosine, sine = math.cos(angle) * size, math.sin(angle) * size
        linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
        middle = np.full(2, (side - 1) / 2)
        return np.column_stack([linear, middle + rng.uniform(-self.shift, self.shift, 2) * side - linear @ middle])


def _warp(layers: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    side = layers.shape[0]
    warped = cv2.warpAffine(
        np.ascontiguousarray(layers), matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )  # fmt: skip
    return np.asarray(warped, np.uint8)


class MaskedDataset(Dataset[dict[str, Tensor]]):
    """Training examples by key ``(epoch, index)``: the same key gives the same example, in any process and any order.

    An item is ``images (3, S, S)`` float32 and ``mask (1, S, S)`` float32 of 0 and 1; where masks leave pixels open it
    has ``known (1, S, S)`` too, 1 where the mask says anything and 0 elsewhere.
    """

    def __init__(
        self, pictures: MaskedStack[Any], *, normalisation: Normalisation, augmentation: MaskedAugmentation, seed: int
    ) -> None:
        """Hold a stack of pictures with masks.

        Args:
            pictures: What is trained on.
            normalisation: Comes after the random changes.
            augmentation: Random changes.
            seed: Start of the random choices.
        """
        self.pictures = pictures
        self.normalisation = normalisation
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        masked = self.augmentation.apply(self.pictures[index], rng)
        mask = torch.from_numpy(masked[None, ..., 3] > 127).float()
        example = {"images": self.normalisation.normalise(masked[None, ..., :3])[0], "mask": mask}
        if self.pictures.is_open:
            example["known"] = torch.from_numpy(masked[None, ..., 4] > 127).float()
        return example


class WholePictures(Generic[ItemT]):
    """Validation batches of one whole picture each, the next opened by a thread while the network is at this one."""

    def __init__(
        self, items: Sequence[ItemT], load: Load[ItemT], squashing: Squashing, normalisation: Normalisation
    ) -> None:
        """Name the pictures; each is opened when its turn comes, every time anew.

        Args:
            items: In the order of the batches.
            load: Opens an item; it is called from another thread.
            squashing: As in training.
            normalisation: Likewise.
        """
        self.items = items
        self.load = load
        self.squashing = squashing
        self.normalisation = normalisation
        self._squashed: dict[int, Pixels] = {}

    def only(self, names: Collection[str]) -> "WholePictures[ItemT]":
        """Return the batches of some of the pictures."""
        return WholePictures(
            [item for item in self.items if item.name in names], self.load, self.squashing, self.normalisation
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield ``images (1, 3, S, S)`` and the ``picture`` at its own size."""
        numbers = range(len(self.items))
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(self._batch, number) for number in numbers[:1]]
            for number in numbers:
                batch = waiting.pop().result()
                waiting.extend(pool.submit(self._batch, following) for following in numbers[number + 1 : number + 2])
                yield batch

    def _batch(self, number: int) -> dict[str, Any]:
        """Open a picture; what the network sees of it is kept, because to take its noise away is most of the work."""
        picture = self.load(self.items[number])
        squashed = self._squashed.get(number)
        if squashed is None:
            squashed = self.squashing.squash(picture.pixels)
            if len(self._squashed) * squashed.nbytes < KEPT_BYTES:
                self._squashed[number] = squashed
        return {"images": self.normalisation.normalise(squashed[None]), "picture": picture}
