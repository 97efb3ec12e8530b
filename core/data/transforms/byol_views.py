"""Two random views of a picture, as BYOL (Grill et al., 2020, arXiv 2006.07733, appendix B) makes them.

Everything runs on 8-bit pixels in OpenCV, because the same in single torchvision operations takes several times as
long and would keep a small machine's network waiting (`benchmarks/two_views.py`). Each operation is
torchvision's, which is what the field compares with.

Deviations from the authors' program, all as in torchvision: brightness multiplies where theirs adds; contrast turns
around the mean of the grey picture where theirs turns around each channel's; saturation blends with grey where theirs
scales in HSV; a blur mirrors the border where theirs takes zeros.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from core.data.transforms.arrays import Pixels
from core.errors import UserError

_LEVELS = np.arange(256, dtype=np.float32)
_TRIES = 10

Box = tuple[int, int, int, int]
"""Top, left, height and width, pixels."""


@dataclass(frozen=True)
class ViewRecipe:
    """How one view is made; the defaults are the paper's first (table 6).

    Attributes:
        area: Smallest and largest part of the picture that is cut out, 0 to 1.
        aspect: Smallest and largest width / height of the cut; its logarithm is uniform.
        flip: Probability of mirroring left and right.
        jitter: Probability of changing the colours at all.
        brightness: Brightness is multiplied by 1 ± up to this.
        contrast: Likewise contrast.
        saturation: Likewise saturation.
        hue: Hue is turned by up to this part of the colour circle, 0 to 0.5.
        grey: Probability of losing all colour.
        blur: Probability of a Gaussian blur of standard deviation 0.1 to 2 pixels, in a window of a tenth of the side.
        solarise: Probability of inverting what is brighter than half.
    """

    area: tuple[float, float] = (0.08, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.2
    blur: float = 1.0
    solarise: float = 0.0


FIRST_VIEW = ViewRecipe()
SECOND_VIEW = ViewRecipe(blur=0.1, solarise=0.2)


class TwoViewsDataset(Dataset[dict[str, Tensor]]):
    """Pairs of views by key ``(epoch, index)``: the same key gives the same pair, in any process and any order.

    An item is ``images (3, S, S)`` and ``second (3, S, S)``, float32, each channel normalised.
    """

    def __init__(
        self,
        pictures: Sequence[Pixels],
        *,
        side: int,
        seed: int,
        recipes: tuple[ViewRecipe, ViewRecipe] = (FIRST_VIEW, SECOND_VIEW),
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        deviation: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        """Hold pictures.

        Args:
            pictures: ``(H, W, 3)`` each, of any sizes. Twice the side or less cuts fastest.
            side: Of the views, pixels.
            seed: Start of the random choices.
            recipes: How the first and the second view are made.
            mean: Of each channel, 0 to 1; ImageNet's by default.
            deviation: Likewise the standard deviation.

        Raises:
            UserError: If there is no picture.
        """
        if not pictures:
            raise UserError("There are no pictures to make views of; give at least 2.")
        self.pictures = pictures
        self.side = side
        self.seed = seed
        self.recipes = recipes
        scaled = (_LEVELS[:, None] / 255 - np.asarray(mean)) / np.asarray(deviation)
        self._normal = scaled.astype(np.float32).T.copy()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        return {"images": self._view(key, 0), "second": self._view(key, 1)}

    def _view(self, key: tuple[int, int], which: int) -> Tensor:
        rng = np.random.default_rng((self.seed, *key, which))
        view = render_view(self.pictures[key[1]], self.side, self.recipes[which], rng)
        normal = np.empty((3, self.side, self.side), np.float32)
        for channel, levels, place in zip(cv2.split(view), self._normal, normal, strict=True):
            cv2.LUT(channel, levels, dst=place)
        return torch.from_numpy(normal)


def render_view(pixels: Pixels, side: int, recipe: ViewRecipe, rng: np.random.Generator) -> Pixels:
    """Make a view: cut, mirror, change colours in random order, grey, blur, solarise, each by its probability.

    Args:
        pixels: ``(H, W, 3)``.
        side: Of the view.
        recipe: Strengths and probabilities.
        rng: The only source of chance.

    Returns:
        ``(side, side, 3)``.
    """
    view = crop_and_resize(pixels, choose_box(pixels.shape[:2], recipe, rng), side)
    if rng.random() < recipe.flip:
        view = flip(view)
    if rng.random() < recipe.jitter:
        view = _jitter(view, recipe, rng)
    if rng.random() < recipe.grey:
        view = to_grey(view)
    if rng.random() < recipe.blur:
        view = blur(view, rng.uniform(0.1, 2.0))
    if rng.random() < recipe.solarise:
        view = solarise(view)
    return view


def choose_box(size: tuple[int, ...], recipe: ViewRecipe, rng: np.random.Generator) -> Box:
    """Choose what is cut out of a picture of this height and width.

    As torchvision's RandomResizedCrop: ten tries to find a cut that fits, else as much of the middle as the aspect
    allows.
    """
    height, width = size
    low, high = math.log(recipe.aspect[0]), math.log(recipe.aspect[1])
    for _ in range(_TRIES):
        area, aspect = height * width * rng.uniform(*recipe.area), math.exp(rng.uniform(low, high))
        tall, wide = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < tall <= height and 0 < wide <= width:
            return int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1)), tall, wide
    wide = min(width, max(1, round(height * recipe.aspect[1])))
    tall = min(height, max(1, round(width / recipe.aspect[0])))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def crop_and_resize(pixels: Pixels, box: Box, side: int) -> Pixels:
    """Cut a box out and bring it to ``(side, side, 3)``, bicubic as in the paper.

    Where it shrinks to less than half, where bicubic would step over pixels, each pixel is the mean of those it covers.
    """
    top, left, height, width = box
    cut = pixels[top : top + height, left : left + width]
    how = cv2.INTER_AREA if min(height, width) > 2 * side else cv2.INTER_CUBIC
    return _as_pixels(cv2.resize(cut, (side, side), interpolation=how))


def flip(pixels: Pixels) -> Pixels:
    """Mirror left and right."""
    return _as_pixels(cv2.flip(pixels, 1))


def adjust_brightness(pixels: Pixels, factor: float) -> Pixels:
    """Multiply by a factor ≥ 0."""
    return _look_up(pixels, _LEVELS * np.float32(factor))


def adjust_contrast(pixels: Pixels, factor: float) -> Pixels:
    """Scale the distance from the mean of the grey picture by a factor ≥ 0."""
    mean = cv2.mean(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[0]
    return _look_up(pixels, _LEVELS * np.float32(factor) + np.float32(mean * (1 - factor)))


def adjust_saturation(pixels: Pixels, factor: float) -> Pixels:
    """Scale each pixel's distance from its grey by a factor ≥ 0."""
    return _as_pixels(cv2.addWeighted(pixels, factor, to_grey(pixels), 1 - factor, -0.5))  # −0.5: down, not to nearest


