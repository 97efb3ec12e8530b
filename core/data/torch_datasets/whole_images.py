"""Whole pictures at one working size, and examples of them for a network that shall give back what it is shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from core.data.transforms.arrays import FloatImage, Pixels, resize
from core.errors import UserError

KEPT_BYTES = 2**30
"""So many bytes of opened pictures are kept in memory; what goes beyond is opened anew each time."""


@dataclass(frozen=True)
class WorkingSize:
    """At which size a network sees whole pictures.

    Attributes:
        side: Pixels of the square, or of the longer side where the shape is kept.
        keep_shape: Keep height and width in proportion; otherwise the picture is squashed into the square.
    """

    side: int
    keep_shape: bool = False

    def of(self, pixels: Pixels) -> tuple[int, int]:
        """Return height and width for a picture ``(H, W, 3)``."""
        height, width = pixels.shape[:2]
        if not self.keep_shape:
            return self.side, self.side
        scale = self.side / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def fit(self, pixels: Pixels) -> Pixels:
        """Return the picture at this size; nothing is padded or cut off."""
        return resize(pixels, self.of(pixels))


def to_numbers(pixels: Pixels) -> FloatImage:
    """Return ``(H, W, C)`` from -1 black to 1 white: normalised with mean 0.5 and standard deviation 0.5."""
    return np.asarray(pixels, np.float32) / np.float32(127.5) - np.float32(1)


def to_tensor(numbers: FloatImage) -> Tensor:
    """Return ``(C, H, W)`` of ``(H, W, C)``."""
    return torch.from_numpy(np.ascontiguousarray(numbers.transpose(2, 0, 1)))


def to_channels_last(image: Tensor) -> FloatImage:
    """Return ``(H, W, C)`` of one picture ``(1, C, H, W)`` or ``(C, H, W)``."""
    array = image.float().cpu().numpy().reshape(image.shape[-3:])
    return np.ascontiguousarray(array.transpose(1, 2, 0))


def to_pixels(numbers: FloatImage) -> Pixels:
    """Return 8-bit pixels of ``(H, W, C)`` from -1 to 1; what lies beyond becomes black or white."""
    return np.asarray(np.clip(np.rint((numbers + 1) * 127.5), 0, 255), np.uint8)


def add_noise(numbers: FloatImage, deviation: float, rng: np.random.Generator) -> FloatImage:
    """Add Gaussian noise of this standard deviation to each number alone; nothing is clipped."""
    if not deviation:
        return numbers
    return numbers + np.float32(deviation) * rng.standard_normal(numbers.shape, dtype=np.float32)


def prepare_example(pixels: Pixels, *, name: str, noise: float) -> dict[str, Tensor | str]:
    """Return a validation batch of one whole picture, always with the same noise for the same name.

    Args:
        pixels: ``(h, w, 3)`` at the working size.
        name: Of the picture.
        noise: Standard deviation, on the scale from -1 to 1.

    Returns:
        ``images`` and ``targets``, ``(1, 3, h, w)`` from -1 to 1, and ``name``.
    """
    target = to_numbers(pixels)
    seen = add_noise(target, noise, np.random.default_rng(crc32(name.encode())))
    return {"images": to_tensor(seen)[None], "targets": to_tensor(target)[None], "name": name}


class OpenedPictures:
    """The pictures of a set by number, opened at once and kept, as far as memory is meant for them."""

    def __init__(self, count: int, load: Callable[[int], Pixels], *, budget: int = KEPT_BYTES) -> None:
        """Open pictures until the budget is spent.

        Args:
            count: How many there are.
            load: Opens one by number.
            budget: Bytes.
        """
        self.count = count
        self.load = load
        self._kept: list[Pixels] = []
        while len(self._kept) < count and budget > 0:
            self._kept.append(load(len(self._kept)))
            budget -= self._kept[-1].nbytes

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Pixels:
        return self._kept[number] if number < len(self._kept) else self.load(number)


class PictureDataset(Dataset[dict[str, Tensor]]):
    """Examples by key ``(epoch, index)``: the same key gives the same example, in any process and any order.

    An item is ``images (3, h, w)``, what the network sees, and ``targets (3, h, w)``, what it shall give back, both
    float32 from -1 to 1. They are equal unless there is noise, which only ``images`` have.
    """

    def __init__(
        self, pictures: Sequence[Pixels] | OpenedPictures, *, patch: int, per_picture: int, flips: bool, noise: float,
        seed: int,
    ) -> None:  # fmt: skip
        """Hold pictures at their working size.

        Args:
            pictures: ``(h, w, 3)`` each.
            patch: Side of the random cuts, pixels; 0 takes whole pictures.
            per_picture: Cuts of each picture in one epoch.
            flips: Mirror and quarter-turn at random; what is no square is only turned by half.
            noise: Standard deviation of the noise, on the scale from -1 to 1.
            seed: Start of the random choices.
        """
        self.pictures = pictures
        self.patch = patch
        self.per_picture = per_picture if patch else 1
        self.flips = flips
        self.noise = noise
        self.seed = seed

    def __len__(self) -> int:
        return len(self.pictures) * self.per_picture

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        pixels = self.pictures[index % len(self.pictures)]
        if self.patch:
            pixels = _cut(pixels, self.patch, rng)
        if self.flips:
            pixels = _turn(pixels, rng)
        target = to_numbers(pixels)
        return {"images": to_tensor(add_noise(target, self.noise, rng)), "targets": to_tensor(target)}


def _cut(pixels: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    if min(height, width) < side:
        raise UserError(
            f"A patch of {side} pixels cannot be cut from a picture that is {width}×{height} at the network's size; "
            "set keep_shape to false, or a smaller patch."
        )
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    return pixels[top : top + side, left : left + side]


def _turn(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    square = pixels.shape[0] == pixels.shape[1]
    turned = np.rot90(pixels, int(rng.integers(4)) if square else 2 * int(rng.integers(2)))
    return turned[:, ::-1] if rng.random() < 0.5 else turned
