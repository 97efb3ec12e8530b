"""Synthetic pictures of cats and dogs with their outlines, in the layout of Oxford-IIIT Pet."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.layouts.pets import BACKGROUND, BORDER, LISTS, PET
from core.data.new_folder import fill_new_folder
from core.data.synthetic.pets.bodies import Animal, pose_animal
from core.data.synthetic.pets.coats import BREEDS, Breed, choose_coat, render_coat, vary_build
from core.data.synthetic.pets.faces import paint_ears, paint_face
from core.data.synthetic.pets.scenes import Scene, render_scene
from core.data.synthetic.pets.shapes import Draw, Pose, build_relief, light_relief
from core.data.synthetic.pets.textures import render_noise
from core.data.transforms.arrays import FloatImage, Pixels
from core.errors import UserError

QUALITY = 90
"""Of the JPEG files."""
LONGER = (260, 401)
"""The longer side of a picture, pixels: at least, and one more than at most. The shorter is 0.75 to 1 of it."""

_BORDER = 0.008
"""Half width of the border, as a part of the picture's mean side."""


@dataclass(frozen=True)
class Pet:
    """One picture and its outline.

    Attributes:
        image: ``(H, W, 3)`` RGB, 0 to 255.
        trimap: ``(H, W)``, 1 pet, 2 background, 3 border.
        breed: What it shows.
    """

    image: Pixels
    trimap: NDArray[np.uint8]
    breed: Breed


def draw_pet(rng: Draw) -> Pet:
    """Draw a cat or a dog of some breed, standing, sitting or lying somewhere.

    Ground, wall and things that lie about often have the animal's own colours, and carpets and soft toys its hair, so
    that colour and texture alone do not tell where it is.

    Args:
        rng: The only source of chance: the same state gives the same picture.
    """
    size = _choose_size(rng)
    breed = BREEDS[int(rng.integers(len(BREEDS)))]
    coat = choose_coat(rng, breed)
    animal = pose_animal(rng, vary_build(rng, breed.build))
    scene = render_scene(rng, size, (coat.ground, coat.mark, coat.white))
    pose = _frame(rng, animal, scene)
    relief = build_relief(animal.tubes, pose)
    fur = render_coat(rng, coat, animal, relief, pose)
    paint_ears(rng, animal, fur, pose)
    fur *= light_relief(relief, scene.sun)[..., None]
    paint_face(rng, animal, fur, pose)
    cover = _ruffle(rng, relief.cover, breed.hair)
    picture = _throw_shadow(scene, cover, pose)
    picture += cover[..., None] * (fur - picture)
    return Pet(_photograph(rng, picture), _outline(cover), breed)


def write_pets(folder: Path, *, n: int = 200, seed: int = 0) -> None:
    """Write `n` pictures in the layout of Oxford-IIIT Pet, every second one for testing.

    Picture k is called by its breed and k + 1. It depends on `seed` and k alone, and so does the list that it is in.
    The data set appears under `folder` only when it is complete.

    Raises:
        UserError: When n < 2, or the folder already holds something.
    """
    if n < 2:
        raise UserError(f"A synthetic set of pets needs at least 2 pictures, one to train and one to test, not {n}.")
    with fill_new_folder(folder) as unfinished:
        (unfinished / "images").mkdir()
        (unfinished / "annotations" / "trimaps").mkdir(parents=True)
        lines = []
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            pet = draw_pet(np.random.default_rng(sequence))
            name = f"{pet.breed.name}_{index + 1}"
            _write(unfinished / "images" / f"{name}.jpg", pet.image[..., ::-1])
            _write(unfinished / "annotations" / "trimaps" / f"{name}.png", pet.trimap)
            lines.append(f"{name} {_describe(pet.breed)}\n")
        for file, listed in zip((LISTS["train"], LISTS["test"]), (lines[::2], lines[1::2]), strict=True):
            _write_list(unfinished / "annotations" / file, listed)
        header = "#Image CLASS-ID SPECIES BREED ID\n#SPECIES: 1:Cat 2:Dog\n"
        _write_list(unfinished / "annotations" / "list.txt", [header, *sorted(lines)])


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    encoded = cv2.imencode(path.suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY] * (path.suffix == ".jpg"))[1]
    path.write_bytes(encoded.tobytes())


def _write_list(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(lines), encoding="utf-8")


