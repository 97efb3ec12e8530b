"""A checkpoint made usable: one picture in, a prediction out, and how long each part took."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from core.data.labelled import PreparedPicture
from core.data.pictures import Picture, read_picture
from core.data.raster import Pixels
from core.engine.checkpoint import load_weights
from core.engine.device import Compute, choose_compute
from core.inference.checkpoints import Checkpoint


class Prediction(Protocol):
    """What a network says of one picture; each kind of problem has its own, a frozen dataclass."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return sentences on what was done to the picture."""

    @property
    def milliseconds(self) -> dict[str, float]:
        """Return the time of each part, by name, in order."""

    def say(self) -> str:
        """Return the result in a sentence."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""

    def rasters(self) -> Mapping[str, Pixels]:
        """Return the result as pictures ``(H, W)`` or ``(H, W, 3)`` or with alpha ``(H, W, 4)``, by name."""


class Clock:
    """Milliseconds of the parts of an answer, by name, in order."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a part."""
        start = time.perf_counter()
        yield
        self.milliseconds[name] = 1e3 * (time.perf_counter() - start)


class Predictor(ABC):
    """A trained network that takes pictures as users bring them. One subclass for each kind of problem."""

    kind: ClassVar[str]

    def __init__(self, checkpoint: Checkpoint, *, device: str = "auto") -> None:
        """Load the network.

        Raises:
            UserError: If the weights do not fit their card, or the device is not on this machine.
        """
        self.checkpoint = checkpoint
        self.setup = checkpoint.set_up()
        self.network: nn.Module = self.setup.build_network()
        self.task: Any = self.setup.build_task(self.network, careful=True)
        load_weights(checkpoint.folder, self.task.parts())
        self.network.eval()
        self._device = device
        self._compute: Compute | None = None
        self._lock = threading.Lock()

    def compute_for(self, images: Tensor) -> Compute:
        """Return the fastest setting for pictures like this one, tried once; the network is placed accordingly."""
        with self._lock:
            if self._compute is None:
                chosen = choose_compute(
                    self.network, images, device=self._device, precision=self.setup.precision, training=False
                )
                self.network.to(chosen.device, memory_format=chosen.torch_memory_format)  # type: ignore[call-overload]
                self._compute = chosen
            return self._compute

    def predict(self, picture: Picture) -> Any:
        """Answer for one picture of any size.

        Raises:
            UserError: If it cannot be a picture for this network.
        """
        clock = Clock()
        with clock.part("prepare"):
            prepared = self.setup.prepare_picture(picture.pixels)
        compute = self.compute_for(prepared.images)
        with clock.part("network"), torch.inference_mode(), compute.autocast():
            answer = self.ask(compute.place(prepared.images))
        notes = (*picture.notes, *prepared.notes)
        return self.conclude(answer, replace(picture, notes=notes), prepared, clock)

    @abstractmethod
    def ask(self, images: Tensor) -> Tensor:
        """Run the network on a prepared picture ``(1, C, h, w)``."""

    @abstractmethod
    def conclude(self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock) -> Any:
        """Make a prediction of the network's answer; ``picture.notes`` holds all notes."""

    def predict_file(self, source: Path | bytes, *, name: str | None = None) -> Any:
        """Read a picture file and predict it; the time of reading stands first.

        Raises:
            UserError: If it cannot be read as a picture.
        """
        start = time.perf_counter()
        picture = read_picture(source, name=name)
        reading = {"read": 1e3 * (time.perf_counter() - start)}
        prediction = self.predict(picture)
        return replace(prediction, milliseconds=reading | prediction.milliseconds)
