"""Synthetic chest radiographs with and without pneumonia, in both layouts of the real set."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.new_folder import fill_new_folder
from core.data.synthetic.chest.lung_branches import render_airway, render_vessels
from core.data.synthetic.chest.nuisances import mark_film, render_nuisances
from core.data.synthetic.chest.pneumonia import choose_pneumonia, render_opacity
from core.data.synthetic.chest.skeleton import render_bones
from core.data.synthetic.chest.thorax import Draw, Thorax, choose_thorax, render_cloud, soft_step
from core.data.synthetic.chest.tissue import Tissue, render_tissue
from core.data.transforms.arrays import FloatImage
from core.errors import UserError

SIDE = 256
QUALITY = 90
"""Of the JPEG files."""

_DENSE = np.float32(0.55)
"""What a disease of strength 1 adds to the density; an aerated lung lacks 0.3 to 0.54 of the body's."""
_FEWEST = 10
_TEST_EVERY = 5
_GERMS = {"patchy": "bacteria", "lobar": "bacteria", "interstitial": "virus"}

Greys = NDArray[np.uint8]
"""``(H, W)``, 0 to 255."""


@dataclass(frozen=True)
class Chest:
    """One radiograph.

    Attributes:
        image: ``(side, side)``, 0 to 255.
        opacity: What the disease adds, ``(side, side)``, 0 to about 1; all 0 in a healthy chest.
        kind: ``patchy``, ``lobar`` or ``interstitial``; empty in a healthy chest.
    """

    image: Greys
    opacity: FloatImage
    kind: str


def draw_chest(rng: Draw, *, pneumonia: bool, side: int = SIDE) -> Chest:
    """Draw a frontal radiograph of a healthy or a diseased chest.

    Every chest is drawn twice, healthy and diseased, and the one asked for is brought to what both have in common:
    their mean light, a polynomial of second degree over the picture, and the mean of their brightness distributions.
    Mean, deviation, quantiles and centre of the brightness are so about the same whichever was asked for, and do not
    tell the classes; neither do body, pose, exposure, marker or tubes, which are drawn without looking at the class.

    Args:
        rng: The only source of chance: the same state gives the same chest, healthy or diseased.
        pneumonia: Which of the two.
        side: Rows and columns.
    """
    thorax = choose_thorax(rng, side)
    tissue = render_tissue(rng, thorax)
    density = _render_density(rng, thorax, tissue)
    disease = choose_pneumonia(rng)
    opacity = render_opacity(rng, disease, thorax, tissue)
    develop = _choose_development(rng, side)
    healthy, ill = develop.expose(density), develop.expose(density + _DENSE * opacity)
    picture = _hide_cues(ill, healthy) if pneumonia else _hide_cues(healthy, ill)
    return Chest(_finish(rng, picture), opacity * np.float32(pneumonia), disease.kind if pneumonia else "")


