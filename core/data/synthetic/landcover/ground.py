"""Paint what covers the ground as a satellite sees it: roofs and streets, furrows, scrub, tree crowns, water, sand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.data.synthetic.landcover.fields import Numbers, render_noise, render_octaves, scatter_crowns, shade
from core.data.synthetic.landcover.land import AGRICULTURE, BARREN, FOREST, RANGELAND, URBAN, WATER, Land
from core.data.transforms.arrays import FloatImage, Mask

Colour = tuple[float, float, float]

_LUSH: Colour = (0.30, 0.39, 0.20)
_STRAW: Colour = (0.60, 0.54, 0.38)
_SOILS: tuple[Colour, ...] = ((0.50, 0.40, 0.30), (0.58, 0.42, 0.31), (0.56, 0.52, 0.44), (0.42, 0.36, 0.28))
_CROPS: tuple[Colour, ...] = (
    (0.20, 0.31, 0.15), (0.31, 0.42, 0.20), (0.44, 0.50, 0.28), (0.37, 0.38, 0.22), (0.62, 0.57, 0.38),
    (0.70, 0.65, 0.50),
)  # fmt: skip
_LEAVES: tuple[Colour, ...] = ((0.19, 0.29, 0.14), (0.28, 0.35, 0.17), (0.36, 0.37, 0.21), (0.21, 0.27, 0.19))
_AUTUMN: Colour = (0.46, 0.38, 0.22)
_SANDS: tuple[Colour, ...] = ((0.76, 0.68, 0.53), (0.58, 0.48, 0.37), (0.59, 0.56, 0.51), (0.63, 0.49, 0.37))
_ROOFS: tuple[Colour, ...] = (
    (0.60, 0.58, 0.55), (0.82, 0.81, 0.78), (0.60, 0.44, 0.36), (0.42, 0.41, 0.40), (0.70, 0.63, 0.53),
)  # fmt: skip
_WATERS: tuple[Colour, ...] = ((0.10, 0.16, 0.20), (0.13, 0.23, 0.21), (0.20, 0.29, 0.32), (0.42, 0.39, 0.29))


@dataclass(frozen=True)
class Climate:
    """What all covers of one tile share.

    Attributes:
        dryness: 0 lush to 1 parched.
        sun: Where the light comes from, in x and y.
        soil: Colour of bare ground.
        sand: Colour of barren land; its range overlaps that of the soil.
    """

    dryness: float
    sun: tuple[float, float]
    soil: Colour
    sand: Colour


def choose_climate(rng: np.random.Generator, season: tuple[float, float]) -> Climate:
    """Draw a season within the range, a soil, a sand and a sun."""
    angle = float(rng.uniform(0, 2 * np.pi))
    soil, sand = _blend_of(rng, _SOILS), _blend_of(rng, _SANDS)
    return Climate(float(rng.uniform(*season)), (float(np.cos(angle)), float(np.sin(angle))), soil, sand)


def render_ground(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Paint a landscape in even light: ``(side, side, 3)`` RGB, about 0 to 1."""
    picture = np.zeros((land.side, land.side, 3), np.float32)
    for cover, render in _COVERS.items():
        here = land.labels == cover
        if here.any():
            picture[here] = render(rng, land, climate)[here]
    _plant_lone_trees(rng, picture, land, climate)
    return picture


