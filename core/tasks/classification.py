"""Classification: one class for a whole picture."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core.engine.score import Score
from core.engine.task import Batch, PartLoss, SamplePicture, Task
from core.metrics.classification import ClassificationScores
from core.metrics.principal import principal_components
from core.tasks.labels import render_answer

ACCURACY = Score("accuracy", "Accuracy", "share of the split's pictures whose most probable class is the true one")
ROC_AUC = Score(
    "roc_auc", "ROC AUC", "chance that a picture of the class looked for gets a higher answer than another"
)  # fmt: skip
MACRO_F1 = Score("macro_f1", "Macro F1", "mean F1 of the classes that occur among the labels or the answers")
SCORES = MappingProxyType({each.key: each for each in (ACCURACY, ROC_AUC, MACRO_F1)})
AUXILIARY_WEIGHT = 0.3
"""Of GoogLeNet's two auxiliary classifiers in the training loss (Szegedy et al., 2014, arXiv 1409.4842)."""
SAMPLES = 8
LARGER = 9 / 7
"""Of the enlarged views: 288 pixels for 224."""
MOST_ANSWERS = 4 << 20
"""Bytes of probabilities of a split above which they are not kept for every epoch."""


class _AfterFeatures(nn.Module):
    """What is trained of a network, on what its frozen part made of pictures."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.network(features, precomputed=True)
        return logits


class ClassificationTask(Task):
    """Learns classes by cross-entropy, from pictures or from what a frozen part of the network made of them."""

    def __init__(
        self,
        network: nn.Module,
        classes: Sequence[str],
        *,
        monitor: Score = ACCURACY,
        positive: int | None = None,
        label_smoothing: float = 0.0,
        views: str = "one",
    ) -> None:
        """Join a network and its classes.

        Args:
            network: A :class:`core.models.classifier.ClassificationNetwork`.
            classes: Names, in the order of the logits.
            monitor: The score that decides which epoch is kept.
            positive: The class that is looked for, where there is one.
            label_smoothing: Share of the target that is spread evenly over all classes, 0 to 1; training only.
            views: What the logits of an answer are the mean of: ``one`` picture, it and its ``mirror`` image, or
                ``mirror-and-larger``, both of them and both enlarged, where the network takes other sizes.
        """
        self.network = network
        self.classes = tuple(classes)
        self.monitor = monitor
        self.positive = positive
        self.label_smoothing = label_smoothing
        self.views = views
        self.temperature = 1.0
        """What the logits of answers are divided by; found on held-back pictures once a network is trained."""
        self._seen: tuple[NDArray[np.float32], NDArray[np.float16]] | None = None

    def parts(self) -> dict[str, nn.Module]:
        """Return the one network."""
        return {"network": self.network}

    def adopt(self, parts: Mapping[str, nn.Module]) -> None:
        """Use this network from now on."""
        self.network = parts["network"]

    def example(self, batch: Batch) -> tuple[nn.Module, Tensor] | None:
        """Return the network and its pictures, or what of it works on stored maps of features.

        A linear layer on stored vectors is too small for the number format to matter.
        """
        features = batch.get("features")
        if features is None:
            return super().example(batch)
        return (_AfterFeatures(self.network), features) if features.ndim == len("NCHW") else None

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        """Yield the cross-entropy of a batch of ``labels`` and ``images`` or ``features``.

        Auxiliary classifiers, where the network has them and trains them, add 0.3 of their own.
        """
        logits, labels = self._logits(batch), batch["labels"]
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        for auxiliary in getattr(self.network, "auxiliary", ()):
            loss = loss + AUXILIARY_WEIGHT * F.cross_entropy(auxiliary.float(), labels)
        yield PartLoss(loss, values={"accuracy": float((logits.argmax(dim=1) == labels).float().mean())})

    def _logits(self, batch: Batch) -> Tensor:
        if "features" in batch:
            logits: Tensor = self.network(batch["features"], precomputed=True)
        else:
            logits = self.network(batch["images"])
        return logits.float()

    def new_scores(self) -> ClassificationScores:
        """Return an empty accumulator."""
        return ClassificationScores(self.classes, positive=self.positive)

    def answers(self, scores: ClassificationScores) -> Mapping[str, NDArray[Any]]:
        """Return ``names`` and ``labels`` ``(N,)`` and ``probs`` ``(N, classes)``; nothing where they are too many.

        Beside them ``components`` ``(N, up to 50)``, the features' principal components, in deviations of the first.
        """
        probs, features = scores.probs, scores.features
        if probs.nbytes > MOST_ANSWERS:
            return {}
        found = {"names": np.array(scores.names), "labels": scores.labels, "probs": probs}
        if features is not None and np.isfinite(features).all():
            if self._seen is None or not np.array_equal(self._seen[0], features):
                self._seen = features, principal_components(features)  # those of a frozen network never change
            found["components"] = self._seen[1]
        return found

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(N, classes)`` of pictures ``(N, C, H, W)``."""
        return self._answer(self.network(images).float(), {"images": images})

    def _answer(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the probabilities of pictures whose logits are known, with those of their other views."""
        others = self._other_views(batch["images"]) if "images" in batch else ()
        seen = [logits, *(self.network(each).float() for each in others)]
        return (torch.stack(seen).mean(dim=0) / self.temperature).softmax(dim=1)

    def _other_views(self, images: Tensor) -> Iterator[Tensor]:
        if self.views == "one":
            return
        yield images.flip(-1)
        if self.views == "mirror-and-larger" and not getattr(self.network, "only_size", None):
            larger = F.interpolate(images, scale_factor=LARGER, mode="bicubic", align_corners=False)
            yield from (larger, larger.flip(-1))

    def evaluate(self, batch: Batch, scores: ClassificationScores) -> NDArray[np.float32]:
        """Return the probabilities ``(N, classes)`` of a batch, scored against its ``labels``."""
        seen: list[NDArray[np.float32]] = []
        network: Any = getattr(self.network, "module", self.network)  # several processes wrap it
        last: nn.Linear = network.last_layer
        hook = last.register_forward_pre_hook(
            lambda _layer, given: seen.append(given[0].detach().float().cpu().numpy())
        )
        try:
            with torch.inference_mode():
                logits = self._logits(batch)
        finally:
            hook.remove()
        with torch.inference_mode():
            probs: NDArray[np.float32] = self._answer(logits, batch).cpu().numpy()
        scores.update(batch["names"], probs, batch["labels"].cpu().numpy(), seen[0])
        return probs

    def draw(self, batch: Batch, prediction: NDArray[np.float32]) -> Iterable[SamplePicture]:
        """Show pictures with their true class and the answer below; nothing if the batch holds no pictures."""
        if "pixels" not in batch:
            return
        for place, name in enumerate(batch["names"][:SAMPLES]):
            label = int(batch["labels"][place])
            yield SamplePicture(
                str(name), render_answer(batch["pixels"][place], self.classes, prediction[place], label)
            )
