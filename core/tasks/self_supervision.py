"""Learning without labels: BYOL, and its features judged by their nearest neighbours, whose labels only look on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.torch_datasets.decoded import Framing
from core.data.transforms.arrays import Pixels
from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task
from core.metrics.neighbours import classify_by_neighbours, feature_deviation, neighbour_scores
from core.models.byol import TAU_BASE, Byol, TargetNetwork, Views, symmetric_loss, tau_at
from core.models.gallery import EMPTY, Gallery, SearchableNetwork
from core.tasks.labels import RIGHT, WRONG

KNN_ACCURACY = Score(
    "knn_accuracy",
    "Nearest-neighbour accuracy",
    "share of the split's pictures whose 20 nearest training pictures in the gallery, by cosine of the backbone's "
    "features, vote for the true class, each with weight exp(cosine / 0.1)",
)
SCORES = MappingProxyType({KNN_ACCURACY.key: KNN_ACCURACY})
SAMPLES, SHOWN, TILE, EDGE = 8, 5, 96, 4


@dataclass(frozen=True)
class Pace:
    """How the target follows the online network.

    Attributes:
        steps: Of the whole training.
        tau: How much of itself the target keeps in the first step; it rises to 1 at the last.
    """

    steps: int
    tau: float = TAU_BASE


class CountedTarget(nn.Module):
    """A target network that knows how often it has moved, so that a resumed run goes on with the next tau."""

    moves: Tensor

    def __init__(self, target: TargetNetwork) -> None:
        super().__init__()
        self.target = target
        self.register_buffer("moves", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, C, H, W)`` to projections ``(N, projection)`` without a gradient."""
        return cast(Tensor, self.target(images))


