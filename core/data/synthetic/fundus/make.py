"""Synthetic fundus photographs with known vessels, in the layout of DRIVE: lets the bench run without real eyes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data.new_folder import fill_new_folder
from core.data.synthetic.fundus.retina import Eye, choose_eye, render_cloud, render_light, render_retina
from core.data.synthetic.fundus.vessel_tree import Vessel, grow_vessels
from core.data.transforms.arrays import FloatImage
from core.errors import UserError

_FINER = 3
"""Vessels are painted on a canvas this many times finer than the picture, then averaged down."""

_SHIFT = 4
_WIDEST = 0.0145
_ARTERY_DENSITY = (0.16, 0.48, 0.34)
_VEIN_DENSITY = (0.30, 0.62, 0.42)
_REFLEX_DENSITY = (0.10, 0.16, 0.10)


@dataclass(frozen=True)
class Fundus:
    """One photograph and what two observers would draw on it.

    Attributes:
        image: The photograph, (H, W, 3) RGB.
        vessels: The first observer's vessels, (H, W): every vessel, at its true width.
        second_observer: The second observer's, (H, W): some thin twigs are missing, widths and places a little off.
        field_of_view: The round part of the picture that shows the retina, (H, W).
    """

    image: NDArray[np.uint8]
    vessels: NDArray[np.bool_]
    second_observer: NDArray[np.bool_]
    field_of_view: NDArray[np.bool_]


def draw_fundus(rng: np.random.Generator, *, height: int = 584, width: int = 565) -> Fundus:
    """Draw a photograph of a left or a right eye.

    Args:
        rng: The only source of chance: the same state gives the same picture.
        height: Rows; 584 as in DRIVE.
        width: Columns; 565 as in DRIVE.
    """
    eye = choose_eye(rng, height, width)
    vessels = grow_vessels(rng, eye.anatomy, finest=0.62 / eye.radius)
    second = _redraw(rng, vessels, eye)
    x, y = eye.build_grid()
    distance = np.sqrt(x * x + y * y)
    retina = render_retina(rng, eye)
    retina *= _render_transmission(rng, vessels, eye)
    retina *= render_light(rng, eye)
    field_of_view = distance <= 1.0
    return Fundus(
        image=_photograph(rng, retina, distance, eye),
        vessels=_paint_mask(vessels, eye) & field_of_view,
        second_observer=_paint_mask(second, eye) & field_of_view,
        field_of_view=field_of_view,
    )


def write_drive(folder: Path, *, n: int = 40, seed: int = 0) -> None:
    """Write `n` pictures in the layout of DRIVE: n // 2 test pictures from number 01, then the training pictures.

    Picture k depends on `seed` and k alone. The data set appears under `folder` only when it is complete.

    Raises:
        UserError: When n < 2, or the folder already holds something.
    """
    if n < 2:
        raise UserError(f"A synthetic DRIVE needs at least 2 pictures, one to test and one to train, not {n}.")
    with fill_new_folder(folder) as unfinished:
        for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
            fundus = draw_fundus(np.random.default_rng(sequence))
            _write_picture(unfinished, fundus, number=index + 1, part="test" if index < n // 2 else "training")


def _write_picture(folder: Path, fundus: Fundus, *, number: int, part: str) -> None:
    name = f"{number:02d}"
    files = {
        f"images/{name}_{part}.tif": Image.fromarray(fundus.image),
        f"1st_manual/{name}_manual1.gif": _as_picture(fundus.vessels),
        f"mask/{name}_{part}_mask.gif": _as_picture(fundus.field_of_view),
    }
    if part == "test":
        files[f"2nd_manual/{name}_manual2.gif"] = _as_picture(fundus.second_observer)
    for place, picture in files.items():
        path = folder / part / place
        path.parent.mkdir(parents=True, exist_ok=True)
        # Pillow would otherwise renumber the greys of a GIF to 0 and 1, and a reader of raw values would see no 255
        picture.save(path, optimize=False)


def _as_picture(mask: NDArray[np.bool_]) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * np.uint8(255))


def _redraw(rng: np.random.Generator, vessels: list[Vessel], eye: Eye) -> list[Vessel]:
    """What a second observer sees: misses thin twigs with all that springs from them, stops early, is a little off."""
    hand = float(rng.uniform(0.85, 1.2))
    seen: list[Vessel] = []
    missed: set[int] = set()
    for index, vessel in enumerate(vessels):
        thin = float(vessel.radii.max()) * eye.radius < 1.4
        if vessel.parent in missed or (thin and rng.random() < 0.32):
            missed.add(index)
            continue
        kept = max(1, int(len(vessel.radii) * (rng.uniform(0.6, 1.0) if thin else 1.0)))
        points = vessel.points[:kept] + rng.normal(0.0, 0.45, 2) / eye.radius
        radii = vessel.radii[:kept] * hand * float(rng.uniform(0.92, 1.08))
        seen.append(Vessel(points, radii, vessel.artery, vessel.parent))
    return seen


def _paint_mask(vessels: list[Vessel], eye: Eye) -> NDArray[np.bool_]:
    canvas = _build_canvas(eye)
    for start, end, radius, _ in _iterate_segments(vessels, eye):
        cv2.line(canvas, start, end, 255, _thickness(radius), cv2.LINE_8, _SHIFT)
    return _average_down(canvas, eye) > 0.4


def _render_transmission(rng: np.random.Generator, vessels: list[Vessel], eye: Eye) -> FloatImage:
    """The share of light the vessels let through, (3, H, W): thick ones are darker, crossings darkest.

    Arteries carry a faint light reflex along the middle. The density wavers slowly along and between vessels.
    """
    arteries, veins, reflexes = _build_canvas(eye), _build_canvas(eye), _build_canvas(eye)
    for start, end, radius, artery in _iterate_segments(vessels, eye):
        canvas = arteries if artery else veins
        depth = min(1.0, (radius / (_WIDEST * eye.radius)) ** 0.5)
        cv2.line(canvas, start, end, round(200 * depth), _thickness(radius), cv2.LINE_8, _SHIFT)
        cv2.line(canvas, start, end, round(250 * depth), _thickness(0.6 * radius), cv2.LINE_8, _SHIFT)
        if artery and radius > 1.6:
            cv2.line(reflexes, start, end, 255, _thickness(0.3 * radius), cv2.LINE_8, _SHIFT)
    strength = np.float32(rng.uniform(0.85, 1.2)) * (1.0 + np.float32(0.14) * render_cloud(rng, eye, 0.15))
    red_blood, dark_blood, shine = (strength * _average_down(canvas, eye) for canvas in (arteries, veins, reflexes))
    densities = zip(_ARTERY_DENSITY, _VEIN_DENSITY, _REFLEX_DENSITY, strict=True)
    return np.stack([np.exp(c * shine - a * red_blood - b * dark_blood) for a, b, c in densities])


def _photograph(rng: np.random.Generator, retina: FloatImage, distance: FloatImage, eye: Eye) -> NDArray[np.uint8]:
    """Blur by the optics, cut to the round field of view, add the sensor's noise: (H, W, 3) 8-bit."""
    sharpness = float(rng.uniform(0.6, 1.15)) * max(eye.radius / 270.0, 0.5)
    aperture = np.clip((1.004 - distance) * (eye.radius / 3.0), 0.0, 1.0)
    exposure = np.float32(255.0 * rng.uniform(0.92, 1.12))
    noise = np.float32(rng.uniform(1.6, 3.4)) * (0.15 + 0.85 * aperture)
    channels = []
    for channel in retina:
        grain = rng.standard_normal(channel.shape, dtype=np.float32)
        grain = 0.6 * grain + 1.2 * cv2.GaussianBlur(grain, (0, 0), 0.9)
        light = exposure * aperture * cv2.GaussianBlur(channel, (0, 0), sharpness)
        channels.append(light + noise * grain + np.float32(2.0))
    return np.asarray(np.clip(np.rint(cv2.merge(channels)), 0, 255), np.uint8)


