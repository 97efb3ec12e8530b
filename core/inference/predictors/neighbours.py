"""The pictures that a network without classes finds most alike, and what their labels would say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.image_io.reader import Picture
from core.data.torch_datasets.decoded import Framing
from core.data.torch_datasets.labelled import PreparedPicture
from core.data.transforms.arrays import Pixels
from core.inference.predictors.predictor import Clock, Predictor

VOTERS, TEMPERATURE = 20, 0.1
"""As in :func:`core.metrics.neighbours.classify_by_neighbours`, so that the score tells what the votes are worth."""
SHOWN, TILE, GAP = 10, 128, 4
TOLD = 5


@dataclass(frozen=True)
class NeighbourPrediction:
    """The nearest pictures of a gallery.

    Attributes:
        pixels: ``(H, W, 3)``, the picture as it was read.
        classes: Names.
        neighbours: ``(K, 64, 64, 3)``, the nearest first.
        labels: ``(K,)``, their classes.
        similarities: ``(K,)``, cosine of the features, −1 to 1.
        votes: ``(classes,)``, shares of the votes of the nearest 20, sum 1; no probabilities.
        notes: Sentences on what was done to the picture.
        milliseconds: Of each part, by name.
        doubt: Why the picture looks like none for this model; empty where it does not.
    """

    pixels: Pixels
    classes: tuple[str, ...]
    neighbours: NDArray[np.uint8]
    labels: NDArray[np.int64]
    similarities: NDArray[np.float32]
    votes: NDArray[np.float64]
    notes: tuple[str, ...]
    milliseconds: dict[str, float]
    doubt: str = ""

    @property
    def label(self) -> int:
        """Return the position of the class with most votes."""
        return int(self.votes.argmax())

    def ranked(self, most: int = TOLD) -> dict[str, float]:
        """Return the classes with most votes and their shares, the first one first."""
        order = np.argsort(-self.votes, kind="stable")[:most]
        return {self.classes[each]: float(self.votes[each]) for each in order}

    def captioned(self, most: int = SHOWN) -> list[tuple[Pixels, str]]:
        """Return the nearest pictures with class and similarity."""
        shown = zip(self.neighbours[:most], self.labels, self.similarities, strict=False)
        return [(pixels, f"{self.classes[label]}, {similarity:.3f}") for pixels, label, similarity in shown]

    def say(self) -> str:
        """Return the result in a sentence."""
        total = sum(self.milliseconds.values())
        said = (
            f"Nearest of {self.classes[self.labels[0]]} (cosine {self.similarities[0]:.3f}); most votes for "
            f"{self.classes[self.label]}, {100 * self.votes[self.label]:.0f} % ({total:.0f} ms)."
        )
        return " ".join([said, *self.notes])

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        pairs = zip(self.labels, self.similarities, strict=True)
        return {
            "width": self.pixels.shape[1],
            "height": self.pixels.shape[0],
            "class": self.classes[self.label],
            "label": self.label,
            "votes": {name: round(float(each), 6) for name, each in zip(self.classes, self.votes, strict=True)},
            "nearest": [{"class": self.classes[label], "cosine": round(float(value), 6)} for label, value in pairs],
            "notes": list(self.notes),
            "warning": self.doubt,
            "milliseconds": {part: round(value, 2) for part, value in self.milliseconds.items()},
        }

    def rasters(self) -> Mapping[str, Pixels]:
        """Return the picture and, after a gap, the nearest ones in a row."""
        frame = Framing(TILE).frame
        gap = np.full((TILE, GAP, 3), 255, np.uint8)
        row = [frame(np.ascontiguousarray(self.pixels)), gap, gap, *map(frame, self.neighbours[:TOLD])]
        return {"nearest": np.concatenate(row, axis=1)}


class NeighbourPredictor(Predictor):
    """Finds the nearest pictures among those that the checkpoint carries."""

    kind = "neighbours"

    def ask(self, images: Tensor) -> Tensor:
        """Return the features ``(1, F)``."""
        features: Tensor = self.task.predict(images)
        return features

    def conclude(
        self, answer: Tensor, picture: Picture, prepared: PreparedPicture, clock: Clock
    ) -> NeighbourPrediction:
        """Compare the features with the gallery's and let the nearest vote."""
        gallery, classes = self.task.gallery, self.setup.traits.classes
        with clock.part("compare"), torch.inference_mode():
            similarities, places = (each[0] for each in gallery.nearest(answer, VOTERS))
            labels = gallery.labels[places]
            weights = torch.softmax(similarities.double() / TEMPERATURE, dim=0)
            votes = torch.zeros(len(classes), dtype=torch.float64, device=weights.device).index_add(0, labels, weights)
            pictures = gallery.pictures[places]
        return NeighbourPrediction(
            picture.pixels, classes, pictures.cpu().numpy(), labels.cpu().numpy(), similarities.cpu().numpy(),
            votes.cpu().numpy(), picture.notes, clock.milliseconds,
        )  # fmt: skip
