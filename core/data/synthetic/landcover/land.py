"""Lay out a synthetic landscape seen from above: parcels, woods, rivers, lakes and the sea, and what covers each."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.synthetic.landcover.fields import Numbers, render_noise, render_octaves
from core.data.transforms.arrays import FloatImage, Mask

URBAN, AGRICULTURE, RANGELAND, FOREST, WATER, BARREN = range(6)
_ON_PARCELS = (URBAN, AGRICULTURE)
"""Covers that end where a parcel ends; the others have ragged edges."""


@dataclass(frozen=True)
class Scene:
    """A kind of country.

    Attributes:
        name: Its name.
        favour: How readily urban, agriculture, rangeland, forest, water and barren occur; one step is one deviation of
            the noise that decides. Water counts for the ponds among the parcels.
        river: Chance of a river.
        lake: Chance of a lake.
        sea: Whether it lies on the sea.
        relief: How hilly, 0 to 1.
        season: Range of dryness, 0 lush to 1 parched.
    """

    name: str
    favour: tuple[float, float, float, float, float, float]
    river: float = 0.0
    lake: float = 0.0
    sea: bool = False
    relief: float = 0.1
    season: tuple[float, float] = (0.0, 0.9)


SCENES = (
    Scene("farmland", (-0.6, 1.5, -0.5, 0.2, -3.0, -1.2), river=0.3, lake=0.15),
    Scene("hills", (-1.6, -0.7, 0.9, 1.1, -9.0, -0.4), river=0.3, lake=0.3, relief=1.0),
    Scene("town", (1.5, 0.2, -0.1, -0.3, -3.0, -0.3), river=0.5, lake=0.1),
    Scene("drylands", (-1.0, -0.3, 0.8, -1.2, -9.0, 1.1), river=0.3, relief=0.8, season=(0.5, 1.0)),
    Scene("village", (0.6, 1.0, 0.0, 0.2, -1.5, -0.6), lake=0.3),
    Scene("coast", (0.4, 0.1, 0.5, 0.4, -9.0, 0.5), sea=True, relief=0.4),
    Scene("steppe", (-0.9, 0.5, 1.3, -0.2, -9.0, 0.0), river=0.2, lake=0.2, relief=0.4, season=(0.2, 1.0)),
    Scene("valley", (-0.2, 0.9, 0.2, 0.6, -0.6, -0.6), river=1.0, relief=0.3, season=(0.0, 0.7)),
)


@dataclass(frozen=True)
class Land:
    """A landscape without its colours, every field ``(side, side)``.

    Attributes:
        labels: Cover of each pixel, 0 to 5.
        parcels: Number of the parcel of each pixel.
        along: Pixels along the parcels' long side.
        across: Pixels across it.
        height: Relief, in pixels.
    """

    labels: NDArray[np.uint8]
    parcels: Numbers
    along: FloatImage
    across: FloatImage
    height: FloatImage

    @property
    def side(self) -> int:
        """Return rows, which are as many as columns."""
        return len(self.labels)


def lay_out_land(rng: np.random.Generator, side: int, scene: Scene) -> Land:
    """Lay out a landscape of `side` by `side` pixels of about 2.4 m.

    Patches grow with the tile, so that a small one shows several covers too; parcels grow more slowly.
    """
    along, across, parcels = _lay_parcels(rng, side)
    labels = _choose_covers(rng, scene, parcels)
    height = render_octaves(rng, side, 0.45 * side, octaves=5, gain=0.48)
    height *= np.float32(0.05 * side * scene.relief)
    if rng.random() < scene.lake:
        labels[_find_lake(rng, side)] = WATER
    if rng.random() < scene.river:
        _lay_river(rng, labels)
    if scene.sea:
        _lay_sea(rng, labels)
    return Land(labels, parcels, along, across, height)


def _lay_parcels(rng: np.random.Generator, side: int) -> tuple[FloatImage, FloatImage, Numbers]:
    """Divide a tile into one to four districts, each with parcels in a direction of its own."""
    bent = [np.float32(0.012 * side) * render_octaves(rng, side, 0.3 * side, octaves=3) for _ in range(2)]
    x = np.arange(side, dtype=np.float32)[None, :] + bent[0]
    y = np.arange(side, dtype=np.float32)[:, None] + bent[1]
    nearest, along, across = (np.full((side, side), start, np.float32) for start in (np.inf, 0, 0))
    parcels = np.zeros((side, side), np.int32)
    for district in range(int(rng.integers(1, 5))):
        place = rng.uniform(0, side, 2).astype(np.float32)
        distance = np.hypot(x + 3 * bent[1] - place[0], y - 3 * bent[0] - place[1])
        inside = distance < nearest
        angle = float(rng.uniform(0, np.pi))
        u = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)))[inside]
        v = (y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle)))[inside]
        nearest[inside], along[inside], across[inside] = distance[inside], u, v
        parcels[inside] = _number_bricks(rng, u, v, side) + (district << 16)
    used = np.bincount(parcels.ravel()) > 0
    return along, across, (np.cumsum(used, dtype=np.int32) - 1)[parcels]


def _number_bricks(rng: np.random.Generator, u: FloatImage, v: FloatImage, side: int) -> Numbers:
    """Number the bricks of a wall whose courses differ in height, and whose bricks differ in length."""
    width = np.sqrt(512 * side) * float(rng.choice((0.05, 0.07, 0.1, 0.16))) * float(rng.uniform(0.8, 1.2))
    length = width * float(rng.uniform(1.2, 3.2))
    reach = 3 * side
    courses = np.searchsorted(_cut(rng, reach, width), np.arange(reach)).astype(np.int32)
    bricks = np.stack(
        [np.searchsorted(_cut(rng, reach, length), np.arange(reach)) for _ in range(int(courses[-1]) + 1)]
    ).astype(np.int32)
    course = courses[(v + side).astype(np.intp).clip(0, reach - 1)]
    numbers: Numbers = course * 256 + bricks[course, (u + side).astype(np.intp).clip(0, reach - 1)]
    return numbers


def _cut(rng: np.random.Generator, reach: int, step: float) -> NDArray[np.float64]:
    return np.cumsum(step * rng.uniform(0.5, 1.5, int(2.5 * reach / step)))


def _choose_covers(rng: np.random.Generator, scene: Scene, parcels: Numbers) -> NDArray[np.uint8]:
    """Give each pixel the cover that is strongest there; towns, fields and ponds are decided parcel by parcel."""
    side = parcels.shape[0]
    sizes = np.bincount(parcels.ravel())
    strengths = []
    for cover, favour in enumerate(scene.favour):
        field = np.float32(favour) + render_octaves(rng, side, float(rng.uniform(0.28, 0.45)) * side, octaves=5)
        if cover in (*_ON_PARCELS, WATER):
            mean = np.bincount(parcels.ravel(), weights=field.ravel()) / sizes
            field = mean.astype(np.float32)[parcels]
        strengths.append(field)
    # Woodlots: now and then a whole parcel is planted with trees.
    woodlots = rng.random(sizes.size) < 0.04
    strengths[FOREST] += np.float32(2.0) * woodlots[parcels]
    covers = np.argmax(np.stack(strengths), axis=0).astype(np.uint8)
    return np.asarray(cv2.medianBlur(covers, 5), np.uint8)  # without the specks that nobody would draw


def _find_lake(rng: np.random.Generator, side: int) -> Mask:
    """A smooth basin that takes 3 to 16 hundredths of the tile."""
    basin = render_octaves(rng, side, 0.5 * side, octaves=4, gain=0.35)
    lake: Mask = basin > np.quantile(basin, 1 - rng.uniform(0.03, 0.16))
    return lake


def _lay_river(rng: np.random.Generator, labels: NDArray[np.uint8]) -> None:
    """A meandering river with bars of sand here and there, from one edge to another."""
    side = labels.shape[0]
    steps = np.linspace(-0.75, 0.75, 240)
    swing = np.zeros_like(steps)
    for waves, size in ((1.0, 0.1), (2.3, 0.06), (5.1, 0.025), (11.0, 0.008)):
        swing += size * rng.uniform(0.4, 1.4) * np.sin(2 * np.pi * (waves * steps + rng.random()))
    swing += rng.uniform(-0.25, 0.25)
    angle = rng.uniform(0, 2 * np.pi)
    x = side * (0.5 + steps * np.cos(angle) - swing * np.sin(angle))
    y = side * (0.5 + steps * np.sin(angle) + swing * np.cos(angle))
    wide = side * float(rng.choice((0.016, 0.03, 0.055))) * (1 + 0.3 * np.sin(9 * steps + rng.random() * 6))
    channel = np.ones((side, side), np.uint8)
    points = np.rint(np.stack([x, y], 1)).astype(int).tolist()
    for start, end, width in zip(points[:-1], points[1:], wide.tolist(), strict=False):
        cv2.line(channel, start, end, 0, max(2, round(width)))
    distance = cv2.distanceTransform(channel, cv2.DIST_L2, cv2.DIST_MASK_5)
    bars = render_octaves(rng, side, 0.1 * side) - np.float32(rng.uniform(0.2, 1.4))
    labels[distance < 0.03 * side * bars] = BARREN
    labels[distance <= (np.float32(0.003 * side) * render_octaves(rng, side, 0.05 * side)).clip(0)] = WATER


def _lay_sea(rng: np.random.Generator, labels: NDArray[np.uint8]) -> None:
    """The sea takes a third of the tile; a beach of changing width lies along it."""
    side = labels.shape[0]
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.arange(side)[None, :] / side - 0.5, np.arange(side)[:, None] / side - 0.5
    depth = (x * np.cos(angle) + y * np.sin(angle)).astype(np.float32)
    depth += np.float32(0.1) * render_octaves(rng, side, 0.5 * side, octaves=6, gain=0.42)
    shore = np.quantile(depth, 1 - rng.uniform(0.2, 0.45))
    beach = np.float32(0.012) * (np.float32(1.2) + render_noise(rng, side, 0.2 * side))
    labels[depth > shore - beach.clip(0)] = BARREN
    labels[depth > shore] = WATER
