"""Blots as a network takes them: training examples changed at random, and templates as a user brings them."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from core.data.layouts.blots import BLOT_SIDE
from core.data.torch_datasets.gel_crops import Grey
from core.data.transforms.arrays import FloatImage, Pixels, resize
from core.errors import UserError

GAP = 6
PAPER = 255
MOST_OFF = 0.05
"""Part of its height by which a picture of two templates may be wider or narrower than twice its height."""

Blot = tuple[FloatImage, FloatImage]
"""Templates ``(2, 64, 64)`` and target ``(1, 64, 64)``, −1 to 1."""


class BlotDataset(Dataset[dict[str, Tensor]]):
    """Examples by key ``(epoch, index)``: the same key gives the same example, in any process and any order.

    An item is ``images (2, 64, 64)``, the templates, and ``target (1, 64, 64)``, both float32, −1 to 1.
    """

    def __init__(self, blots: Sequence[Blot], *, mirror: bool, jitter: int, seed: int) -> None:
        """Hold opened blots.

        Args:
            blots: As :func:`core.data.layouts.blots.load_blots` gives them.
            mirror: Swap left and right at random. Up and down stay, because bands trail upwards.
            jitter: Enlarge by up to this many pixels and cut the old size out at a random place. pix2pix enlarges
                always, by 12 %; here as often by less, so that the scale of the pictures as they are is seen too.
            seed: Start of the random choices.
        """
        self.blots = blots
        self.mirror = mirror
        self.jitter = jitter
        self.seed = seed

    def __len__(self) -> int:
        return len(self.blots)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        stacked = np.concatenate(self.blots[index])
        if self.jitter:
            stacked = _jitter(stacked, self.jitter, rng)
        if self.mirror and rng.random() < 0.5:
            stacked = stacked[..., ::-1]
        tensor = torch.from_numpy(np.ascontiguousarray(stacked))
        return {"images": tensor[:2], "target": tensor[2:]}


def _jitter(stacked: FloatImage, most: int, rng: np.random.Generator) -> FloatImage:
    height, width = stacked.shape[1:]
    more = int(rng.integers(0, most + 1))
    top, left = rng.integers(0, more + 1, 2)
    larger = resize(np.ascontiguousarray(stacked.transpose(1, 2, 0)), (height + more, width + more))
    return larger[top : top + height, left : left + width].transpose(2, 0, 1)


def join_templates(lanes: Pixels, bands: Pixels) -> Pixels:
    """Return two pictures ``(H, W, 3)`` of any size as one ``(64, 128, 3)``, side by side, as a network sees them."""
    halves = [_shrink_to_grey(each) for each in (lanes, bands)]
    return np.repeat(np.concatenate(halves, axis=1)[..., None], 3, axis=2)


def split_templates(pixels: Pixels) -> FloatImage:
    """Return the templates ``(2, 64, 64)``, −1 to 1, that lie side by side in a picture ``(H, W, 3)``.

    Raises:
        UserError: If it is not about twice as wide as high.
    """
    height, width = pixels.shape[:2]
    if abs(width / height - 2) > 2 * MOST_OFF:
        raise UserError(
            f"The picture is {width} × {height} pixels; one with template 1, the lanes, in its left half and template "
            "2, the bands, in its right half is allowed, twice as wide as high."
        )
    half = width // 2
    greys = [_shrink_to_grey(np.ascontiguousarray(each)) for each in (pixels[:, :half], pixels[:, width - half :])]
    return np.stack(greys).astype(np.float32) / np.float32(127.5) - 1


def to_grey(picture: FloatImage) -> Grey:
    """Return a picture of −1 to 1 as whole numbers from 0 to 255."""
    return np.asarray(np.rint((np.clip(picture, -1, 1) + 1) * 127.5), np.uint8)


def lay_side_by_side(greys: Sequence[Grey], *, scale: int) -> Pixels:
    """Return grey pictures ``(h, w)`` from left to right with white gaps, every pixel enlarged to a square."""
    enlarged = [enlarge(each, scale) for each in greys]
    gap = np.full((enlarged[0].shape[0], GAP), PAPER, np.uint8)
    row = [part for each in enlarged for part in (gap, each)][1:]
    return np.repeat(np.concatenate(row, axis=1)[..., None], 3, axis=2)


def enlarge(grey: Grey, scale: int) -> Grey:
    """Return a grey picture ``(h, w)`` with every pixel enlarged to a square of this side."""
    return grey.repeat(scale, axis=0).repeat(scale, axis=1)


def _shrink_to_grey(pixels: Pixels) -> Grey:
    """Return ``(64, 64)``, made as the templates of a data set are."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    return resize(grey, (BLOT_SIDE, BLOT_SIDE))
