"""Breeds of imaginary cats and dogs, and their coats: colours, patterns and the run of the hair."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.data.synthetic.pets.bodies import Animal, Build
from core.data.synthetic.pets.shapes import Draw, Pose, Relief, Tube, find_box
from core.data.synthetic.pets.textures import Colour, build_hair, comb, render_noise
from core.data.transforms.arrays import FloatImage

_BLACK, _GREY, _WHITE = (0.11, 0.10, 0.10), (0.45, 0.45, 0.47), (0.88, 0.86, 0.83)
_CREAM, _FAWN, _GOLD = (0.86, 0.78, 0.66), (0.72, 0.57, 0.40), (0.76, 0.55, 0.30)
_GINGER, _RUST, _BROWN, _DARK = (0.78, 0.47, 0.22), (0.55, 0.29, 0.13), (0.40, 0.27, 0.18), (0.20, 0.15, 0.12)


@dataclass(frozen=True)
class Breed:
    """What the animals of one breed share.

    Attributes:
        name: As in the file names of Oxford-IIIT Pet: cats begin with a capital letter.
        build: Proportions.
        pattern: ``plain``, ``tabby``, ``points``, ``patches``, ``spots``, ``saddle`` or ``bib``.
        grounds: Colours of which one covers the animal.
        marks: Colours of which one makes the pattern.
        hair: Length of the hair: 0.5 smooth to 2 shaggy.
    """

    name: str
    build: Build
    pattern: str
    grounds: tuple[Colour, ...]
    marks: tuple[Colour, ...]
    hair: float


BREEDS = (
    Breed("beagle", Build(False, 0.95, 1.0, "floppy", 0.45, "long"), "saddle", (_GOLD, _RUST), (_BLACK, _DARK), 0.6),
    Breed("Bengal", Build(True, 1.0, 0.95, "pointed", 0.15, "long"), "spots", (_FAWN, _GOLD), (_DARK, _BROWN), 0.6),
    Breed("Calico", Build(True, 0.95, 1.05, "pointed", 0.12, "long"),
          "patches", (_WHITE, _CREAM), (_GINGER, _BLACK), 1.0),
    Breed("dalmatian", Build(False, 1.3, 0.95, "floppy", 0.5, "long"), "spots", (_WHITE,), (_BLACK, _DARK), 0.5),
    Breed("Ginger", Build(True, 1.0, 1.05, "pointed", 0.12, "long"), "tabby", (_GINGER, _GOLD), (_RUST,), 1.0),
    Breed("Persian", Build(True, 0.75, 1.2, "folded", 0.03, "bushy"), "plain", (_WHITE, _GREY, _CREAM), (_GREY,), 2.0),
    Breed("pug", Build(False, 0.75, 1.15, "folded", 0.08, "curled"), "points", (_FAWN, _CREAM), (_BLACK,), 0.5),
    Breed("retriever", Build(False, 1.2, 1.05, "floppy", 0.45, "bushy"),
          "plain", (_GOLD, _CREAM, _BLACK, _BROWN), (_CREAM,), 1.4),
    Breed("shepherd", Build(False, 1.25, 1.0, "tall", 0.55, "bushy"), "saddle", (_FAWN, _GOLD), (_BLACK, _DARK), 1.3),
    Breed("Siamese", Build(True, 1.1, 0.85, "tall", 0.2, "long"), "points", (_CREAM, _WHITE), (_DARK, _BROWN), 0.6),
    Breed("spaniel", Build(False, 0.95, 1.05, "floppy", 0.4, "short"),
          "patches", (_WHITE,), (_RUST, _BROWN, _BLACK), 1.5),
    Breed("Tabby", Build(True, 1.0, 1.0, "pointed", 0.14, "long"), "tabby", (_GREY, _FAWN), (_DARK, _BLACK), 1.0),
    Breed("terrier", Build(False, 0.9, 1.0, "pointed", 0.35, "short"), "bib", (_GREY, _FAWN, _BLACK), (_GREY,), 1.7),
    Breed("Tuxedo", Build(True, 1.0, 1.0, "pointed", 0.13, "long"), "bib", (_BLACK, _DARK), (_BLACK,), 0.9),
)  # fmt: skip
"""In the order of their class numbers, which count from 1: by name, as in Oxford-IIIT Pet."""


@dataclass(frozen=True)
class Coat:
    """The coat of one animal: its ground, the colour of its marks, white, and how much white there is, 0 to 1."""

    breed: Breed
    ground: Colour
    mark: Colour
    white: Colour
    pied: float


def choose_coat(rng: Draw, breed: Breed) -> Coat:
    """Draw an animal's colours, each a little off its breed's."""
    ground, mark, white = (
        _vary(rng, each[int(rng.integers(len(each)))]) for each in (breed.grounds, breed.marks, (_WHITE,))
    )
    pied = {"bib": float(rng.uniform(0.5, 1.0)), "saddle": float(rng.uniform(0.1, 0.6))}
    return Coat(breed, ground, mark, white, pied.get(breed.pattern, float(rng.uniform(0, 0.5))))


def _vary(rng: Draw, colour: Colour) -> Colour:
    light = float(rng.uniform(0.82, 1.12))
    red, green, blue = (light * channel * float(rng.normal(1, 0.02)) for channel in colour)
    return red, green, blue


def vary_build(rng: Draw, build: Build) -> Build:
    """Draw an animal's proportions, a little off its breed's."""
    legs, girth = (float(value * rng.normal(1, 0.07)) for value in (build.legs, build.girth))
    return Build(build.cat, legs, girth, build.ears, build.muzzle * float(rng.uniform(0.85, 1.15)), build.tail)


def render_coat(rng: Draw, coat: Coat, animal: Animal, relief: Relief, pose: Pose) -> FloatImage:
    """Colour every tube, ``(H, W, 3)``, about 0 to 1, without light; what no tube covers has the ground's colour."""
    blobs = [render_noise(rng, pose.size, grain * pose.scale) for grain in (0.55, 0.3, 0.13)]
    hair = build_hair(rng, coat.breed.hair)
    shade = np.ones(pose.size, np.float32)
    mark, white = np.zeros(pose.size, np.float32), np.zeros(pose.size, np.float32)
    for number, tube in enumerate(animal.tubes):
        box = find_box(tube, pose)
        seen = relief.owner[box] == number
        if not seen.any():
            continue
        along, across = _measure(tube, pose, box)
        marked, pale = _PATTERNS[coat.breed.pattern](_Skin(tube.zone, along, across, [blob[box] for blob in blobs]))
        mark[box][seen] = np.broadcast_to(marked, seen.shape)[seen]
        white[box][seen] = np.broadcast_to(pale, seen.shape)[seen]
        shade[box][seen] = _comb(rng, hair, tube, pose, box)[seen]
    shade *= 1 + np.float32(0.05) * blobs[1]
    colour = np.broadcast_to(np.array(coat.ground, np.float32), (*pose.size, 3))
    for weight, paint in ((mark, coat.mark), (np.float32(coat.pied) * white, coat.white)):
        soft = cv2.GaussianBlur(np.clip(weight, 0, 1), (0, 0), 1.2)[..., None]
        colour = colour + soft * (np.array(paint, np.float32) - colour)
    return np.asarray(colour * shade[..., None], np.float32)


