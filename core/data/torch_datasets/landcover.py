"""Land cover opened for a network: crops of picture and labels to train on, whole pictures to be judged on."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from core.data.layouts.landcover import UNKNOWN, Labels, LandcoverItem, load_landcover
from core.data.torch_datasets.classification import Normalisation
from core.data.torch_datasets.crops import Augmentation, random_affine
from core.data.torch_datasets.whole_images import OpenedPictures
from core.data.transforms.arrays import Pixels, shrink_to
from core.data.transforms.augment import PictureAugmentation

LabelledPixels = NDArray[np.uint8]
"""``(H, W, 4)``: red, green, blue and the class number, or ``UNKNOWN``."""


@dataclass(frozen=True)
class LandcoverPicture:
    """A whole picture at its own size.

    Attributes:
        name: Its name.
        pixels: ``(H, W, 3)`` RGB, 0 to 255.
        labels: ``(H, W)`` class numbers, and ``UNKNOWN``.
    """

    name: str
    pixels: Pixels
    labels: Labels


def open_picture(item: LandcoverItem) -> LandcoverPicture:
    """Open a picture and its labels.

    Raises:
        UserError: As :func:`core.data.layouts.landcover.load_landcover`.
    """
    return LandcoverPicture(item.name, *load_landcover(item))


@dataclass(frozen=True)
class LandcoverPreparation:
    """How a satellite picture becomes the network's input.

    Attributes:
        normalisation: What makes its colours small numbers.
        size: Its longer side is shrunk to this, pixels; what is smaller stays as it is, and so does all if 0.
    """

    normalisation: Normalisation
    size: int = 0

    def shrink(self, pixels: Pixels) -> Pixels:
        """Return the picture ``(h, w, 3)`` at the size at which the network sees it."""
        return shrink_to(pixels, self.size) if self.size else pixels

    def shrink_pair(self, picture: LandcoverPicture) -> LabelledPixels:
        """Return picture and labels at that size; a pixel gets the label that lies in its middle."""
        pixels = self.shrink(picture.pixels)
        labels = picture.labels.astype(np.uint8)
        if labels.shape != pixels.shape[:2]:
            size = (pixels.shape[1], pixels.shape[0])
            labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        return np.dstack([pixels, labels])

    def prepare(self, pixels: Pixels) -> Tensor:
        """Return what the network takes ``(1, 3, h, w)`` of a picture ``(H, W, 3)``."""
        return self.normalisation.normalise(self.shrink(pixels)[None])


class LandcoverDataset(Dataset[dict[str, Tensor]]):
    """Crops by key ``(epoch, index)``: the same key gives the same example, in any process and any order.

    An item is ``images (3, S, S)`` float32 and ``labels (S, S)`` int64. A crop lies inside its picture where that is
    large enough. What a warp brings in from beyond it is the picture mirrored at its edge, and unknown.
    """

    def __init__(
        self,
        pictures: OpenedPictures | Sequence[LabelledPixels],
        *,
        crop: int,
        per_picture: int,
        augmentation: Augmentation,
        normalisation: Normalisation,
        seed: int,
    ) -> None:
        """Hold pictures with labels.

        Args:
            pictures: ``(H, W, 4)`` each.
            crop: Side of a crop, pixels.
            per_picture: Crops of each picture in one epoch.
            augmentation: Random changes; ``colour`` is the strength of brightness, contrast and saturation as in
                :class:`core.data.transforms.augment.PictureAugmentation`, and ``blur`` is not used.
            normalisation: Comes after them.
            seed: Start of the random choices.
        """
        self.pictures = pictures
        self.crop = crop
        self.per_picture = per_picture
        self.augmentation = augmentation
        self.colours = PictureAugmentation(colour=augmentation.colour)
        self.normalisation = normalisation
        self.seed = seed

    def __len__(self) -> int:
        return len(self.pictures) * self.per_picture

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        picture, size = self.pictures[index % len(self.pictures)], (self.crop, self.crop)
        matrix = random_affine(self.augmentation, rng, self._choose_centre(picture.shape, rng), size)
        pixels = cv2.warpAffine(
            picture[..., :3], matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        labels = cv2.warpAffine(
            picture[..., 3], matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT, borderValue=UNKNOWN,
        )  # fmt: skip
        pixels = self.colours.apply(np.asarray(pixels, np.uint8), rng)
        return {
            "images": self.normalisation.normalise(pixels[None])[0],
            "labels": torch.from_numpy(np.asarray(labels, np.int64)),
        }

    def _choose_centre(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float]:
        """Return column and row of the crop's middle."""
        row, column = (
            float(rng.integers(side - self.crop + 1)) + (self.crop - 1) / 2 if side > self.crop else (side - 1) / 2
            for side in shape[:2]
        )
        return column, row


class LandcoverBatches:
    """Validation batches of one whole picture each, the next opened by a thread while the network is at this one."""

    def __init__(self, items: Sequence[LandcoverItem], preparation: LandcoverPreparation) -> None:
        """Name the pictures; each is opened when its turn comes, every time anew.

        Args:
            items: In the order of the batches.
            preparation: As in training.
        """
        self.items = items
        self.preparation = preparation

    def only(self, names: Collection[str]) -> "LandcoverBatches":
        """Return the batches of some of the pictures."""
        return LandcoverBatches([item for item in self.items if item.name in names], self.preparation)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield ``images (1, 3, h, w)`` and the ``picture`` at its own size."""
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(self._open, item) for item in self.items[:1]]
            for number in range(len(self.items)):
                batch = waiting.pop().result()
                waiting.extend(pool.submit(self._open, item) for item in self.items[number + 1 : number + 2])
                yield batch

    def _open(self, item: LandcoverItem) -> dict[str, Any]:
        picture = open_picture(item)
        return {"images": self.preparation.prepare(picture.pixels), "picture": picture}
