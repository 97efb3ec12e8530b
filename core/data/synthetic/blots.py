"""Synthetic Western blots with the two templates they were made from: lets the bench run without a laboratory."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data.new_folder import fill_new_folder
from core.data.torch_datasets.gel_crops import Grey
from core.data.transforms.arrays import FloatImage
from core.errors import UserError

SIDE = 64
STRENGTH_STEPS = 4
_ROWS, _COLUMNS = (axis.astype(np.float32) for axis in np.mgrid[:SIDE, :SIDE])


@dataclass(frozen=True)
class Blot:
    """One blot and its templates, each ``(64, 64)``, 0 to 255.

    Attributes:
        layout: Template 1: every lane a white stripe on black, as it lies.
        bands: Template 2: a box where each band is, the brighter the stronger, in four steps of grey.
        target: The blot: dark bands on a light membrane.
    """

    layout: Grey
    bands: Grey
    target: Grey


@dataclass(frozen=True)
class _Membrane:
    """Where the lanes lie.

    Attributes:
        centres: Column of each lane's middle at half height.
        width: Of a lane, pixels.
        tilt: Columns by which lanes shift per row.
        smile: Rows by which bands at the sides lie above (below where negative) those in the middle.
    """

    centres: NDArray[np.float32]
    width: float
    tilt: float
    smile: float

    def across(self, lane: int) -> FloatImage:
        """Return how far each pixel lies from the lane's middle, in half widths, ``(64, 64)``."""
        middle = self.centres[lane] + self.tilt * (_ROWS - SIDE / 2)
        return np.asarray((_COLUMNS - middle) / (self.width / 2), np.float32)

    def row_at(self, row: float, columns: FloatImage | float) -> FloatImage:
        """Return the row at which a band named for a row lies in each column."""
        return np.asarray(row - self.smile * np.square((columns - SIDE / 2) / (SIDE / 2)), np.float32)


@dataclass(frozen=True)
class _Band:
    """One band: its lane, its row at mid-width, its half height in rows and its optical density."""

    lane: int
    row: float
    height: float
    density: float


def draw_blot(rng: np.random.Generator) -> Blot:
    """Draw a blot and its templates.

    Templates tell where lanes and bands are and roughly how strong. What no network can know from them is drawn by
    chance alone: exact strength, tails and smears, haze, dust, a membrane's edge, uneven exposure, grain.

    Args:
        rng: The only source of chance: the same state gives the same blot.
    """
    membrane = _lay_lanes(rng)
    bands = _load_bands(rng, membrane)
    density = _render_haze(rng, membrane)
    for band in bands:
        density += _render_band(rng, membrane, band)
    return Blot(_draw_layout(membrane), _draw_boxes(membrane, bands), _expose(rng, density))


def write_blots(folder: Path, *, n: int = 402, seed: int = 0) -> None:
    """Write `n` blots as ``template1/``, ``template2/`` and ``target/`` with equal file names.

    Blot k depends on `seed` and k alone. The data set appears under `folder` only when it is complete.

    Raises:
        UserError: When n < 2, or the folder already holds something.
    """
    if n < 2:
        raise UserError(f"A synthetic set of blots needs at least 2, one to test and one to train, not {n}.")
    with fill_new_folder(folder) as unfinished:
        for place in ("template1", "template2", "target"):
            (unfinished / place).mkdir()
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            blot = draw_blot(np.random.default_rng(sequence))
            for place, grey in (("template1", blot.layout), ("template2", blot.bands), ("target", blot.target)):
                Image.fromarray(grey).save(unfinished / place / f"{index + 1:04d}.png")


def _lay_lanes(rng: np.random.Generator) -> _Membrane:
    """Choose 3 to 8 lanes of one width and pitch."""
    count = int(rng.integers(3, 9))
    pitch = float(rng.uniform(0.82, 1.0)) * min(SIDE / (count + 0.4), 15.0)
    start = rng.uniform(0.55 * pitch, SIDE - (count - 0.45) * pitch)
    centres = np.asarray(start + pitch * np.arange(count), np.float32)
    return _Membrane(
        centres,
        width=pitch * float(rng.uniform(0.62, 0.78)),
        tilt=float(rng.normal(0, 0.02)),
        smile=float(rng.normal(0.8, 1.2)),
    )


def _load_bands(rng: np.random.Generator, membrane: _Membrane) -> list[_Band]:
    """Fill the lanes: one to four proteins that vary from lane to lane, and perhaps a ladder at the left."""
    lanes = len(membrane.centres)
    bands = []
    first = 0
    if rng.random() < 0.3:
        first, row = 1, float(rng.uniform(5, 10))
        while row < SIDE - 5:
            bands.append(_Band(0, row, float(rng.uniform(0.9, 1.4)), float(rng.uniform(0.4, 1.3))))
            row += float(rng.uniform(4.5, 10))
    row = float(rng.uniform(8, 24))
    for _ in range(int(rng.integers(1, 5))):
        if row > SIDE - 6:
            break
        height, strongest = float(rng.uniform(1.1, 2.4)), float(rng.uniform(0.7, 2.4))
        for lane, share in enumerate(_vary(rng, lanes)):
            density = strongest * share * float(rng.lognormal(0, 0.15))
            if lane >= first and density > 0.12:
                bands.append(_Band(lane, row + float(rng.normal(0, 0.25)), height, density))
        row += 4 * height + float(rng.uniform(2, 18))
    return bands