def adjust_hue(pixels: Pixels, turn: float) -> Pixels:
    """Turn each pixel's hue by a part of the colour circle, −0.5 to 0.5; hue has 256 steps."""
    hue, saturation, value = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL))
    hue = hue + np.uint8(round(turn * 256) % 256)  # goes round by itself
    return _as_pixels(cv2.cvtColor(cv2.merge((hue, saturation, value)), cv2.COLOR_HSV2RGB_FULL))


def to_grey(pixels: Pixels) -> Pixels:
    """Replace the three channels by 0.299 red + 0.587 green + 0.114 blue."""
    return _as_pixels(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def blur(pixels: Pixels, deviation: float) -> Pixels:
    """Blur with a Gaussian of this standard deviation, pixels, in a window of a tenth of the picture's height."""
    window = min(blur_window(pixels.shape[0]), 2 * math.ceil(3 * deviation) + 1)  # beyond lie 0.3 % of the weight
    kernel = cv2.getGaussianKernel(window, deviation, cv2.CV_32F)
    return _as_pixels(cv2.sepFilter2D(pixels, -1, kernel, kernel))  # several times as fast as GaussianBlur on 8 bits


def blur_window(height: int) -> int:
    """Return the width of the blur's window: about a tenth of the height, odd, at least 3."""
    return 2 * max(1, height // 20) + 1


def solarise(pixels: Pixels) -> Pixels:
    """Invert what is 128 or brighter."""
    return _look_up(pixels, np.where(_LEVELS >= 128, 255 - _LEVELS, _LEVELS))


def _jitter(pixels: Pixels, recipe: ViewRecipe, rng: np.random.Generator) -> Pixels:
    spans = (recipe.brightness, recipe.contrast, recipe.saturation)
    brightness, contrast, saturation = (max(0.0, 1 + rng.uniform(-span, span)) for span in spans)
    turn = rng.uniform(-recipe.hue, recipe.hue)
    changes = (
        (adjust_brightness, brightness),
        (adjust_contrast, contrast),
        (adjust_saturation, saturation),
        (adjust_hue, turn),
    )
    for number in rng.permutation(4):
        change, amount = changes[number]
        pixels = change(pixels, amount)
    return pixels


def _look_up(pixels: Pixels, levels: NDArray[np.float32]) -> Pixels:
    """Replace each of the 256 levels, cut to 0 to 255 and rounded down as torchvision does."""
    return _as_pixels(cv2.LUT(pixels, np.minimum(np.maximum(levels, 0), 255).astype(np.uint8)))


def _as_pixels(picture: Any) -> Pixels:
    return np.asarray(picture, np.uint8)
