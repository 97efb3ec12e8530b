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

from core.data.image_io.reader import Picture, read_picture
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.transforms.arrays import Pixels
from core.engine.checkpoint import load_weights
from core.engine.device import Compute, choose_compute
from core.errors import UserError
from core.inference.calibration import calibrate
from core.inference.checkpoints import Checkpoint
from core.inference.ood.detector import InputCheck, load_backbone


class Prediction(Protocol):
    """What a network says of one picture; each kind of problem has its own, a frozen dataclass."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return sentences on what was done to the picture."""

    @property
    def milliseconds(self) -> dict[str, float]:
        """Return the time of each part, by name, in order."""

    @property
    def doubt(self) -> str:
        """Return one sentence on why the picture looks like none for this model; empty where it does not."""

    def say(self) -> str:
        """Return the result in a sentence."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""

    def rasters(self) -> Mapping[str, Pixels]:
        """Return the result as pictures ``(H, W)`` or ``(H, W, 3)`` or with alpha ``(H, W, 4)``, by name."""


class DoubtError(UserError):
    """A picture looks like none for the model; an answer is withheld until somebody insists."""


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
        calibrate(self.task, checkpoint.card)
        self.network.eval()
        self.input_check = InputCheck.load(checkpoint.folder)
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

    def doubt(self, picture: Picture) -> str:
        """Return one sentence on why a picture looks like none for this model; empty where it may be one.

        A checkpoint that carries no input check doubts nothing.
        """
        return self.input_check.doubt(picture.pixels) if self.input_check else ""

    def predict(self, picture: Picture, *, trusted: bool = True) -> Any:
        """Answer for one picture of any size.

        Args:
            picture: What to look at.
            trusted: Whether an answer is wanted from a picture of the wrong kind too. Else it is withheld.

        Raises:
            DoubtError: If the picture looks like none for this model, and is not trusted.
            UserError: If it cannot be a picture for this network, or the answer is not finite.
        """
        clock, doubt = Clock(), ""
        if self.input_check:
            load_backbone()  # once, and like the network's loading no part of an answer's time
            with clock.part("check"):
                doubt = self.doubt(picture)
            if doubt and not trusted:
                raise DoubtError(doubt)
        with clock.part("prepare"):
            prepared = self.setup.prepare_picture(picture.pixels)
        compute = self.compute_for(prepared.images)
        with clock.part("network"), torch.inference_mode(), compute.autocast():
            answer = self.ask(compute.place(prepared.images))
        if not torch.isfinite(answer).all():
            raise UserError(
                f"{self.checkpoint.name} answers with NaN or infinite numbers, so there is no prediction of it; "
                "choose another model, or train this one anew with a lower learning rate."
            )
        notes = (*picture.notes, *prepared.notes)
        return replace(self.conclude(answer, replace(picture, notes=notes), prepared, clock), doubt=doubt)

    @abstractmethod
    def ask(self, images: Tensor) -> Tensor:
        """Run the network on a prepared picture ``(1, C, h, w)``."""

    @abstractmethod
    def conclude(self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock) -> Any:
        """Make a prediction of the network's answer; ``picture.notes`` holds all notes."""

    def predict_file(self, source: Path | bytes, *, name: str | None = None, trusted: bool = True) -> Any:
        """Read a picture file and predict it; the time of reading stands first.

        Args:
            source: The file.
            name: What sentences call it.
            trusted: As for :meth:`predict`; a program that asks gets an answer, and the doubt with it.

        Raises:
            DoubtError: If the picture looks like none for this model, and is not trusted.
            UserError: If it cannot be read as a picture.
        """
        start = time.perf_counter()
        picture = read_picture(source, name=name)
        reading = {"read": 1e3 * (time.perf_counter() - start)}
        prediction = self.predict(picture, trusted=trusted)
        return replace(prediction, milliseconds=reading | prediction.milliseconds)
