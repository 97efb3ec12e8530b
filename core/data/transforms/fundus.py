"""Fundus photographs: finding the field of view, and making them ready for a network and back."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import FloatImage, Mask, Pixels, resize, shrink_to

DARK = 0.12
"""Share of a bright pixel's value below which a pixel may belong to the black surround."""


def find_field_of_view(pixels: Pixels) -> Mask:
    """Find the part of a photograph that shows the retina: the largest bright region, its holes filled.

    A photograph without a black surround is all field of view.

    Args:
        pixels: ``(H, W, 3)`` RGB, 0 to 255.

    Returns:
        ``(H, W)``, True inside.
    """
    brightness = cv2.medianBlur(shrink_to(pixels, 512).max(axis=2), 5)
    bright = (brightness > DARK * np.percentile(brightness, 95)).astype(np.uint8)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.ones(pixels.shape[:2], bool)
    if not outlines:
        return whole
    largest = cv2.convexHull(max(outlines, key=cv2.contourArea))
    found = cv2.drawContours(np.zeros_like(bright), [largest], 0, 1, thickness=cv2.FILLED)
    if found.mean() < 0.2 or found.mean() > 0.97:
        return whole
    enlarged = cv2.resize(found.astype(np.float32), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged > 0.5)


def normalise_locally(image: FloatImage, inside: Mask) -> FloatImage:
    """Make mean 0 and standard deviation 1 in the neighbourhood of each pixel, which takes uneven light away.

    The neighbourhood is a Gaussian of a sixteenth of the field of view's width; only pixels inside are counted. It is
    so wide that a quarter of the picture's resolution shows its means and variances as well, in a tenth of the time.

    Args:
        image: ``(H, W, C)``.
        inside: ``(H, W)``; what lies outside becomes 0.
    """
    height, width = inside.shape
    shrunken = (max(1, height // 4), max(1, width // 4))
    sigma = max(1.0, int(inside.any(axis=0).sum()) / 64)

    def blurred(values: FloatImage) -> FloatImage:
        small = np.asarray(cv2.GaussianBlur(resize(values, shrunken), (0, 0), sigma), np.float32)
        return resize(small, (height, width)).reshape(height, width, -1)

    weight = inside.astype(np.float32)[:, :, None]
    share = blurred(weight) + np.float32(1e-6)
    mean = blurred(image * weight) / share
    variance = blurred((image - mean) ** 2 * weight) / share
    return np.asarray((image - mean) / np.sqrt(variance + np.float32(1e-5)) * weight, np.float32)


@dataclass(frozen=True)
class FundusPreparation:
    """How a photograph becomes a network's input, and a probability map goes back to the photograph's size.

    Attributes:
        colour: ``rgb``; ``green``, the channel in which vessels stand out most; ``grey``, the luma of ITU-R BT.601
            (0.299 R + 0.587 G + 0.114 B).
        normalise: ``unit`` divides by 255; ``field-of-view`` makes mean 0 and standard deviation 1 inside the field of
            view, per channel, and sets everything outside to 0; ``local`` does so in the neighbourhood of each pixel.
        size: Side of the square the whole picture is resized to, in pixels; 0 keeps its shape.
        diameter: The picture is scaled so that its field of view is this wide, in pixels; 0 keeps its scale. It makes
            vessels of cameras with different resolutions equally wide for the network.
    """

    colour: str = "rgb"
    normalise: str = "field-of-view"
    size: int = 0
    diameter: int = 0

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return 3 if self.colour == "rgb" else 1

    def working_size(self, field_of_view: Mask) -> tuple[int, int]:
        """Return height and width of the network's input for a photograph with this field of view."""
        height, width = field_of_view.shape
        if self.size:
            return self.size, self.size
        if not self.diameter or not field_of_view.any():
            return height, width
        rows, columns = np.flatnonzero(field_of_view.any(axis=1)), np.flatnonzero(field_of_view.any(axis=0))
        scale = self.diameter / max(np.ptp(rows) + 1, np.ptp(columns) + 1)
        return max(16, round(height * scale)), max(16, round(width * scale))

    def prepare(self, pixels: Pixels, field_of_view: Mask) -> FloatImage:
        """Return the network's input ``(h, w, C)``, channels last as OpenCV warps it.

        Args:
            pixels: ``(H, W, 3)`` RGB, 0 to 255.
            field_of_view: ``(H, W)``.
        """
        size = self.working_size(field_of_view)
        image = self._in_colour(resize(pixels, size)).astype(np.float32) / np.float32(255)
        if self.normalise == "unit":
            return image
        inside = resize(field_of_view.astype(np.float32), size) > 0.5
        if self.normalise == "local":
            return normalise_locally(image, inside)
        seen = image[inside] if inside.any() else image.reshape(-1, image.shape[2])
        mean = np.asarray(seen.mean(axis=0, dtype=np.float64), np.float32)  # float32 sums go astray by percents
        deviation = np.asarray(seen.std(axis=0, dtype=np.float64) + 1e-3, np.float32)
        image = np.asarray((image - mean) / deviation, np.float32)
        image[~inside] = 0
        return image

    def _in_colour(self, pixels: Pixels) -> Pixels:
        if self.colour == "green":
            return pixels[:, :, 1:2]
        if self.colour == "grey":
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None], np.uint8)
        return pixels

    def describe(self, pixels: Pixels, field_of_view: Mask) -> str:
        """Say in one sentence whether the picture was resized for the network; empty where it was not."""
        height, width = self.working_size(field_of_view)
        if (height, width) == pixels.shape[:2]:
            return ""
        before = f"{pixels.shape[1]}×{pixels.shape[0]}"
        return f"The network saw the picture at {width}×{height} instead of {before}; its answer was scaled back."

    def prepare_tensor(self, pixels: Pixels, field_of_view: Mask) -> Tensor:
        """Return the network's input ``(1, C, h, w)``."""
        image = self.prepare(pixels, field_of_view)
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]

    def prepare_pair(
        self, picture: LabelledPicture, *, soft: bool = False
    ) -> tuple[FloatImage, Mask | FloatImage, Mask]:
        """Return image, mask and field of view at the network's size, to cut patches from.

        Args:
            picture: A photograph with its vessels.
            soft: Whether the mask is float32, 0 to 1: how much of each shrunk pixel is vessel, and the mean of both
                observers where there are two. Else it is the first observer's yes and no.
        """
        size = self.working_size(picture.inside)
        mask: Mask | FloatImage = resize(picture.mask.astype(np.float32), size)
        inside = resize(picture.inside.astype(np.float32), size) > 0.5
        if not soft:
            mask = mask > 0.5
        elif picture.second is not None:
            mask = ((mask + resize(picture.second.astype(np.float32), size)) / 2).astype(np.float32)
        return self.prepare(picture.pixels, picture.inside), mask, inside

    def prepare_known(self, picture: LabelledPicture) -> Mask | None:
        """Return where the label says anything ``(h, w)``, at the network's size; None where it does everywhere."""
        if picture.known is None:
            return None
        return resize(picture.known.astype(np.float32), self.working_size(picture.inside)) > 0.5