class SelfSupervisionTask(Task):
    """Bootstrap Your Own Latent: predict what the slow average of oneself makes of another view of the same picture."""

    monitor = KNN_ACCURACY

    def __init__(self, network: SearchableNetwork, pace: Pace | None) -> None:
        """Join a network and, to train it, a target that starts as its copy.

        Args:
            network: What is trained and kept.
            pace: None for features alone: nothing can be trained, and no loss be computed.
        """
        self.network = network
        self.pace = pace
        self.online: nn.Module = network
        self.byol = None if pace is None else Byol(network)
        self.target = None if self.byol is None else CountedTarget(self.byol.target)

    @property
    def gallery(self) -> Gallery:
        """Return the pictures that features are compared with."""
        return self.network.gallery

    def parts(self) -> dict[str, nn.Module]:
        """Return the online network; the target has no optimiser."""
        return {"online": self.online}

    def companions(self) -> dict[str, nn.Module]:
        """Return the target, which only :meth:`losses` moves, and how often it was moved."""
        return {} if self.target is None else {"target": self.target}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Run these from now on; they hold the same parameters as before."""
        self.online = parts["online"]
        self.target = cast(CountedTarget, parts.get("target", self.target))

    def example(self, batch: Batch) -> tuple[nn.Module, Tensor]:
        """Return the online network and one view."""
        return self.online, batch["images"]

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield the symmetric loss of two views, ``images`` and ``second``; then move the target.

        Recorded beside it: ``tau``, and ``spread``, the deviation of the projections times the square root of their
        width: about 1 where they point everywhere, 0 where all are the same (collapse).
        """
        if self.byol is None or self.target is None or self.pace is None:
            raise ValueError("this task was built without a target and cannot be trained")
        tau = tau_at(int(self.target.moves), self.pace.steps, base=self.pace.tau)
        views = self._views(batch["images"], batch["second"])
        projections: NDArray[np.float32] = views.projections.float().cpu().numpy()
        spread = feature_deviation(projections) * projections.shape[1] ** 0.5
        yield PartLoss(symmetric_loss(views), "online", {"tau": tau, "spread": spread})
        self.byol.move_target(tau)
        self.target.moves += 1

    def _views(self, first: Tensor, second: Tensor) -> Views:
        """Return what :class:`core.models.byol.Byol` gives, by way of what is wrapped around the online network."""
        target = cast(nn.Module, self.target)
        return Views(self.online(first), self.online(second), target(first), target(second))

    def new_scores(self) -> "FeatureScores":
        """Return an empty accumulator."""
        return FeatureScores(self.gallery)

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Return the features ``(N, F)`` of pictures ``(N, 3, H, W)``."""
        features: Tensor = self.online(images, only_features=True)
        return features.float()

    def evaluate(self, batch: Batch, scores: "FeatureScores") -> NDArray[np.float32]:
        """Return the features ``(N, F)`` of a batch: the gallery takes them at its ``places``, others are scored."""
        features = self.predict(batch["images"])
        if "places" in batch:
            self.gallery.remember(batch["places"], features)
        else:
            scores.update(batch["names"], features.cpu().numpy(), batch["labels"].cpu().numpy())
            if "first" in batch and self.target is not None:
                with torch.inference_mode():
                    views = self._views(batch["first"], batch["second"])
                scores.losses.append((float(symmetric_loss(views)), len(batch["names"])))
        found: NDArray[np.float32] = features.cpu().numpy()
        return found

    def draw(self, batch: Batch, prediction: NDArray[np.float32]) -> Iterable[SamplePicture]:
        """Show each picture and beside it the nearest of the gallery, framed green where the class is the same."""
        if "places" in batch:
            return
        features = torch.from_numpy(prediction[:SAMPLES]).to(self.gallery.features.device)
        _, places = self.gallery.nearest(features, SHOWN)
        labels = self.gallery.labels[places].tolist()
        for number, row in enumerate(self.gallery.pictures[places].cpu().numpy()):
            same = [label == int(batch["labels"][number]) for label in labels[number]]
            tiles = [_frame(each, RIGHT if right else WRONG) for each, right in zip(row, same, strict=True)]
            yield SamplePicture(
                str(batch["names"][number]), np.concatenate([_frame(batch["pixels"][number]), *tiles], 1)
            )


class FeatureScores:
    """Features of a split, compared with a gallery's."""

    def __init__(self, gallery: Gallery) -> None:
        """Start with no picture; the gallery's features are read when scores are asked for."""
        self.gallery = gallery
        self.names: list[str] = []
        self.losses: list[tuple[float, int]] = []
        self._features: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.int64]] = []

    def update(self, names: Sequence[str], features: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Take pictures with features ``(N, F)`` and true classes ``(N,)``."""
        self.names.extend(names)
        self._features.append(features)
        self._labels.append(labels)

    def _compared(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        taken = self.gallery.labels != EMPTY
        bank, bank_labels = (each[taken].cpu().numpy() for each in (self.gallery.features, self.gallery.labels))
        return bank, bank_labels, np.concatenate(self._features), np.concatenate(self._labels)

    def compute(self) -> dict[str, float]:
        """Return the scores of :func:`core.metrics.neighbours.neighbour_scores`, ``spread`` and the mean ``loss``.

        ``spread`` is the features' deviation times the square root of their width. Empty without a picture.
        """
        if not self.names:
            return {}
        scores = neighbour_scores(*self._compared())
        scores["spread"] = scores.pop("feature_deviation") * self.gallery.features.shape[1] ** 0.5
        if self.losses:
            total = sum(count for _, count in self.losses)
            scores["loss"] = sum(loss * count for loss, count in self.losses) / total
        return scores

    def per_picture(self) -> list[dict[str, float]]:
        """Return ``correct`` (0 or 1) of each picture, in order of :attr:`names`."""
        if not self.names:
            return []
        bank, bank_labels, features, labels = self._compared()
        right = classify_by_neighbours(bank, bank_labels, features) == labels
        return [{"correct": float(each)} for each in right]

    def reference(self) -> dict[str, float]:
        """Return nothing: what a person reaches on these pictures is not known."""
        return {}


def _frame(pixels: Pixels, colour: tuple[int, int, int] = (250, 250, 250)) -> Pixels:
    """Return a picture as a square tile with a coloured edge."""
    tile = np.empty((TILE + 2 * EDGE, TILE + 2 * EDGE, 3), np.uint8)
    tile[:] = colour
    tile[EDGE:-EDGE, EDGE:-EDGE] = Framing(TILE).frame(np.ascontiguousarray(pixels))
    return tile
