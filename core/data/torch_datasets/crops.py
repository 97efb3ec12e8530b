"""Training examples for segmentation: patches or whole pictures, turned, scaled and recoloured at random.

A patch is cut with one affine warp in OpenCV, which moves, turns, mirrors and scales in one reading of the picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from core.data.transforms.arrays import FloatImage, Mask


@dataclass(frozen=True)
class MaskedPicture:
    """A prepared picture with its mask.

    Attributes:
        image: ``(H, W, C)``, the network's numbers.
        mask: ``(H, W)``, True on the foreground; or float32, 0 to 1, how sure that is.
        inside: ``(H, W)``, where patches may be centred.
        known: ``(H, W)``, where the mask says anything; None where it does everywhere.
    """

    image: FloatImage
    mask: Mask | FloatImage
    inside: Mask
    known: Mask | None = None


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training example.

    Attributes:
        flips: Mirror and quarter-turn at random.
        rotation: Largest further turn to either side, degrees.
        scale: Enlarge or shrink by up to this factor, ≥ 1; its logarithm is uniform.
        colour: Strength of the change of contrast and brightness, each channel its own; 0 to 1.
        blur: Largest standard deviation of a Gaussian blur, in pixels; noise of up to a quarter of it, in standard
            deviations of the picture, is added.
    """

    flips: bool = True
    rotation: float = 0.0
    scale: float = 1.0
    colour: float = 0.0
    blur: float = 0.0


class PatchDataset(Dataset[dict[str, Tensor]]):
    """Examples by key ``(epoch, index)``: the same key gives the same example, in any process and any order.

    An item is ``images (C, H, W)`` float32 and ``mask (1, H, W)`` float32 from 0 to 1; where masks leave pixels open
    it has ``known (1, H, W)`` too, 1 where the mask says anything and 0 elsewhere.
    """

    def __init__(
        self, pictures: Sequence[MaskedPicture], *, patch: int, per_picture: int, augmentation: Augmentation, seed: int
    ) -> None:
        """Hold prepared pictures.

        Args:
            pictures: What patches are cut from.
            patch: Side of a patch, pixels; 0 takes whole pictures.
            per_picture: Patches of each picture in one epoch.
            augmentation: Random changes.
            seed: Start of the random choices.
        """
        self.pictures = pictures
        self.patch = patch
        self.per_picture = per_picture if patch else 1
        self.augmentation = augmentation
        self.seed = seed
        self._is_open = any(each.known is not None for each in pictures)
        self._places = [np.flatnonzero(each.inside if each.inside.any() else ~each.inside) for each in pictures]

    def __len__(self) -> int:
        return len(self.pictures) * self.per_picture

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        number = index % len(self.pictures)
        picture = self.pictures[number]
        height, width = picture.mask.shape
        size = (self.patch, self.patch) if self.patch else (height, width)
        centre = ((width - 1) / 2, (height - 1) / 2)
        if self.patch:
            place = int(self._places[number][rng.integers(len(self._places[number]))])
            centre = (place % width + (self.patch - 1) % 2 / 2, place // width + (self.patch - 1) % 2 / 2)
        matrix = random_affine(self.augmentation, rng, centre, size)
        image = _warp(picture.image, matrix, size, cv2.INTER_LINEAR)
        how = cv2.INTER_NEAREST if picture.mask.dtype == np.bool_ else cv2.INTER_LINEAR
        mask = _warp(picture.mask.astype(np.float32), matrix, size, how)
        image = _recolour(image.reshape(*size, -1), self.augmentation, rng)
        example = {
            "images": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "mask": torch.from_numpy(mask[None]),
        }
        if self._is_open:
            known = np.ones((height, width), np.float32) if picture.known is None else picture.known.astype(np.float32)
            example["known"] = torch.from_numpy(_warp(known, matrix, size, cv2.INTER_NEAREST, beyond=1)[None])
        return example


def random_affine(
    augmentation: Augmentation, rng: np.random.Generator, centre: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the 2×3 matrix that maps a pixel of the example to a pixel of the picture.

    Args:
        augmentation: Which changes of place are drawn.
        rng: From what they are drawn.
        centre: Column and row in the picture of the example's middle.
        size: Height and width of the example.
    """
    angle = math.radians(rng.uniform(-augmentation.rotation, augmentation.rotation)) if augmentation.rotation else 0.0
    mirror = 1.0
    if augmentation.flips:
        quarter = rng.integers(4) if size[0] == size[1] else 2 * rng.integers(2)
        angle += float(quarter) * math.pi / 2
        mirror = float(rng.choice((-1.0, 1.0)))
    reach = math.log(augmentation.scale)
    step = math.exp(-rng.uniform(-reach, reach)) if reach else 1.0
    cosine, sine = math.cos(angle) * step, math.sin(angle) * step
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    linear[np.abs(linear) < 1e-9] = 0
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    return np.column_stack([linear, np.array(centre) - linear @ middle])


def _warp(
    picture: FloatImage, matrix: NDArray[np.float64], size: tuple[int, int], how: int, *, beyond: float = 0
) -> FloatImage:
    """Return what a matrix makes of a picture; ``beyond`` is the value of what lies outside it."""
    warped = cv2.warpAffine(
        picture, matrix, (size[1], size[0]), flags=how | cv2.WARP_INVERSE_MAP, borderValue=(beyond,) * 4
    )  # fmt: skip
    return np.asarray(warped, np.float32)


def _recolour(image: FloatImage, augmentation: Augmentation, rng: np.random.Generator) -> FloatImage:
    channels = image.shape[2]
    if augmentation.colour:
        reach = augmentation.colour
        contrast = np.exp(rng.uniform(-reach, reach) + rng.uniform(-reach / 2, reach / 2, channels))
        shift = rng.uniform(-reach, reach) + rng.uniform(-reach / 2, reach / 2, channels)
        image = image * np.asarray(contrast, np.float32) + np.asarray(shift, np.float32)
    if augmentation.blur:
        sigma = rng.uniform(0, augmentation.blur)
        if sigma > 0.3:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32).reshape(image.shape)
        noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, augmentation.blur / 4))
        image = image + noise
    return image.astype(np.float32, copy=False)