def write_chest(folder: Path, *, n: int = 600, seed: int = 0) -> None:
    """Write `n` pictures in the layout of Kermany et al. (2018), a fifth for testing, both classes equally often.

    ``train/NORMAL/IM-0001-0001.jpeg``, ``train/PNEUMONIA/person2_bacteria_2.jpeg`` or ``person4_virus_4.jpeg``, and
    the same under ``test``. Each picture is of another patient. Picture k, its class and its split depend on `seed` and
    k alone. The data set appears under `folder` only when it is complete.

    Raises:
        UserError: When n < 10, or the folder already holds something.
    """
    with _start(folder, n) as unfinished:
        for number, chest in enumerate(_draw_all(n, seed), start=1):
            split = "test" if (number - 1) // 2 % _TEST_EVERY == _TEST_EVERY - 1 else "train"
            path = unfinished / split / _place(number, chest)
            path.parent.mkdir(parents=True, exist_ok=True)
            encoded = cv2.imencode(".jpeg", chest.image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            path.write_bytes(encoded.tobytes())


def write_chest_arrays(folder: Path, *, n: int = 600, seed: int = 0) -> None:
    """Write the same pictures as ``normal.npy`` and ``pneumonia.npy``, each ``(n / 2, 256, 256)``, 0 to 255.

    The data set appears under `folder` only when it is complete.

    Raises:
        UserError: When n < 10, or the folder already holds something.
    """
    with _start(folder, n) as unfinished:
        images = np.stack([chest.image for chest in _draw_all(n, seed)])
        np.save(unfinished / "normal.npy", images[::2])
        np.save(unfinished / "pneumonia.npy", images[1::2])


def _start(folder: Path, n: int) -> AbstractContextManager[Path]:
    if n < _FEWEST:
        raise UserError(
            f"A synthetic set of chest X-rays needs at least {_FEWEST} pictures, to train and to test on both classes, "
            f"not {n}."
        )
    return fill_new_folder(folder)


def _draw_all(n: int, seed: int) -> Iterator[Chest]:
    """Draw a healthy and a diseased chest in turn."""
    for index, sequence in enumerate(np.random.SeedSequence(seed).spawn(n)):
        yield draw_chest(np.random.default_rng(sequence), pneumonia=index % 2 == 1)


def _place(number: int, chest: Chest) -> str:
    if not chest.kind:
        return f"NORMAL/IM-{number:04d}-0001.jpeg"
    return f"PNEUMONIA/person{number}_{_GERMS[chest.kind]}_{number}.jpeg"


@dataclass(frozen=True)
class _Development:
    """From density to brightness: contrast, the density that becomes medium grey, sharpness, uneven light."""

    contrast: float
    middle: float
    blur: float
    unevenness: FloatImage

    def expose(self, density: FloatImage) -> FloatImage:
        """Return the brightness, 0 to 1, which is high where density is."""
        sharp = cv2.GaussianBlur(density, (0, 0), self.blur)
        light = np.float32(self.contrast) * (sharp + self.unevenness - np.float32(self.middle))
        return np.asarray(1 / (1 + np.exp(-light)), np.float32)


def _choose_development(rng: Draw, side: int) -> _Development:
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    right, down, outwards = rng.normal(0, (0.04, 0.05, 0.05)).astype(np.float32)
    return _Development(
        contrast=float(rng.uniform(4.0, 6.5)),
        middle=float(rng.uniform(0.44, 0.6)),
        blur=float(rng.uniform(0.5, 1.1)) * side / SIDE,
        unevenness=right * columns + down * rows + outwards * (columns * columns + rows * rows - 1),
    )


def _render_density(rng: Draw, thorax: Thorax, tissue: Tissue) -> FloatImage:
    """What the rays meet in a healthy chest, 0 to about 1.2."""
    coarse = 0.43 * thorax.scale[0]
    veil = np.float32(0.025) * (render_cloud(rng, thorax.side, coarse) + render_cloud(rng, thorax.side, 0.35 * coarse))
    density = tissue.body * (np.float32(0.62) + veil)
    density -= np.float32(rng.uniform(0.3, 0.54)) * tissue.air
    density += np.float32(0.14) * tissue.middle + np.float32(rng.uniform(0.1, 0.2)) * tissue.belly
    covered = soft_step(tissue.body, 0.3) * (1 - np.float32(0.6) * tissue.belly)
    density += np.float32(rng.uniform(0.28, 0.42)) * render_bones(rng, thorax) * covered
    density += render_nuisances(rng, thorax)
    aerated = np.float32(0.1) * tissue.lungs + np.float32(0.9) * tissue.air
    density += np.float32(rng.uniform(0.12, 0.24)) * render_vessels(rng, thorax) * aerated
    density -= np.float32(rng.uniform(0.05, 0.12)) * render_airway(rng, thorax)
    return density


def _hide_cues(shown: FloatImage, other: FloatImage) -> FloatImage:
    """Take away what tells two pictures of one chest apart without looking: uneven light, then brightness."""
    light = _fit_light(shown - other) / np.float32(2)
    step = max(1, shown.size // 1024)
    own, theirs = (np.append(np.sort(each, axis=None)[::step], each.max()) for each in (shown - light, other + light))
    return np.asarray(np.interp(shown - light, own, (own + theirs) / 2), np.float32)


def _fit_light(picture: FloatImage) -> FloatImage:
    """The polynomial of second degree in x and y that is nearest to the picture."""
    places = np.linspace(-1, 1, len(picture), dtype=np.float32)
    powers = np.linalg.qr(np.stack([places**0, places, places**2], axis=1))[0]
    amounts = powers.T @ picture @ powers
    amounts[1:, 2] = amounts[2, 1:] = 0  # only terms up to the second degree together
    return np.asarray(powers @ amounts @ powers.T, np.float32)


def _finish(rng: Draw, picture: FloatImage) -> Greys:
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise = 0.6 * noise + 1.1 * cv2.GaussianBlur(noise, (0, 0), 0.8)
    picture = np.float32(255) * picture + np.float32(rng.uniform(1.0, 4.0)) * noise
    return np.asarray(np.clip(np.rint(mark_film(rng, picture)), 0, 255), np.uint8)