def _comb(rng: Draw, hair: FloatImage, tube: Tube, pose: Pose, box: tuple[slice, slice]) -> FloatImage:
    """How bright the hair of a tube is, its strands along the tube."""
    start, end = pose.to_pixels(tube.points[[0, -1]])
    angle = float(np.arctan2(end[1] - start[1], end[0] - start[0])) + float(rng.normal(0, 0.15))
    return 1 + comb(rng, hair, angle, (box[0].stop - box[0].start, box[1].stop - box[1].start))


def _measure(tube: Tube, pose: Pose, box: tuple[slice, slice]) -> tuple[FloatImage, FloatImage]:
    """Place along the tube, in units from its start, and across it, in radii, for every pixel of the box."""
    start, end = pose.to_pixels(tube.points[[0, -1]])
    axis = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
    x = (np.arange(box[1].start, box[1].stop, dtype=np.float32) - np.float32(start[0]))[None, :]
    y = (np.arange(box[0].start, box[0].stop, dtype=np.float32) - np.float32(start[1]))[:, None]
    along_x, along_y = axis.astype(np.float32) / np.float32(pose.scale)
    widest = np.float32(tube.radii.max())
    return np.asarray(x * along_x + y * along_y), np.asarray((y * along_x - x * along_y) / widest)