def _vary(rng: np.random.Generator, lanes: int) -> NDArray[np.float64]:
    """Return the strength of a protein in each lane, 0 to 1: alike, a dilution series, or on in some lanes alone."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.uniform(0.75, 1.0, lanes)
    if kind == 1:
        series = np.power(float(rng.uniform(0.5, 0.8)), np.arange(lanes))
        return np.asarray(series if rng.random() < 0.5 else series[::-1])
    return np.asarray(np.where(rng.random(lanes) < 0.55, rng.uniform(0.3, 1.0, lanes), 0.0))


def _render_band(rng: np.random.Generator, membrane: _Membrane, band: _Band) -> FloatImage:
    """Return the optical density of a band: flat across with soft ends, a sharp front, a tail, a smear up the lane."""
    across = membrane.across(band.lane) * np.float32(rng.uniform(0.95, 1.12))
    middle = membrane.row_at(band.row, _COLUMNS) + np.float32(rng.normal(0, 0.5)) * np.square(across)
    down = (_ROWS - middle) / np.float32(band.height)
    tail = np.float32(rng.uniform(1.0, 1.8))
    core = np.exp(-0.5 * np.square(np.where(down < 0, down / tail, down)))
    smear = np.float32(rng.uniform(0, 0.12)) * np.exp(np.minimum(down, 0) / np.float32(rng.uniform(3, 10))) * (down < 0)
    sides = (1 + np.tanh(np.float32(5) * (1 - np.abs(across)))) / 2
    return np.asarray(np.float32(band.density) * sides * (core + smear), np.float32)


def _render_haze(rng: np.random.Generator, membrane: _Membrane) -> FloatImage:
    """Return the density of the membrane itself: stain that lies in clouds, and a little along every lane."""
    clouds = np.asarray(cv2.resize(rng.random((4, 4), np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    haze = np.float32(rng.uniform(0.02, 0.12)) + np.float32(rng.uniform(0.0, 0.14)) * clouds
    for lane in range(len(membrane.centres)):
        haze += np.float32(rng.exponential(0.025)) * np.exp(-np.square(membrane.across(lane)))
    return np.asarray(haze, np.float32)


def _expose(rng: np.random.Generator, density: FloatImage) -> Grey:
    """Photograph a membrane: an edge in some, uneven light, a film that saturates, blur, dust, grain."""
    if rng.random() < 0.25:
        density = density + _render_edge(rng)
    slope = rng.normal(0, 0.08, 2)
    light = 1 + slope[0] * (_COLUMNS / SIDE - 0.5) + slope[1] * (_ROWS / SIDE - 0.5)
    ink = 1 - np.exp(-float(rng.uniform(0.9, 1.7)) * density * light)
    grey = float(rng.uniform(228, 252)) - float(rng.uniform(205, 235)) * ink
    grey = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.4, 0.8)))
    for _ in range(int(rng.poisson(1.2))):
        row, column = rng.integers(0, SIDE, 2)
        grey[row : row + rng.integers(1, 3), column : column + rng.integers(1, 3)] += rng.choice((-110.0, 60.0))
    grain = rng.standard_normal((SIDE, SIDE), np.float32)
    grey += float(rng.uniform(1.5, 4.0)) * (grain + cv2.GaussianBlur(grain, (0, 0), 1.0))
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def _render_edge(rng: np.random.Generator) -> FloatImage:
    """Return the density beyond one side of the membrane, which ends in a slightly slanting line."""
    along, towards = (_ROWS, _COLUMNS) if rng.random() < 0.5 else (_COLUMNS, _ROWS)
    if rng.random() < 0.5:
        towards = SIDE - 1 - towards
    line = float(rng.uniform(1, 4)) + float(rng.normal(0, 0.03)) * (along - SIDE / 2)
    return np.asarray(float(rng.uniform(0.07, 0.35)) * (1 + np.tanh(1.5 * (line - towards))), np.float32)


def _draw_layout(membrane: _Membrane) -> Grey:
    layout = np.zeros((SIDE, SIDE), np.uint8)
    for lane in range(len(membrane.centres)):
        layout[np.abs(membrane.across(lane)) <= 1] = 255
    return layout


def _draw_boxes(membrane: _Membrane, bands: list[_Band]) -> Grey:
    """Draw each band as an upright box at its place; its grey is its strength, rounded up to a quarter."""
    boxes = np.zeros((SIDE, SIDE), np.uint8)
    for band in bands:
        row = float(membrane.row_at(band.row, float(membrane.centres[band.lane])))
        column = float(membrane.centres[band.lane]) + membrane.tilt * (row - SIDE / 2)
        reach = 1.2 * band.height
        rows = slice(max(0, round(row - reach)), round(row + reach) + 1)
        columns = slice(max(0, round(column - membrane.width / 2)), round(column + membrane.width / 2) + 1)
        step = min(STRENGTH_STEPS, int(np.ceil(band.density / 2.4 * STRENGTH_STEPS)))
        boxes[rows, columns] = np.maximum(boxes[rows, columns], round(255 * step / STRENGTH_STEPS))
    return boxes