def _iterate_segments(
    vessels: list[Vessel], eye: Eye
) -> Iterable[tuple[tuple[int, int], tuple[int, int], float, bool]]:
    """All segments, thin before thick: both ends in fixed-point canvas coordinates, radius in pixels, artery or not."""
    starts, ends, radii, kinds = [], [], [], []
    for vessel in vessels:
        canvas_points = (eye.to_pixels(vessel.points) + 0.5) * _FINER - 0.5
        fixed = np.rint(canvas_points * (1 << _SHIFT)).astype(np.int64)
        starts.append(fixed[:-1])
        ends.append(fixed[1:])
        radii.append(vessel.radii[1:] * eye.radius)
        kinds.append(np.full(len(fixed) - 1, vessel.artery))
    order = np.argsort(np.concatenate(radii), kind="stable")
    columns = [np.concatenate(column)[order].tolist() for column in (starts, ends, radii, kinds)]
    for start, end, radius, artery in zip(*columns, strict=True):
        yield tuple(start), tuple(end), radius, artery


def _thickness(radius: float) -> int:
    return max(1, round(2.0 * radius * _FINER))


def _build_canvas(eye: Eye) -> NDArray[np.uint8]:
    return np.zeros((eye.height * _FINER, eye.width * _FINER), np.uint8)


def _average_down(canvas: NDArray[np.uint8], eye: Eye) -> FloatImage:
    """The mean of each pixel's cells, (H, W), 0 to 1."""
    small = cv2.resize(canvas, (eye.width, eye.height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255.0)
