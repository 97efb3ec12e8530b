"""Segmentation into classes: one of them for every pixel of a picture."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn
from torch.nn import functional as F

from core.data.layouts.landcover import UNKNOWN
from core.data.torch_datasets.landcover import LandcoverPicture
from core.data.transforms.arrays import Pixels, shrink_to
from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task
from core.engine.tiles import AS_IT_IS, Flips, predict_probabilities, softmax
from core.metrics.multiclass_segmentation import MulticlassSegmentationScores

MIOU = Score(
    "miou",
    "Mean IoU",
    "mean over the classes of hits / (hits + misses + false alarms), pixels of the whole split counted together, "
    "unknown ground left out",
)
SAMPLE_SIDE = 320
PAPER, INK = (250, 250, 250), (30, 34, 40)
LINE, SWATCH = 22, 12

ClassNumbers = NDArray[np.uint8]
"""``(H, W)``."""
Render = Callable[[NDArray[np.integer[Any]]], Pixels]
"""Gives ``(H, W, 3)`` colours to class numbers ``(H, W)``."""


class SemanticTask(Task):
    """Learns classes of pixels from crops and is judged on whole pictures at their own size."""

    monitor = MIOU

    def __init__(
        self, network: nn.Module, classes: Sequence[str], render: Render, *, auxiliary: float = 0.0, tile: int = 0,
        flips: Flips = AS_IT_IS,
    ) -> None:  # fmt: skip
        """Join a network with cross-entropy over the labelled pixels.

        Args:
            network: ``(N, 3, H, W)`` to logits ``(N, classes, H, W)``; what it keeps as ``auxiliary`` is trained too.
            classes: Names in the order of their numbers.
            render: Their colours.
            auxiliary: Weight of the loss of the network's auxiliary logits; 0 leaves them alone.
            tile: See :func:`core.engine.tiles.predict_probabilities`.
            flips: Likewise.
        """
        self.network = network
        self.classes = tuple(classes)
        self.render = render
        self.auxiliary = auxiliary
        self.tile = tile
        self.flips = flips

    def parts(self) -> dict[str, nn.Module]:
        """Return the one network."""
        return {"network": self.network}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Use this network from now on."""
        self.network = parts["network"]

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield the loss of a batch of ``images`` and ``labels``."""
        loss = labelled_cross_entropy(self.network(batch["images"]), batch["labels"])
        second = getattr(self.network, "auxiliary", None) if self.auxiliary else None
        if second is not None:
            loss = loss + self.auxiliary * labelled_cross_entropy(second, batch["labels"])
        yield PartLoss(loss)

    def new_scores(self) -> "SemanticScores":
        """Return an empty accumulator."""
        return SemanticScores(self.classes, ignored=UNKNOWN)

    def predict(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(N, classes, H, W)`` of whole pictures."""
        return predict_probabilities(
            self.network, images, tile=self.tile, flips=self.flips, activation=softmax
        )  # fmt: skip

    def evaluate(self, batch: Batch, scores: "SemanticScores") -> ClassNumbers:
        """Return the classes ``(H, W)`` of one whole picture at its own size, scored there."""
        picture: LandcoverPicture = batch["picture"]
        probabilities = enlarge(self.predict(batch["images"]), picture.labels.shape)[0]
        found = choose_classes(probabilities)
        scores.update(picture.name, found, picture.labels)
        scores.count_loss(probabilities.cpu(), torch.from_numpy(picture.labels))
        return found

    def draw(self, batch: Batch, prediction: ClassNumbers) -> Iterable[SamplePicture]:
        """Show the picture, its true classes and those found, over the colours' names."""
        picture: LandcoverPicture = batch["picture"]
        shown = [picture.pixels, self.render(picture.labels), self.render(prediction)]
        row = np.concatenate([shrink_to(each, SAMPLE_SIDE) for each in shown], axis=1)
        yield SamplePicture(picture.name, np.concatenate([row, self._legend(row.shape[1])]))

    def _legend(self, width: int) -> Pixels:
        """Return a square of each class's colour with its name, as many to a line as have room."""
        font, places, left, top = ImageFont.load_default(13), [], 6, 4
        for name in self.classes:
            needed = SWATCH + 6 + int(font.getlength(name)) + 14
            if left > 6 and left + needed > width:
                left, top = 6, top + LINE
            places.append((name, left, top))
            left += needed
        page = Image.new("RGB", (width, top + LINE), PAPER)
        pen = ImageDraw.Draw(page)
        colours = self.render(np.arange(len(self.classes))[None])[0]
        for (name, left, top), colour in zip(places, colours, strict=True):
            box = (left, top + 2, left + SWATCH, top + 2 + SWATCH)
            pen.rectangle(box, fill=tuple(int(each) for each in colour), outline=INK)
            pen.text((left + SWATCH + 6, top), name, fill=INK, font=font)
        return np.asarray(page, np.uint8)


class SemanticScores(MulticlassSegmentationScores):
    """The scores of a split and its mean cross-entropy; what is not a number is left out, but for mean IoU."""

    def __init__(self, classes: Sequence[str], ignored: int) -> None:
        """Start with no picture; see :class:`core.metrics.multiclass_segmentation.MulticlassSegmentationScores`."""
        super().__init__(classes, ignored)
        self._loss, self._labelled = 0.0, 0

    def count_loss(self, probabilities: Tensor, labels: Tensor) -> None:
        """Count a picture's ``(classes, H, W)`` against its labels ``(H, W)``."""
        known = labels != self.ignored
        right = probabilities.gather(0, labels.where(known, 0)[None])[0]
        self._loss -= float(right.clamp(min=1e-7).log()[known].double().sum())
        self._labelled += int(known.sum())

    def compute(self) -> dict[str, float]:
        """Return every score, and ``loss``, the mean over the labelled pixels of the split."""
        scores = {key: value for key, value in super().compute().items() if key == "miou" or not math.isnan(value)}
        return scores | ({"loss": self._loss / self._labelled} if self._labelled else {})

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`pictures`: of the classes that it has."""
        return [{key: each for key, each in row.items() if not math.isnan(each)} for row in super().per_picture()]


def labelled_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy over the labelled pixels; 0, not not-a-number, where there is none.

    >>> import torch
    >>> float(labelled_cross_entropy(torch.zeros(1, 2, 1, 3), torch.full((1, 1, 3), 255)))
    0.0
    >>> round(float(labelled_cross_entropy(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]]))), 4)
    0.6931

    Args:
        logits: ``(N, classes, H, W)``.
        labels: ``(N, H, W)`` class numbers, and ``UNKNOWN``.
    """
    total = F.cross_entropy(logits.float(), labels, ignore_index=UNKNOWN, reduction="sum")
    return total / (labels != UNKNOWN).sum().clamp(min=1)


def enlarge(probabilities: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return probabilities ``(N, classes, h, w)`` at a height and width, interpolated bilinearly."""
    if tuple(probabilities.shape[-2:]) == tuple(size):
        return probabilities
    return F.interpolate(probabilities, size=tuple(size), mode="bilinear", align_corners=False)


def choose_classes(probabilities: Tensor) -> ClassNumbers:
    """Return the most probable class of each pixel, ``(H, W)`` of ``(classes, H, W)``."""
    return probabilities.argmax(dim=0).to(torch.uint8).cpu().numpy()