def _describe(breed: Breed) -> str:
    """Class number, 1 for a cat and 2 for a dog, and the number among cats or among dogs."""
    kin = [each for each in BREEDS if each.build.cat == breed.build.cat]
    return f"{BREEDS.index(breed) + 1} {1 if breed.build.cat else 2} {kin.index(breed) + 1}"


def _choose_size(rng: Draw) -> tuple[int, int]:
    longer = int(rng.integers(*LONGER))
    shorter = round(longer * float(rng.uniform(0.75, 1.0)))
    return (longer, shorter) if rng.random() < 0.4 else (shorter, longer)


def _frame(rng: Draw, animal: Animal, scene: Scene) -> Pose:
    """Choose how large the animal is and where it stands: its feet on the ground, its sides perhaps cut a little."""
    size = scene.picture.shape[:2]
    lean = float(rng.normal(0, 0.08))
    flip = np.diag((-1.0 if rng.random() < 0.5 else 1.0, 1.0))
    turn = flip @ np.array(((np.cos(lean), np.sin(lean)), (-np.sin(lean), np.cos(lean))))
    balls = np.concatenate([tube.smooth for tube in animal.tubes])
    centres = balls[:, :2] @ turn
    low, high = (centres - balls[:, 2:]).min(axis=0), (centres + balls[:, 2:]).max(axis=0)
    if not animal.whole:
        high[1] = float(rng.uniform(-1.15, -0.1))
    fit = np.array((size[1], size[0])) / (high - low)
    scale = float(fit.min() * rng.uniform(0.6, 1.0))
    extent = scale * (high - low)
    left = float(np.clip(rng.normal(0.5, 0.3), -0.1, 1.1)) * (size[1] - extent[0])
    lowest = max(scene.horizon + 0.06 * size[0], 0.96 * extent[1])
    foot = float(rng.uniform(min(lowest, size[0]), 1.03 * size[0])) if animal.whole else size[0]
    place = np.array((left - scale * low[0], foot - scale * high[1]))
    return Pose(scale * turn, place, (size[0], size[1]))


def _ruffle(rng: Draw, cover: FloatImage, hair: float) -> FloatImage:
    """Let hair stand out along the edge."""
    strength = np.float32(0.4 + 0.7 * hair)
    rows, columns = (np.arange(length, dtype=np.float32) for length in cover.shape)
    down, across = (strength * render_noise(rng, (len(rows), len(columns)), 2.2) for _ in range(2))
    moved = cv2.remap(cover, columns + across, rows[:, None] + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _throw_shadow(scene: Scene, cover: FloatImage, pose: Pose) -> FloatImage:
    """Darken the ground under and beside the animal, away from the light; what stands up behind it stays bright."""
    shift = np.array(((1.0, 0.0, -0.25 * scene.sun[0] * pose.scale), (0.0, 1.0, 0.06 * pose.scale)))
    moved = cv2.warpAffine(cover, shift, (cover.shape[1], cover.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    shadow = np.float32(0.5) * cv2.GaussianBlur(moved, (0, 0), 0.08 * pose.scale + 2)
    shadow[: scene.horizon] *= np.float32(0.3)
    return np.asarray(scene.picture * (1 - shadow)[..., None], np.float32)


def _outline(cover: FloatImage) -> NDArray[np.uint8]:
    """Make a trimap: the border runs along the outline, on both sides of it."""
    inside = np.asarray(cv2.medianBlur((cover > 0.5).astype(np.uint8), 3))
    width = 2 * max(1, round(_BORDER * sum(cover.shape) / 2)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    trimap = np.full(cover.shape, BORDER, np.uint8)
    trimap[cv2.dilate(inside, disc) == 0] = BACKGROUND
    trimap[cv2.erode(inside, disc) == 1] = PET
    return trimap


def _photograph(rng: Draw, picture: FloatImage) -> Pixels:
    """Exposure, colour of the light, sharpness and grain."""
    light = rng.uniform(0.8, 1.2) * rng.normal(1, (0.05, 0.01, 0.05))
    exposed = np.clip(picture * light.astype(np.float32), 0, 1) ** np.float32(rng.uniform(0.8, 1.2))
    soft = np.asarray(cv2.GaussianBlur(exposed, (0, 0), float(rng.uniform(0.3, 0.9))), np.float32)
    grain = rng.standard_normal(picture.shape[:2], dtype=np.float32) * np.float32(rng.uniform(1, 5))
    return np.asarray(np.clip(np.rint(np.float32(255) * soft + grain[..., None]), 0, 255), np.uint8)
