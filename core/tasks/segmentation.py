"""Segmentation of one foreground: a mask for every pixel of a picture."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import Mask, resize, shrink_to
from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task
from core.engine.tiles import AS_IT_IS, Flips, predict_probabilities
from core.metrics.boundary import BoundaryScores
from core.metrics.segmentation import BinarySegmentationScores

DICE = Score(
    "dice",
    "Dice",
    "2·hits / (2·hits + false alarms + misses) over all pixels of the split, inside a field of view if there is one",
)
HIT, MISS, FALSE_ALARM = (255, 255, 255), (255, 64, 64), (64, 160, 255)
SAMPLE_SIDE = 512

Loss = Callable[[Tensor, Tensor], Tensor]


class SegmentationTask(Task):
    """Learns a mask from patches or whole pictures and is judged on whole pictures at their own size."""

    monitor = DICE

    def __init__(
        self, network: nn.Module, loss: Loss, *, threshold: float = 0.5, tile: int = 0, flips: Flips = AS_IT_IS,
        turns: bool = False, outlines: bool = False,
    ) -> None:  # fmt: skip
        """Join a network and a loss.

        Args:
            network: ``(N, C, H, W)`` to logits ``(N, 1, H, W)``.
            loss: Takes logits and a mask of 0 to 1, both ``(N, 1, H, W)``.
            threshold: Probability from which a pixel counts as foreground.
            tile: See :func:`core.engine.tiles.predict_probabilities`.
            flips: Likewise.
            turns: Likewise.
            outlines: Judge by outlines (boundary F1) in place of centre lines (clDice): for things, not for lines.
        """
        self.network = network
        self.loss = loss
        self.threshold = threshold
        self.tile = tile
        self.flips = flips
        self.turns = turns
        self.outlines = outlines

    def parts(self) -> dict[str, nn.Module]:
        """Return the one network."""
        return {"network": self.network}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Use this network from now on."""
        self.network = parts["network"]

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield the loss of a batch of ``images`` and ``mask``, and of ``known`` where masks leave pixels open."""
        yield PartLoss(self._loss(self.network(batch["images"]).float(), batch["mask"], batch.get("known")))

    def _loss(self, logits: Tensor, mask: Tensor, known: Tensor | None) -> Tensor:
        """Return the loss of the pixels that the mask says something of, which are all if ``known`` is None.

        Losses count all pixels of a batch together, so that the pixels left may stand in one line.
        """
        if known is None:
            return self.loss(logits, mask)
        chosen = known > 0.5
        if not chosen.any():
            return logits.sum() * 0
        return self.loss(logits[chosen][None, None, :, None], mask[chosen][None, None, :, None])

    def new_scores(self) -> "SegmentationScores":
        """Return an empty accumulator."""
        return SegmentationScores(self.threshold, outlines=self.outlines)

    def predict(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(N, 1, H, W)`` of whole pictures."""
        return predict_probabilities(self.network, images, tile=self.tile, flips=self.flips, turns=self.turns)

    def evaluate(self, batch: Batch, scores: "SegmentationScores") -> NDArray[np.float32]:
        """Return the probabilities ``(H, W)`` of one whole picture at its own size, scored there."""
        picture: LabelledPicture = batch["picture"]
        probabilities = self.predict(batch["images"])
        with torch.inference_mode():
            logits = torch.logit(probabilities, eps=1e-6)
            mask = _shrink(picture.mask, logits)
            known = None if picture.known is None else _shrink(picture.known, logits)
            scores.losses.append(float(self._loss(logits, mask, known)))
        full = resize(probabilities[0, 0].cpu().numpy(), picture.mask.shape).astype(np.float32)
        scores.count(picture, full)
        return full

    def draw(self, batch: Batch, prediction: NDArray[np.float32]) -> Iterable[SamplePicture]:
        """Show the photograph, and beside it hits white, misses red, false alarms blue."""
        picture: LabelledPicture = batch["picture"]
        found = (prediction >= self.threshold) & picture.inside
        label = picture.mask & picture.inside
        errors = np.zeros_like(picture.pixels)
        errors[found & label], errors[label & ~found], errors[found & ~label] = HIT, MISS, FALSE_ALARM
        pair = [shrink_to(each, SAMPLE_SIDE) for each in (picture.pixels, errors)]
        yield SamplePicture(picture.name, np.concatenate(pair, axis=1))


def _shrink(mask: Mask, logits: Tensor) -> Tensor:
    """Return a mask ``(H, W)`` as zeros and ones in the shape ``(1, 1, h, w)`` of logits, and where they are."""
    small = torch.from_numpy(resize(mask.astype(np.float32), (logits.shape[-2], logits.shape[-1])))
    return (small > 0.5)[None, None].float().to(logits.device)


class SegmentationScores(BinarySegmentationScores):
    """The scores of a split, its mean loss, and what a second person reaches on the same pictures."""

    def __init__(self, threshold: float, *, outlines: bool = False) -> None:
        """Start with no picture; see :class:`SegmentationTask`."""
        super().__init__(threshold, centre_lines=not outlines)
        self.human = BinarySegmentationScores(centre_lines=not outlines)
        self.outlines = BoundaryScores() if outlines else None
        self.losses: list[float] = []

    def count(self, picture: LabelledPicture, probabilities: NDArray[np.float32]) -> None:
        """Count the probabilities ``(H, W)`` of a picture, and a second observer's drawing if there is one."""
        self.update(picture.name, probabilities, picture.mask, picture.inside)
        if self.outlines:
            found = (probabilities >= self.threshold) & picture.inside
            self.outlines.update(picture.name, found, picture.mask & picture.inside)
        if picture.second is not None:
            self.human.update(picture.name, picture.second.astype(np.float32), picture.mask, picture.inside)

    def compute(self) -> dict[str, float]:
        """Return every score, and ``loss``, the mean over pictures."""
        outlines = self.outlines.compute() if self.outlines else {}
        return super().compute() | outlines | ({"loss": float(np.mean(self.losses))} if self.losses else {})

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone, in order of :attr:`pictures`."""
        rows = super().per_picture()
        if self.outlines is None or not rows:
            return rows
        return [row | outline for row, outline in zip(rows, self.outlines.per_picture(), strict=True)]

    def reference(self) -> dict[str, float]:
        """Return the second observer's scores against the first; empty where there is none.

        A drawn mask has no degrees of certainty, so areas under curves are left out.
        """
        return {key: value for key, value in self.human.compute().items() if not key.endswith("_auc")}
