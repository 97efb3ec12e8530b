"""The training pictures that a classifier sees as most like a given one, where its data set is on this machine.

No checkpoint holds pictures: they are opened from the data set, and what the network sees in them is kept in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.array_cache import cache_folder, kept_array
from core.data.torch_datasets.classification import load_pixels
from core.data.transforms.arrays import Pixels, shrink_to
from core.engine.shared_weights import digest_of
from core.errors import UserError
from core.inference.predictors.classification import ClassificationPredictor
from core.models.classifier import ClassificationNetwork
from core.paths import data_folder

SHOWN = 6
MOST = 1200
"""Of more training pictures so many are looked through, of each class its part."""
BATCH = 16
SHOWN_SIDE = 256


@dataclass(frozen=True)
class Similar:
    """A training picture.

    Attributes:
        pixels: ``(h, w, 3)``, at most 256 pixels wide or high.
        label: Its class.
        cosine: Likeness of what the network's last layer sees, −1 to 1.
    """

    pixels: Pixels
    label: str
    cosine: float


def find_similar(predictor: ClassificationPredictor, pixels: Pixels, *, most: int = SHOWN) -> list[Similar]:
    """Return the training pictures that are most like a picture ``(H, W, 3)``, the most similar first.

    Raises:
        UserError: If the data set is not on this machine.
    """
    found = _open_data(predictor)
    items = _spread(found.items("train"))
    own = _features(predictor, [pixels])[0]
    gallery = _gallery(predictor, items, found.fingerprint())
    cosines = gallery @ own
    order = np.argsort(-cosines, kind="stable")[:most]
    return [
        Similar(
            shrink_to(load_pixels(items[place]), SHOWN_SIDE), found.classes[items[place].label], float(cosines[place])
        )
        for place in order
    ]


def _open_data(predictor: ClassificationPredictor) -> Any:
    """Return the data set: where the config says, or by that name among the imported ones."""
    name = predictor.setup.config.data
    for place in (name, str(data_folder() / name)):
        try:
            found: Any = predictor.setup.experiment.open_data(place)
        except (UserError, OSError):
            continue
        if found.classes == predictor.setup.traits.classes:
            return found
    raise UserError(f"The training pictures ({name}) are not on this machine, so no similar ones can be shown.")


def _spread(items: Any) -> list[Any]:
    """Return up to so many items, of each class its part."""
    ordered = sorted(items, key=lambda item: (item.label, item.name))
    places = np.linspace(0, len(ordered) - 1, min(MOST, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def _gallery(predictor: ClassificationPredictor, items: list[Any], fingerprint: str) -> NDArray[np.float32]:
    """Return what the network sees in the items, ``(N, F)`` of length 1; it is computed once and kept."""
    width = predictor.network_of_classes.last_layer.in_features
    key = {
        "similar": digest_of(predictor.network.state_dict()), "data": fingerprint,
        "items": [each.name for each in items],
        "frame": [predictor.setup.config.size, predictor.setup.config.resize],
    }  # fmt: skip

    def compute() -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(items), BATCH):
            yield _features(predictor, [load_pixels(each) for each in items[start : start + BATCH]])

    return kept_array(key, compute, shape=(len(items), width), dtype="float32", folder=cache_folder())


def _features(predictor: ClassificationPredictor, pictures: list[Pixels]) -> NDArray[np.float32]:
    """Return what the network's last layer sees in pictures, ``(N, F)`` of length 1."""
    images = torch.cat([predictor.setup.prepare_picture(each).images for each in pictures])
    compute = predictor.compute_for(images[:1])
    network: ClassificationNetwork = predictor.network_of_classes
    with torch.inference_mode(), compute.autocast():
        features: Tensor = network.features(compute.place(images)).float()
    return np.asarray(torch.nn.functional.normalize(features, dim=1).cpu().numpy(), np.float32)
