"""Batches for classification: pictures or features with their labels, gathered a batch at a time."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.data.image_io.npy import read_row
from core.data.image_io.reader import DATASET_LIMITS, read_picture
from core.data.layouts.classes import labels_of
from core.data.layouts.found_classes import ClassifiedItem
from core.data.loaders import EpochSampler
from core.data.torch_datasets.decoded import PictureStack
from core.data.transforms.arrays import Pixels
from core.data.transforms.augment import PictureAugmentation

CLASSIFIED_LIMITS = replace(DATASET_LIMITS, min_side=1)
AS_THEY_ARE = PictureAugmentation()

Rows = NDArray[np.intp]
Key = tuple[int, int]
"""Epoch and index."""


def load_pixels(item: ClassifiedItem) -> Pixels:
    """Open an item's picture ``(H, W, 3)`` at its own size; grey ones have three equal channels.

    Raises:
        UserError: If it cannot be read; the sentence names the file.
    """
    if item.index is not None:
        return read_row(item.image, item.index)
    return read_picture(item.image, limits=CLASSIFIED_LIMITS).pixels


@dataclass(frozen=True)
class Normalisation:
    """What makes a picture's channels small numbers around 0.

    Attributes:
        mean: Subtracted from red, green and blue between 0 and 1.
        deviation: What they are then divided by.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def normalise(self, pictures: NDArray[np.uint8]) -> Tensor:
        """Return pictures ``(N, H, W, 3)`` as float32 ``(N, 3, H, W)``."""
        deviation = torch.tensor(self.deviation).reshape(3, 1, 1)
        factor, shift = 1 / (255 * deviation), -torch.tensor(self.mean).reshape(3, 1, 1) / deviation
        images = torch.empty(len(pictures), 3, *pictures.shape[1:3])
        for image, picture in zip(images, pictures, strict=True):  # one picture fits the processor's cache, all do not
            image.copy_(torch.from_numpy(np.array(picture)).permute(2, 0, 1)).mul_(factor).add_(shift)
        return images


class GatheredDataset(Dataset[dict[str, Tensor]], ABC):
    """Training examples that are gathered a batch at a time; one alone is a batch of one."""

    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        return {name: values[0] for name, values in self.__getitems__([key]).items()}

    @abstractmethod
    def __getitems__(self, keys: Sequence[Key]) -> dict[str, Tensor]:
        """Return the batch of these keys."""


class ClassifiedDataset(GatheredDataset):
    """Training pictures by key ``(epoch, index)``: the same key gives the same example, in any process and any order.

    An item is ``images (3, S, S)`` float32 and ``labels ()`` int64. Loaders ask for many keys at once and get a batch.
    """

    def __init__(
        self,
        pictures: PictureStack,
        labels: NDArray[np.int64],
        *,
        normalisation: Normalisation,
        augmentation: PictureAugmentation = AS_THEY_ARE,
        seed: int = 0,
        rows: Sequence[int] | Rows | None = None,
    ) -> None:
        """Hold a stack of pictures.

        Args:
            pictures: ``(M, S, S, 3)``, such as :func:`core.data.torch_datasets.decoded.decode_all` returns.
            labels: ``(M,)``.
            normalisation: Comes after the random changes.
            augmentation: Random changes.
            seed: Start of the random choices.
            rows: The part of the stack to train on, in the order of the index; all of it if None.
        """
        self.pictures = pictures
        self.labels = labels
        self.normalisation = normalisation
        self.augmentation = augmentation
        self.seed = seed
        self.rows = _rows(rows, len(pictures))

    def __getitems__(self, keys: Sequence[Key]) -> dict[str, Tensor]:
        """Return the batch ``images (N, 3, S, S)`` and ``labels (N,)``."""
        rows = self.rows[[index for _, index in keys]]
        pictures = self.pictures[rows]
        if self.augmentation.changes:
            for number, (epoch, index) in enumerate(keys):
                rng = np.random.default_rng((self.seed, epoch, index))
                pictures[number] = self.augmentation.apply(pictures[number], rng)
        return {"images": self.normalisation.normalise(pictures), "labels": torch.from_numpy(self.labels[rows])}


class WithCopies:
    """A stack of pictures, followed by copies of the first of them that are changed at random, once and for good.

    What is computed of a picture can be kept then, and yet a network learns from changed ones too.
    """

    def __init__(
        self, pictures: PictureStack, augmentation: PictureAugmentation, *, copies: int, first: int, seed: int = 0
    ) -> None:
        """Hold a stack of pictures.

        Args:
            pictures: ``(M, S, S, 3)``; they are not changed.
            augmentation: Random changes of the copies.
            copies: Of each picture.
            first: Only the first so many pictures have copies; the second copies stand behind all first ones.
            seed: Start of the random choices.
        """
        self.pictures = pictures
        self.augmentation = augmentation
        self.seed = seed
        numbers = np.arange(len(pictures))
        self.sources: Rows = np.concatenate([numbers, np.tile(numbers[:first], copies)])
        """Which picture each one is, or is a copy of."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pictures and copies, height, width, 3."""
        return len(self), *self.pictures.shape[1:]

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, rows: Any, /) -> NDArray[np.uint8]:
        numbers = np.arange(len(self))[rows]
        if numbers.ndim == 0:
            return np.asarray(self[[int(numbers)]][0])
        pixels = np.array(self.pictures[self.sources[numbers]])
        for place in np.flatnonzero(numbers >= len(self.pictures)):
            rng = np.random.default_rng((self.seed, int(numbers[place])))
            pixels[place] = self.augmentation.apply(pixels[place], rng)
        return pixels


