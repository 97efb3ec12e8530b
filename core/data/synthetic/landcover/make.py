"""Synthetic satellite tiles with known land cover, in the layout of the real set: lets the bench run without it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from core.data.layouts.landcover import UNKNOWN, Labels, render_labels
from core.data.new_folder import fill_new_folder
from core.data.synthetic.landcover.fields import render_octaves
from core.data.synthetic.landcover.ground import choose_climate, render_ground
from core.data.synthetic.landcover.land import SCENES, Scene, lay_out_land
from core.data.transforms.arrays import FloatImage, Mask, Pixels
from core.errors import UserError

SIDES = (64, 2048)
"""The smallest and the largest tile."""
_AIR = (0.66, 0.71, 0.78)
_VALIDATION_EVERY = 5
_CLOUDY_EVERY = 7


@dataclass(frozen=True)
class Tile:
    """A picture from above and what covers the ground.

    Attributes:
        image: ``(side, side, 3)`` RGB, 0 to 255; a pixel is about 2.4 m.
        labels: ``(side, side)`` class numbers, and ``UNKNOWN`` under clouds.
    """

    image: Pixels
    labels: Labels


def draw_tile(rng: np.random.Generator, *, scene: Scene, cloudy: bool = False, side: int = 512) -> Tile:
    """Draw a tile in a season, a light and a haze of its own.

    Colour alone does not tell the covers apart: crops, grass and leaves share their greens and yellows, bare fields,
    sand and roofs their browns and greys. What tells them is texture: furrows, crowns, shrubs, streets, gullies.

    Args:
        rng: The only source of chance: the same state gives the same tile.
        scene: The kind of country.
        cloudy: Whether clouds hide a part, which is then labelled unknown.
        side: Rows and columns.
    """
    land = lay_out_land(rng, side, scene)
    climate = choose_climate(rng, scene.season)
    ground = render_ground(rng, land, climate)
    _lay_roads(rng, ground)
    labels = land.labels.astype(np.int64)
    if cloudy:
        labels[_cover_with_clouds(rng, ground, climate.sun)] = UNKNOWN
    return Tile(_photograph(rng, ground), labels)


def write_landcover(folder: Path, *, n: int = 40, seed: int = 0, side: int = 512) -> None:
    """Write `n` tiles as ``NNNN_sat.jpg`` and ``NNNN_mask.png``, every fifth from 0001 under ``validation/``.

    Tile k depends on `seed`, `side` and k alone: on its number depend the kind of country, the clouds (one tile in
    seven) and the split. The data set appears under `folder` only when it is complete.

    Raises:
        UserError: When n < 2, the side is not 64 to 2048, or the folder already holds something.
    """
    if n < 2:
        raise UserError(
            f"A synthetic land cover set needs at least 2 tiles, one to validate and one to train, not {n}."
        )
    if not SIDES[0] <= side <= SIDES[1]:
        raise UserError(f"A tile of {side} pixels a side cannot be drawn; choose {SIDES[0]} to {SIDES[1]}.")
    with fill_new_folder(folder) as unfinished:
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            scene, cloudy = SCENES[index % len(SCENES)], index % _CLOUDY_EVERY == 1
            tile = draw_tile(np.random.default_rng(sequence), scene=scene, cloudy=cloudy, side=side)
            part = "validation" if index % _VALIDATION_EVERY == 1 else "train"
            _write_tile(unfinished / part, tile, number=index)


def _write_tile(folder: Path, tile: Tile, *, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(tile.image).save(folder / f"{number:04d}_sat.jpg", quality=92)
    Image.fromarray(render_labels(tile.labels)).save(folder / f"{number:04d}_mask.png")


def _lay_roads(rng: np.random.Generator, ground: FloatImage) -> None:
    """Up to two country roads from edge to edge; what lies below keeps its label."""
    side = len(ground)
    roads = np.zeros((side, side), np.uint8)
    for _ in range(int(rng.integers(0, 3 if side >= 256 else 2))):
        ends = rng.uniform(-0.1, 1.1, (2, 2))
        ends[:, int(rng.integers(0, 2))] = (-0.05, 1.05)
        way = np.linspace(0, 1, 40)[:, None]
        bends = 0.02 * np.sin(2 * np.pi * (way * rng.uniform(0.5, 2.0, 2) + rng.random(2)))
        points = np.rint(16 * side * (ends[0] + way * (ends[1] - ends[0]) + bends)).astype(np.int32)
        cv2.polylines(roads, [points], False, 255, int(rng.integers(2, 5)), cv2.LINE_AA, shift=4)
    surface = np.float32(rng.uniform(0.38, 0.72)) * np.array((1.0, 0.97, 0.91), np.float32)
    ground += (roads.astype(np.float32) / np.float32(255))[..., None] * (surface - ground)


def _cover_with_clouds(rng: np.random.Generator, ground: FloatImage, sun: tuple[float, float]) -> Mask:
    """Hide a part below clouds that cast shadows; return where they are too thick to see through."""
    side = len(ground)
    puffs = render_octaves(rng, side, 0.3 * side, octaves=6)
    puffs -= np.float32(np.quantile(puffs, 1 - rng.uniform(0.06, 0.2)))
    opacity = (np.float32(1.6) * puffs + np.float32(0.12)).clip(0, 1)
    shift = np.array([[1, 0, -0.06 * side * sun[0]], [0, 1, -0.06 * side * sun[1]]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(opacity, shift, (side, side)), (0, 0), 2.0)
    ground *= (1 - np.float32(0.55) * shadow)[..., None]
    ground += opacity[..., None] * (np.float32(0.95) - ground)
    thick: Mask = opacity > 0.4
    return thick


def _photograph(rng: np.random.Generator, ground: FloatImage) -> Pixels:
    """Blur by the optics, develop, add haze and the sensor's noise: ``(side, side, 3)``, 8-bit."""
    sharpness, contrast = float(rng.uniform(0.55, 0.85)), np.float32(rng.uniform(0.9, 1.25))
    gains = np.float32(rng.uniform(0.85, 1.2) * rng.normal(1.0, 0.035, 3))
    haze, grain = np.float32(rng.uniform(0.0, 0.22)), np.float32(rng.uniform(0.006, 0.016))
    picture = gains * cv2.GaussianBlur(ground, (0, 0), sharpness).clip(0, 1) ** contrast
    picture += haze * (np.array(_AIR, np.float32) - picture)
    picture += grain * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.rint(picture.clip(0, 1) * 255), np.uint8)
