"""A small learning problem for the engine's tests: find the sign of a picture's blurred pixels."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from core.config import RunConfig
from core.data.loaders import build_training_loader
from core.engine.device import Compute
from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task, TaskData
from core.engine.trainer import Progress, Trainer

CPU = Compute("cpu", "fp32", "contiguous")


def build_toy_network(seed: int = 0) -> nn.Sequential:
    """Return a network with everything that can go wrong in a resume: batch statistics and dropout."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.2), nn.Conv2d(4, 1, 3, padding=1)
    )


class ToyTask(Task):
    monitor = Score("accuracy", "Accuracy", "right pixels / pixels")

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.poison = 1.0

    def parts(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        self.network = parts["network"]

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        logits = self.network(batch["images"]).float()
        yield PartLoss(self.poison * nn.functional.binary_cross_entropy_with_logits(logits, batch["mask"]))

    def new_scores(self) -> "ToyScores":
        return ToyScores()

    def evaluate(self, batch: Batch, scores: "ToyScores") -> Tensor:
        logits = self.network(batch["images"]).float()
        scores.right.append(float(((logits > 0) == (batch["mask"] > 0.5)).float().mean()))
        scores.losses.append(float(nn.functional.binary_cross_entropy_with_logits(logits, batch["mask"])))
        return logits

    def draw(self, batch: Batch, prediction: Tensor) -> Iterable[SamplePicture]:
        yield SamplePicture("sample", np.zeros((4, 4, 3), np.uint8))


@dataclass
class ToyScores:
    right: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def compute(self) -> dict[str, float]:
        if not self.right:
            return {}
        return {"accuracy": float(np.mean(self.right)), "loss": float(np.mean(self.losses))}

    @property
    def names(self) -> list[str]:
        return [str(number) for number in range(len(self.right))]

    def per_picture(self) -> list[dict[str, float]]:
        return [{"accuracy": each} for each in self.right]

    def reference(self) -> dict[str, float]:
        return {}


class FixedScoresTask(ToyTask):
    """Scores what it is told, epoch by epoch."""

    def __init__(self, network: nn.Module, told: list[float]) -> None:
        super().__init__(network)
        self.told = iter(told)

    def evaluate(self, batch: Batch, scores: "ToyScores") -> Tensor:
        if not scores.right:
            scores.right.append(next(self.told))
            scores.losses.append(1.0)
        return batch["images"]


def toy_batch(key: object, n: int = 4) -> Batch:
    images = torch.from_numpy(np.random.default_rng(key).normal(size=(n, 1, 9, 9)).astype(np.float32))
    return {"images": images, "mask": (nn.functional.avg_pool2d(images, 3, 1, 1) > 0).float()}


class ToyDataset(Dataset[dict[str, Tensor]]):
    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        self.asked.append(key)
        return {name: value[0] for name, value in toy_batch((7, *key), 1).items()}


def build_toy_data(*, length: int = 22, batch_size: int = 4, validation: int = 2) -> TaskData:
    """Return five steps an epoch: the last two of 22 examples are dropped."""
    loader = build_training_loader(ToyDataset(), length=length, batch_size=batch_size, seed=3)
    return TaskData(loader, [toy_batch((9, number)) for number in range(validation)], "fingerprint")


@dataclass
class MemoryRecorder:
    """Keeps what it is told, and asks to stop after a given step."""

    stop_after: int | None = None
    wanted: int = 0
    steps: dict[int, dict[str, float]] = field(default_factory=dict)
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    pictures: dict[int, list[SamplePicture]] = field(default_factory=dict)
    best: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    answers: dict[int, dict[str, NDArray[Any]]] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    on_progress: Callable[[Progress], None] | None = None

    def record_step(self, step: int, values: dict[str, float]) -> None:
        self.steps[step] = values

    def record_epoch(self, epoch: int, values: dict[str, float]) -> None:
        self.epochs[epoch] = {key: value for key, value in values.items() if not key.endswith("seconds")}

    def record_answers(self, epoch: int, answers: Mapping[str, NDArray[Any]]) -> None:
        self.answers[epoch] = dict(answers)

    def record_pictures(self, epoch: int, pictures: Iterable[SamplePicture]) -> None:
        self.pictures[epoch] = list(pictures)

    def record_best(self, epoch: int, scores: dict[str, float]) -> None:
        self.best.append((epoch, scores))

    def record_progress(self, progress: Progress) -> None:
        self.progress.append(progress)
        if self.on_progress:
            self.on_progress(progress)

    def unwritten(self) -> list[Any]:
        return []

    def take_again(self, unwritten: list[Any]) -> None:
        assert unwritten == []

    def epochs_wanted(self) -> int:
        return self.wanted

    def stop_requested(self) -> bool:
        return self.stop_after is not None and max(self.steps, default=0) >= self.stop_after


def build_trainer(
    folder: Path, *, task: Task | None = None, data: TaskData | None = None, stop_after: int | None = None, **knobs: Any
) -> tuple[Trainer, MemoryRecorder]:
    recorder = MemoryRecorder(stop_after)
    config = RunConfig(**({"epochs": 4, "learning_rate": 0.02} | knobs))
    trainer = Trainer(
        task or ToyTask(build_toy_network()), data or build_toy_data(), config, recorder,
        compute=CPU, folder=folder, card={"config": config.as_values()},
    )  # fmt: skip
    return trainer, recorder
