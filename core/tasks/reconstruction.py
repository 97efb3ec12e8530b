"""Reconstruction: a picture goes through a network and shall come out as it was, or without its noise."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from core.data.torch_datasets.whole_images import to_channels_last, to_pixels
from core.data.transforms.arrays import FloatImage, Pixels, shrink_to
from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task
from core.metrics.reconstruction import ReconstructionScores, convert_to_psnr

PSNR = Score(
    "psnr",
    "PSNR (dB)",
    "10·log10(4 / mean squared error) of each whole picture at the size that the network sees, values from -1 to 1 "
    "(the same number as with 0 to 1), then the mean over pictures",
)
DIFFERENCE_SCALE = 5
SAMPLE_SIDE = 384

Loss = Callable[[Tensor, Tensor], Tensor]


def measure_psnr(made: FloatImage, target: FloatImage) -> float:
    """Return the PSNR in dB of one picture ``(H, W, C)`` from -1 to 1."""
    return convert_to_psnr(float(np.square(made - target).mean(dtype=np.float64)))


def amplify_difference(first: Pixels, second: Pixels) -> Pixels:
    """Return the absolute difference of two pictures ``(H, W, 3)`` five times as strong: black is equal.

    A channel is at its brightest from a difference of 51 of 255 on.
    """
    difference = np.abs(first.astype(np.int16) - second)
    return np.asarray(np.minimum(DIFFERENCE_SCALE * difference, 255), np.uint8)


@contextmanager
def emptied(bottleneck: nn.Module) -> Iterator[None]:
    """Let a module's maps ``(N, C, h, w)`` say the same everywhere: each is replaced by its mean over the picture.

    What a network gives back meanwhile has not passed this module. Means are kept, so that what follows sees numbers
    of the size it knows.
    """

    def flatten(module: nn.Module, inputs: object, maps: Tensor) -> Tensor:  # noqa: ARG001 - a hook is called so
        return maps.mean(dim=(2, 3), keepdim=True).expand_as(maps)

    handle = bottleneck.register_forward_hook(flatten)
    try:
        yield
    finally:
        handle.remove()


class ReconstructionTask(Task):
    """Learns to give back ``targets`` when shown ``images`` and is judged on whole pictures.

    Each is also reconstructed with the bottleneck emptied (:func:`emptied`): where that changes nothing, the picture
    passes by it.
    """

    monitor = PSNR

    def __init__(self, network: nn.Module, loss: Loss, *, bottleneck: nn.Module) -> None:
        """Join a network and a loss.

        Args:
            network: ``(N, 3, H, W)`` to ``(N, 3, H, W)``, both from -1 to 1; its answer may go beyond.
            loss: Takes an answer and its target.
            bottleneck: The part of the network that is emptied to see what passes by it.
        """
        self.network = network
        self.loss = loss
        self.bottleneck = bottleneck

    def parts(self) -> dict[str, nn.Module]:
        """Return the one network."""
        return {"network": self.network}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Use this network from now on."""
        self.network = parts["network"]

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield the loss of a batch of ``images`` and ``targets``."""
        yield PartLoss(self.loss(self.network(batch["images"]).float(), batch["targets"]))

    def new_scores(self) -> "SplitReconstructionScores":
        """Return an empty accumulator."""
        return SplitReconstructionScores()

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Return what the network makes of pictures ``(N, 3, H, W)``: the same shape, float32."""
        made: Tensor = self.network(images).float()
        return made

    def predict_emptied(self, images: Tensor) -> Tensor:
        """Return likewise what it makes of them with the bottleneck emptied."""
        with emptied(self.bottleneck):
            return self.predict(images)

    def evaluate(self, batch: Batch, scores: "SplitReconstructionScores") -> Tensor:
        """Return the reconstruction ``(1, 3, h, w)`` of one whole picture, scored at this size as it is, unclipped."""
        images, target = batch["images"], to_channels_last(batch["targets"])
        made = self.predict(images)
        further = {"loss": float(self.loss(made, batch["targets"]))}
        further["psnr_emptied"] = measure_psnr(to_channels_last(self.predict_emptied(images)), target)
        if not torch.equal(images, batch["targets"]):
            further["psnr_seen"] = measure_psnr(to_channels_last(images), target)
        scores.update(batch["name"], to_channels_last(made), target)
        scores.further.append(further)
        return made

    def draw(self, batch: Batch, prediction: Tensor) -> Iterable[SamplePicture]:
        """Show the picture, what the network saw where that is another, its answer, and five times the difference."""
        target, seen, made = (
            to_pixels(to_channels_last(each)) for each in (batch["targets"], batch["images"], prediction)
        )
        shown = [target, made] if np.array_equal(seen, target) else [target, seen, made]
        row = [shrink_to(each, SAMPLE_SIDE) for each in (*shown, amplify_difference(target, made))]
        yield SamplePicture(batch["name"], np.concatenate(row, axis=1))


class SplitReconstructionScores(ReconstructionScores):
    """The scores of a split and, of each picture, its ``loss`` and two PSNR to hold the network's against.

    ``psnr_emptied`` is that of the same network with its bottleneck emptied. ``psnr_seen``, which there is only where
    noise was added, is that of what the network saw: what a network scores that returns its input untouched.
    """

    def __init__(self) -> None:
        super().__init__()
        self.further: list[dict[str, float]] = []

    def per_picture(self) -> list[dict[str, float]]:
        """Return the scores of each picture alone; :meth:`compute` returns their means."""
        return [own | further for own, further in zip(super().per_picture(), self.further, strict=True)]
