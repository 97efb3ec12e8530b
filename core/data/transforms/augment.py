"""Random changes of training pictures for classification, each decided by a generator of its own."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2  # type: ignore[import-untyped]

from core.data.transforms.arrays import Pixels

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey, ITU-R BT.601."""
SOFTEST, GRAINIEST = 1.3, 8.0
"""Deviation of the widest blur, pixels, and of the strongest noise, of 255, at full strength."""


@dataclass(frozen=True)
class PictureAugmentation:
    """Random changes of a training picture; nothing is changed unless asked for.

    Mirror, turn, scale, stretch and shift are one affine warp, and brightness, contrast and saturation one linear map
    of the colours. What a warp brings in from beyond the picture is the picture mirrored at its edge, not black
    corners that a network could take for a feature.

    Attributes:
        flip: Mirror left and right, half of the time.
        shift: Largest shift along each axis, as a part of the side; 0 to 1.
        scale: Enlarge or shrink by up to this factor, ≥ 1; its logarithm is uniform.
        rotation: Largest turn to either side, degrees.
        colour: Strength of the change of brightness, contrast and saturation, 0 to 1: each is multiplied by up to
            e to this power. Unlike torchvision's `ColorJitter` they come in one order and clip once; hue stays.
        stretch: Make up to so many times as wide for its height, or as high for its width, ≥ 1; its logarithm is
            uniform. Pictures of other shapes that were squashed into a square differ by that.
        grain: Strength of blur and of noise, 0 to 1, each half of the time: a Gaussian of up to :data:`SOFTEST`
            pixels, and noise of up to :data:`GRAINIEST`, the same in all colours, so that grey stays grey.
        trivial: One random operation of random strength, TrivialAugment (Müller and Hutter, 2021, arXiv 2103.10158)
            with the wide space, as torchvision has it; after all others.
    """

    flip: bool = False
    shift: float = 0.0
    scale: float = 1.0
    rotation: float = 0.0
    colour: float = 0.0
    trivial: bool = False
    stretch: float = 1.0
    grain: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether anything is asked for."""
        return self != PictureAugmentation()

    def apply(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Return a picture ``(H, W, 3)`` changed as the generator decides."""
        mirror = self.flip and bool(rng.integers(2))
        if self.shift or self.scale > 1 or self.rotation or self.stretch > 1:
            pixels = self._warped(pixels, mirror, rng)
        elif mirror:
            pixels = pixels[:, ::-1]
        if self.colour:
            pixels = self._recoloured(pixels, rng)
        if self.grain:
            pixels = self._regrained(pixels, rng)
        return _trivially_changed(pixels, int(rng.integers(2**63))) if self.trivial else pixels

    def _warped(self, pixels: Pixels, mirror: bool, rng: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        angle = math.radians(rng.uniform(-self.rotation, self.rotation))
        reach = math.log(self.scale)
        step = math.exp(rng.uniform(-reach, reach))
        cosine, sine = math.cos(angle) * step, math.sin(angle) * step
        linear = np.array([[-cosine if mirror else cosine, -sine], [-sine if mirror else sine, cosine]])
        if self.stretch > 1:  # no draw otherwise: what is not asked for moves no other choice
            half = math.log(self.stretch) / 2
            wider = math.exp(rng.uniform(-half, half))
            linear = linear @ np.diag([wider, 1 / wider])
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        shift = rng.uniform(-self.shift, self.shift, 2) * (width, height)
        matrix = np.column_stack([linear, middle + shift - linear @ middle])
        warped = cv2.warpAffine(
            pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(warped, np.uint8)

    def _recoloured(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        brightness, contrast, saturation = np.exp(rng.uniform(-self.colour, self.colour, 3))
        grey = float(LUMA @ np.array(cv2.mean(pixels)[:3]))
        return np.asarray(cv2.transform(pixels, _colour_map(brightness, contrast, saturation, grey)), np.uint8)

    def _regrained(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        blurs, radius, grains, spread = rng.random(4)
        if blurs < 0.5:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(self.grain * SOFTEST * radius, 0.05)), np.uint8)
        if grains < 0.5:
            noise = rng.normal(0, self.grain * GRAINIEST * spread, (*pixels.shape[:2], 1))
            pixels = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
        return pixels


def _colour_map(brightness: float, contrast: float, saturation: float, grey: float) -> NDArray[np.float64]:
    """Return the 3×4 matrix that moves colours from their own grey, then from the picture's, then from black."""
    saturate = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    matrix: NDArray[np.float64] = brightness * np.column_stack([contrast * saturate, np.full(3, (1 - contrast) * grey)])
    return matrix


def _trivially_changed(pixels: Pixels, seed: int) -> Pixels:
    """Apply TrivialAugmentWide, which asks torch's one generator: it is set for the moment and put back."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        changed = v2.TrivialAugmentWide()(Image.fromarray(np.ascontiguousarray(pixels)))
    return np.asarray(changed, np.uint8)