def _render_town(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Streets around the parcels and through them, houses and halls in rows, yards and gardens between."""
    side, town = land.side, land.labels == URBAN
    garden = np.asarray(_blend_of(rng, (_LUSH, _STRAW, climate.soil)), np.float32)
    picture = garden * (1 + np.float32(0.11) * render_octaves(rng, side, 9.0, octaves=3))[..., None]
    pitch = float(rng.uniform(7.0, 12.0))
    built = np.float32(rng.uniform(0.35, 1.0)) + np.float32(0.25) * render_noise(rng, side, 60.0)
    along, across, built = land.along[town], land.across[town], built[town]
    ground = picture[town] + np.float32(0.05) * rng.standard_normal((len(along), 1), dtype=np.float32)
    _build_houses(rng, ground, along, across, share=built, pitch=pitch)
    _build_houses(rng, ground, along, across, share=built * np.float32(rng.uniform(0.0, 0.35)), pitch=3.1 * pitch)
    streets = _borders(land.parcels, 3)[town] | _lines(along, 11 * pitch, 1.2)
    streets |= _lines(across, float(rng.integers(3, 6)) * pitch, 1.3)
    ground[streets] = np.float32(rng.uniform(0.36, 0.66)) * np.asarray((1.0, 0.985, 0.95), np.float32)
    picture[town] = ground + np.float32(0.02) * rng.standard_normal((len(along), 1), dtype=np.float32)
    return picture


def _build_houses(
    rng: np.random.Generator,
    ground: FloatImage,
    along: FloatImage,
    across: FloatImage,
    *,
    share: FloatImage,
    pitch: float,
) -> None:
    """Put a box with a shadow into a `share` of the cells of a grid that lies along the parcels.

    Args:
        rng: Chance.
        ground: Colours of the town's pixels, ``(K, 3)``, painted over.
        along: Where the pixels lie along the parcels, ``(K,)``.
        across: Likewise across.
        share: Chance that a cell is built on, ``(K,)``.
        pitch: Width of a cell in pixels.
    """
    lots = 128  # after so many cells the plan repeats
    long, wide = rng.uniform(0.45, 0.85, (2, lots, lots)).astype(np.float32)
    lottery = rng.random((lots, lots), dtype=np.float32)
    roofs = _several(rng, _ROOFS, lots * lots, spread=0.06)

    def occupy(shift: float) -> tuple[Mask, Numbers]:
        u, v = (along + np.float32(shift)) / np.float32(pitch), (across + np.float32(0.7 * shift)) / np.float32(pitch)
        column, row = np.floor(u), np.floor(v)
        i, j = column.astype(np.int32) % lots, row.astype(np.int32) % lots
        inside = (np.abs(u - column - 0.5) < long[i, j] / 2) & (np.abs(v - row - 0.5) < wide[i, j] / 2)
        return inside & (lottery[i, j] < share), i * lots + j

    ground[occupy(0.16 * pitch + 0.6)[0]] *= np.float32(0.5)
    houses, numbers = occupy(0.0)
    ground[houses] = roofs[numbers[houses]]


def _render_fields(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Parcels of one crop each, ploughed in one direction, with tracks or hedges between them."""
    side, count = land.side, int(land.parcels.max()) + 1
    palette = (*_CROPS[: 4 if climate.dryness < 0.3 else 6], climate.soil)
    favourites = [palette[int(i)] for i in rng.integers(0, len(palette), 4)]
    crops = _several(rng, favourites, count, spread=0.04)
    crops += np.float32(0.25 * climate.dryness) * (np.asarray(_STRAW, np.float32) - crops)
    picture = crops[land.parcels]
    growth = np.float32(0.035) * render_octaves(rng, side, 40.0) + np.float32(0.02) * render_noise(rng, side, 2.0)
    picture += (growth + _furrows(rng, land, count))[..., None]
    borders, style = _borders(land.parcels, 2), rng.random()
    if style < 0.4:  # hedges
        picture[borders] *= np.float32(0.62)
    elif style < 0.8:  # tracks
        picture[borders] += np.float32(0.5) * (np.asarray(climate.sand, np.float32) - picture[borders])
    return picture


def _furrows(rng: np.random.Generator, land: Land, count: int) -> FloatImage:
    """Brightness of plough lines: most run along their parcel, some across, all at a distance of their own."""
    spacing = rng.uniform(2.6, 7.0, count).astype(np.float32)
    depth = (rng.uniform(0.01, 0.055, count) * (rng.random(count) < 0.85)).astype(np.float32)
    turned = rng.random(count) < 0.25
    place = np.where(turned[land.parcels], land.along, land.across)
    place += np.float32(0.25) * render_noise(rng, land.side, 60.0)
    lines: FloatImage = depth[land.parcels] * np.sin(np.float32(2 * np.pi) * place / spacing[land.parcels])
    return lines


def _render_scrub(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Grass mottled at every scale, bare patches, shrubs in loose crowds."""
    side = land.side
    dry = np.float32(climate.dryness) + np.float32(0.22) * render_octaves(rng, side, 70.0, octaves=6, gain=0.7)
    grass = _mix(_vary(rng, _LUSH, 0.08), _vary(rng, _STRAW, 0.08), dry)
    bare = (np.float32(1.4) * render_octaves(rng, side, 30.0, octaves=5, gain=0.75) - np.float32(1.3)).clip(0, 0.8)
    picture = grass + bare[..., None] * (np.asarray(climate.soil, np.float32) - grass)
    picture *= 1 + np.float32(0.25) * shade(land.height, climate.sun)[..., None]
    shrubs = scatter_crowns(rng, side, float(rng.uniform(7.0, 11.0)))
    crowd = render_octaves(rng, side, 60.0) + rng.standard_normal(shrubs.count, dtype=np.float32)[shrubs.numbers]
    picture[(shrubs.distance < 1.6) & (crowd > rng.uniform(-0.2, 1.2))] *= np.float32(0.62)
    grain = np.float32(0.02) * rng.standard_normal((side, side, 1), dtype=np.float32)
    return np.asarray(picture + grain, np.float32)


def _render_forest(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Crown beside crown, each lit from the sun's side, in stands of slightly different colour."""
    side = land.side
    trees = scatter_crowns(rng, side, float(rng.uniform(4.0, 7.0)))
    turned = np.full(trees.count, 0.7 * climate.dryness * rng.random(), np.float32)
    leaves = _mix(_blend_of(rng, _LEAVES), _AUTUMN, turned)
    leaves *= rng.normal(1.0, 0.12, (trees.count, 1)).astype(np.float32)
    picture = leaves[trees.numbers]
    reach = np.float32(rng.uniform(2.6, 4.0))
    dome = (1 - (trees.distance / reach) ** 2).clip(-0.6)
    light = np.float32(0.82) + np.float32(0.9) * shade(dome, climate.sun) + np.float32(0.22) * dome
    stand = np.float32(0.1) * render_octaves(rng, side, 60.0)
    hills = np.float32(0.3) * shade(land.height, climate.sun)
    return np.asarray(picture * (light + stand + hills).clip(0.25)[..., None], np.float32)


def _render_water(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Smooth and mostly dark, paler and muddier at the shore, with slow swirls of sediment."""
    side = land.side
    wet = (land.labels == WATER).astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(wet, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
    shallow = np.exp(-depth / np.float32(rng.uniform(3.0, 12.0))) * np.float32(rng.uniform(0.1, 0.5))
    deep = _blend_of(rng, _WATERS)
    mud = shallow + np.float32(0.05) * render_octaves(rng, side, 0.25 * side, octaves=3)
    picture = _mix(deep, climate.soil, mud)
    ripples = np.float32(rng.uniform(0.002, 0.008)) * render_noise(rng, side, 2.0)
    return picture + ripples[..., None]


def _render_sand(rng: np.random.Generator, land: Land, climate: Climate) -> FloatImage:
    """Bare ground: smooth pale plains cut by branching gullies, lit rock where it is steep."""
    side = land.side
    grain = float(rng.uniform(30.0, 80.0))
    ridges = 1 - np.abs(render_octaves(rng, side, grain, octaves=5, gain=0.55))
    slope = shade(np.float32(rng.uniform(2.0, 6.0)) * ridges + land.height, climate.sun)
    tone = np.float32(0.06) * render_octaves(rng, side, 90.0)
    light = 1 + np.float32(0.4) * slope.clip(-1, 1) + tone
    picture = np.asarray(climate.sand, np.float32) * light[..., None]
    return np.asarray(picture + np.float32(0.012) * render_noise(rng, side, 1.6)[..., None], np.float32)


def _plant_lone_trees(rng: np.random.Generator, picture: FloatImage, land: Land, climate: Climate) -> None:
    """Trees in gardens, along hedges and streets, and alone in the fields; their shadows beside them."""
    trees = scatter_crowns(rng, land.side, 9.0)
    likely = np.array([0.3, 0.02, 0.06, 0.0, 0.0, 0.01], np.float32) * np.float32(rng.uniform(0.3, 1.6))
    grows = rng.random(trees.count, dtype=np.float32)[trees.numbers] < likely[land.labels]
    size = rng.uniform(1.4, 2.8, trees.count).astype(np.float32)[trees.numbers]
    crowns = grows & (trees.distance < size)
    shift = np.array([[1, 0, -2 * climate.sun[0]], [0, 1, -2 * climate.sun[1]]])
    shadows = cv2.warpAffine(crowns.astype(np.uint8), shift, (land.side, land.side), flags=cv2.INTER_NEAREST) > 0
    picture[shadows & (land.labels != WATER)] *= np.float32(0.6)
    picture[crowns] = _blend_of(rng, _LEAVES)


def _borders(numbers: Numbers, width: int) -> Mask:
    """Where neighbouring pixels differ, `width` pixels wide."""
    edges = np.zeros(numbers.shape, np.uint8)
    edges[1:] |= numbers[1:] != numbers[:-1]
    edges[:, 1:] |= numbers[:, 1:] != numbers[:, :-1]
    return cv2.dilate(edges, np.ones((width, width), np.uint8)) > 0


def _lines(place: FloatImage, spacing: float, half: float) -> Mask:
    """Where lines lie that are `spacing` pixels apart and twice `half` wide."""
    lines: Mask = np.abs(np.mod(place, np.float32(spacing)) - np.float32(spacing / 2)) < half
    return lines


def _mix(first: Colour, second: Colour, share: FloatImage) -> FloatImage:
    """Return colours between two, ``(..., 3)``."""
    start, end = np.asarray(first, np.float32), np.asarray(second, np.float32)
    mixed: FloatImage = start + share.clip(0, 1)[..., None] * (end - start)
    return mixed


def _several(rng: np.random.Generator, colours: Sequence[Colour], count: int, *, spread: float) -> FloatImage:
    """Draw `count` of the colours, each a little off: ``(count, 3)``."""
    drawn = np.asarray(colours, np.float32)[rng.integers(0, len(colours), count)]
    light = rng.normal(1.0, 1.6 * spread, (count, 1))
    return np.asarray(drawn * light * rng.normal(1.0, 0.6 * spread, (count, 3)), np.float32)


def _blend_of(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """Return a random mixture."""
    red, green, blue = rng.dirichlet(np.full(len(colours), 0.8)) @ np.array(colours)
    return float(red), float(green), float(blue)


def _vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = np.array(colour) * rng.normal(1.0, spread) * rng.normal(1.0, 0.4 * spread, 3)
    return float(red), float(green), float(blue)


_COVERS: dict[int, Callable[[np.random.Generator, Land, Climate], FloatImage]] = {
    URBAN: _render_town,
    AGRICULTURE: _render_fields,
    RANGELAND: _render_scrub,
    FOREST: _render_forest,
    WATER: _render_water,
    BARREN: _render_sand,
}
