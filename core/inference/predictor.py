"""A checkpoint made usable: one picture in, a prediction out, and how long each part took."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from core.config import RunConfig
from core.data.pictures import Picture, read_picture
from core.data.raster import FloatImage, Mask, Pixels, resize
from core.engine.checkpoint import load_weights
from core.engine.device import Compute, choose_compute
from core.experiments import find_experiment
from core.experiments.experiment import Experiment
from core.inference.checkpoints import Checkpoint
from core.tasks.segmentation import SegmentationTask


@dataclass(frozen=True)
class MaskPrediction:
    """What a segmentation network says of one picture.

    Attributes:
        pixels: ``(H, W, 3)``, the picture as it was read.
        probabilities: ``(H, W)``, 0 to 1, 0 outside the field of view.
        inside: ``(H, W)``, the field of view.
        threshold: Probability from which a pixel counts as foreground, unless the user moves it.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
    """

    pixels: Pixels
    probabilities: FloatImage
    inside: Mask
    threshold: float
    notes: tuple[str, ...]
    milliseconds: dict[str, float]

    def mask(self, threshold: float | None = None) -> Mask:
        """Return ``(H, W)``, True on the foreground."""
        return (self.probabilities >= (self.threshold if threshold is None else threshold)) & self.inside

    def share(self, threshold: float | None = None) -> float:
        """Return the foreground's share of the field of view, 0 to 1."""
        return float(self.mask(threshold).sum() / max(1, self.inside.sum()))

    def say(self) -> str:
        """Return the result in a sentence."""
        share, total = 100 * self.share(), sum(self.milliseconds.values())
        return " ".join([f"{share:.1f} % of the field of view is foreground ({total:.0f} ms).", *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            "threshold": self.threshold,
            "share": round(self.share(), 6),
            "notes": list(self.notes),
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }


class SegmentationPredictor:
    """A trained segmentation network that takes pictures as users bring them."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "auto") -> None:
        """Load the network.

        Raises:
            UserError: If the weights do not fit their card, or the device is not on this machine.
        """
        self.checkpoint = checkpoint
        self.experiment: Experiment = find_experiment(checkpoint.card["experiment"])
        self.config: RunConfig = self.experiment.read_config(checkpoint.card["config"])
        self.network: nn.Module = self.experiment.build_network(self.config).eval()
        load_weights(checkpoint.folder, {"network": self.network})
        self._task = cast(SegmentationTask, self.experiment.build_task(self.config, self.network, careful=True))
        self._device = device
        self._compute: Compute | None = None
        self._lock = threading.Lock()

    def compute_for(self, images: torch.Tensor) -> Compute:
        """Return the fastest setting for pictures like this one, tried once; the network is placed accordingly."""
        with self._lock:
            if self._compute is None:
                chosen = choose_compute(self.network, images, device=self._device, training=False)
                self.network.to(chosen.device, memory_format=chosen.torch_memory_format)  # type: ignore[call-overload]
                self._compute = chosen
            return self._compute

    def predict(self, picture: Picture) -> MaskPrediction:
        """Find the foreground in one picture of any size."""
        clock = _Clock()
        with clock.part("prepare"):
            prepared = self.experiment.prepare_picture(self.config, picture.pixels)
        compute = self.compute_for(prepared.images)
        with clock.part("network"), compute.autocast():
            small = self._task.predict(compute.place(prepared.images))[0, 0].cpu().numpy()
        with clock.part("scale back"):
            full = np.asarray(resize(small, prepared.inside.shape) * prepared.inside, np.float32)
        notes = (*picture.notes, *prepared.notes)
        return MaskPrediction(picture.pixels, full, prepared.inside, self._task.threshold, notes, clock.milliseconds)

    def predict_file(self, source: Path | bytes, *, name: str | None = None) -> MaskPrediction:
        """Read a picture file and predict it; the time of reading stands first.

        Raises:
            UserError: If it cannot be read as a picture.
        """
        start = time.perf_counter()
        picture = read_picture(source, name=name)
        reading = {"read": 1e3 * (time.perf_counter() - start)}
        prediction = self.predict(picture)
        return replace(prediction, milliseconds=reading | prediction.milliseconds)


def load_predictor(checkpoint: Checkpoint, *, device: str = "auto") -> SegmentationPredictor:
    """Return the predictor for a checkpoint's kind of problem.

    Raises:
        UserError: If the checkpoint cannot be used.
    """
    return PREDICTORS[find_experiment(checkpoint.card["experiment"]).kind](checkpoint, device=device)


class _Clock:
    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.milliseconds[name] = 1e3 * (time.perf_counter() - start)


PREDICTORS = MappingProxyType({"segmentation": SegmentationPredictor})