@dataclass(frozen=True)
class _Skin:
    """A box of the picture around one tube: which part of the animal, where along and across it, smooth noises."""

    zone: str
    along: FloatImage
    across: FloatImage
    noises: list[FloatImage]


def _rise(value: FloatImage, width: float = 0.2) -> FloatImage:
    return np.asarray(np.clip(value / np.float32(width) + np.float32(0.5), 0, 1), np.float32)


Weights = tuple[FloatImage | float, FloatImage | float]
"""How strongly the mark's colour and white cover the ground."""


def _plain(skin: _Skin) -> Weights:
    return 0.25 + 0.2 * skin.noises[0], {"muzzle": 0.5, "paw": 0.4, "neck": 0.3}.get(skin.zone, 0.0)


def _tabby(skin: _Skin) -> Weights:
    pale = {"muzzle": 1.0, "paw": 0.8, "neck": 0.5}.get(skin.zone, 0.0)
    if skin.zone in {"muzzle", "paw", "ear"}:
        return 0.1 * skin.noises[1], pale
    place, period = (skin.across, 0.42) if skin.zone == "head" else (skin.along, 0.24)
    wave = np.sin(2 * np.pi * (place / period + 0.3 * skin.noises[1] + 0.12 * skin.noises[0]))
    return np.float32(0.8) * _rise(wave - np.float32(0.1) + 0.5 * skin.noises[2], 1.2), pale


def _points(skin: _Skin) -> Weights:
    fixed = {"ear": 0.95, "muzzle": 0.95, "paw": 0.85, "tail": 0.85, "body": 0.06, "neck": 0.03}
    if skin.zone == "leg":
        return _rise(skin.along - 0.5 + 0.1 * skin.noises[1], 0.7), 0.0
    if skin.zone == "head":
        return 0.35 + 0.3 * skin.noises[1], 0.0
    return fixed[skin.zone] + 0.08 * skin.noises[0], 0.0


def _patches(skin: _Skin) -> Weights:
    bias = {"ear": 1.2, "head": 0.25, "muzzle": -1.0, "paw": -1.0, "leg": -0.5}.get(skin.zone, 0.0)
    return _rise(skin.noises[0] + 0.3 * skin.noises[2] + np.float32(bias)), {"muzzle": 1.0}.get(skin.zone, 0.0)


def _spots(skin: _Skin) -> Weights:
    if skin.zone == "ear":
        return 0.75 + 0.3 * skin.noises[1], 0.0
    bar = {"muzzle": 1.3, "paw": 0.9, "head": 0.8}.get(skin.zone, 0.55)
    return _rise(skin.noises[2] + 0.25 * skin.noises[0] - np.float32(bar), 0.3), {"muzzle": 0.8}.get(skin.zone, 0.0)


def _saddle(skin: _Skin) -> Weights:
    if skin.zone == "body":
        return _rise(-skin.across - 0.05 + 0.3 * skin.noises[1], 0.5), _rise(
            skin.across - 0.6 + 0.2 * skin.noises[1], 0.3
        )
    fixed = {"ear": 0.5, "muzzle": 0.45, "tail": 0.7, "neck": 0.3, "head": 0.12}
    pale = {"paw": 1.0, "muzzle": 0.3, "neck": 0.4}.get(skin.zone, 0.0)
    return fixed.get(skin.zone, 0.0) + 0.15 * skin.noises[1], pale


def _bib(skin: _Skin) -> Weights:
    if skin.zone == "leg":
        return 0.0, _rise(skin.along - 0.6 + 0.2 * skin.noises[1], 0.25)
    if skin.zone in {"body", "neck"}:
        return 0.0, _rise(
            0.45 * skin.noises[0] + 0.3 * skin.noises[1] - np.float32(0.25 if skin.zone == "body" else -0.1)
        )
    return 0.0, {"paw": 1.0, "muzzle": 1.0}.get(skin.zone, 0.0)


_PATTERNS = {
    "plain": _plain, "tabby": _tabby, "points": _points, "patches": _patches, "spots": _spots, "saddle": _saddle,
    "bib": _bib,
}  # fmt: skip