class FeatureDataset(GatheredDataset):
    """Features that a frozen network found in training pictures, by key ``(epoch, index)``.

    An item is ``features (D,)`` float32 and ``labels ()`` int64. Loaders ask for many keys at once and get a batch.
    """

    def __init__(
        self, features: NDArray[Any], labels: NDArray[np.int64], *, rows: Sequence[int] | Rows | None = None
    ) -> None:
        """Hold features.

        Args:
            features: ``(M, D)``, of any float type.
            labels: ``(M,)``.
            rows: The part to train on, in the order of the index; all of it if None.
        """
        self.features = features
        self.labels = labels
        self.rows = _rows(rows, len(features))

    def __getitems__(self, keys: Sequence[Key]) -> dict[str, Tensor]:
        """Return the batch ``features (N, D)`` and ``labels (N,)``; epochs do not matter."""
        rows = self.rows[[index for _, index in keys]]
        return {"features": _as_tensor(self.features[rows]), "labels": torch.from_numpy(self.labels[rows])}


def build_batch_loader(dataset: GatheredDataset, *, batch_size: int, seed: int) -> DataLoader[dict[str, Tensor]]:
    """Return a loader of whole batches; set ``loader.sampler.epoch`` before each pass.

    A last batch that is smaller than the others is dropped where there is at least one whole batch. It is
    :func:`core.data.loaders.build_training_loader` without its collation: pictures are never held one by one.
    """
    return DataLoader(
        dataset,
        batch_size=min(batch_size, len(dataset)),
        sampler=EpochSampler(len(dataset), seed=seed),
        drop_last=True,
        collate_fn=_as_it_is,
    )


class PicturePart:
    """Some pictures of a stack, opened when they are asked for; a stack itself."""

    def __init__(self, stack: PictureStack, rows: Rows) -> None:
        self.stack = stack
        self.rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pictures, height, width, 3."""
        return len(self.rows), *self.stack.shape[1:]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: Any, /) -> NDArray[np.uint8]:
        return self.stack[self.rows[numbers]]


class ValidationBatches(Sequence[dict[str, Any]]):
    """Batches that are always the same, each built when its turn comes.

    A batch has ``images (N, 3, S, S)`` where a normalisation is given and ``features (N, D)`` where features are, both
    float32; ``labels (N,)`` int64, left out where the items have none; ``names``, a list; and ``pixels``, a stack
    ``(N, S, S, 3)`` to draw from, which is not opened before it is indexed where there are no images.
    """

    def __init__(
        self,
        items: Sequence[ClassifiedItem],
        pictures: PictureStack,
        *,
        normalisation: Normalisation | None = None,
        features: NDArray[Any] | None = None,
        rows: Sequence[int] | Rows | None = None,
        batch_size: int = 64,
    ) -> None:
        """Hold a stack of pictures.

        Args:
            items: One per picture.
            pictures: ``(M, S, S, 3)``.
            normalisation: Of ``images``; None leaves them out.
            features: ``(M, D)``, if there are any.
            rows: The part of the stack that is meant, in this order; all of it if None.
            batch_size: Pictures in a batch; the last may have fewer.

        Raises:
            UserError: If some of the items have labels and some have none.
        """
        self.items, self.pictures, self.features = items, pictures, features
        self.normalisation = normalisation
        self.batch_size = batch_size
        self.rows = _rows(rows, len(items))
        chosen = [items[row] for row in self.rows]
        self.labels = labels_of(chosen) if any(item.label is not None for item in chosen) else None

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        start = range(len(self))[number] * self.batch_size
        rows = self.rows[start : start + self.batch_size]
        batch: dict[str, Any] = {"names": [self.items[row].name for row in rows]}
        if self.labels is not None:
            batch["labels"] = torch.from_numpy(self.labels[start : start + self.batch_size])
        if self.features is not None:
            batch["features"] = _as_tensor(self.features[rows])
        if self.normalisation is None:
            return batch | {"pixels": PicturePart(self.pictures, rows)}
        pixels = self.pictures[rows]
        return batch | {"images": self.normalisation.normalise(pixels), "pixels": pixels}


def _rows(rows: Sequence[int] | Rows | None, length: int) -> Rows:
    return np.arange(length) if rows is None else np.asarray(rows, np.intp)


def _as_tensor(features: NDArray[Any]) -> Tensor:
    return torch.from_numpy(features.astype(np.float32, copy=False))


def _as_it_is(batch: Any) -> Any:
    return batch
