"""What pneumonia adds to an imaginary chest radiograph: patches, a clouded lobe, or a haze with a fine net."""

from dataclasses import dataclass

import numpy as np

from core.data.synthetic.chest.thorax import Draw, Thorax, render_cloud, soft_step
from core.data.synthetic.chest.tissue import Tissue
from core.data.transforms.arrays import FloatImage

KINDS = ("patchy", "lobar", "interstitial")


@dataclass(frozen=True)
class Pneumonia:
    """One disease of the lungs.

    Attributes:
        kind: ``patchy`` and ``lobar``, as bacteria cause them, or ``interstitial``, as viruses do.
        sides: Which lungs: -1 the one on the left of the picture, 1 the one on its right.
        strength: How dense it is, from faint, 0.4, to 1.
    """

    kind: str
    sides: tuple[float, ...]
    strength: float


def choose_pneumonia(rng: Draw) -> Pneumonia:
    """Draw a disease: interstitial ones take both lungs, others mostly one."""
    kind = KINDS[int(rng.choice(3, p=(0.45, 0.25, 0.3)))]
    both = kind == "interstitial" or rng.random() < 0.35
    one = -1.0 if rng.random() < 0.5 else 1.0
    return Pneumonia(kind, (one, -one) if both else (one,), float(rng.uniform(0.4, 1.0)))


def render_opacity(rng: Draw, pneumonia: Pneumonia, thorax: Thorax, tissue: Tissue) -> FloatImage:
    """How much denser the lungs become, ``(side, side)``, 0 to about 1; nothing outside the lungs."""
    x, y = thorax.grid
    render = {"patchy": _render_patches, "lobar": _render_lobe, "interstitial": _render_net}[pneumonia.kind]
    cloud = _render_cloud(rng, thorax, 0.16) + 0.5 * _render_cloud(rng, thorax, 0.1)
    opacity = np.zeros_like(x)
    for number, sign in enumerate(pneumonia.sides):
        lung = _Lung(thorax, np.float32(sign) * x, y, thorax.domes[0 if sign < 0 else 1])
        share = np.float32(1.0 if number == 0 else rng.uniform(0.4, 1.0))
        opacity += share * render(rng, lung, cloud) * (lung.u > 0)
    seen = tissue.lungs * (1 - np.float32(0.7) * tissue.middle)
    return np.asarray(np.float32(pneumonia.strength) * opacity * seen, np.float32)


@dataclass(frozen=True)
class _Lung:
    """One lung: the distance from the midline and the height of every pixel, and where its diaphragm is highest."""

    thorax: Thorax
    u: FloatImage
    y: FloatImage
    floor: float

    def measure(self, place: tuple[float, float], radii: tuple[float, float]) -> FloatImage:
        """Squared distance from a place, 1 on an ellipse around it."""
        across = (self.u - np.float32(place[0])) / np.float32(radii[0])
        along = (self.y - np.float32(place[1])) / np.float32(radii[1])
        return np.asarray(across * across + along * along, np.float32)


def _render_patches(rng: Draw, lung: _Lung, cloud: FloatImage) -> FloatImage:
    """Two to five cloudy patches with soft borders that run into each other."""
    total = np.zeros_like(cloud)
    middle = float(rng.uniform(0.32, 0.7)), float(rng.uniform(-0.5, lung.floor - 0.05))
    for _ in range(int(rng.integers(2, 6))):
        place = middle[0] + float(rng.normal(0, 0.14)), middle[1] + float(rng.normal(0, 0.2))
        radii = float(rng.uniform(0.18, 0.38)), float(rng.uniform(0.18, 0.38))
        total += np.exp(-(lung.measure(place, radii) ** 1.2)) * np.float32(rng.uniform(0.6, 1.1))
    fluffy = np.clip(np.float32(0.9) + np.float32(0.35) * cloud, 0.15, 1.7)
    return np.asarray(1 - np.exp(-np.float32(1.4) * total * fluffy), np.float32)


def _render_lobe(rng: Draw, lung: _Lung, cloud: FloatImage) -> FloatImage:
    """An upper or a lower part of the lung up to a fissure, sharp there and fading to the other end."""
    tilt = np.float32(rng.normal(0.1, 0.15)) * lung.u + np.float32(0.02) * cloud
    if rng.random() < 0.4:
        line = np.float32(rng.uniform(-0.35, -0.05))
        inside = soft_step(line + tilt - lung.y, 0.03)
        fade = soft_step(lung.y + np.float32(rng.uniform(0.7, 1.2)), 0.25)
    else:
        line = np.float32(rng.uniform(-0.1, lung.floor - 0.3))
        inside = soft_step(lung.y - line - tilt, float(rng.uniform(0.03, 0.12)))
        fade = soft_step(np.float32(lung.floor + rng.uniform(0.1, 0.5)) - lung.y, 0.3)
    return np.asarray(inside * (0.55 + 0.45 * fade) * np.clip(0.9 + 0.16 * cloud, 0.3, 1.2), np.float32)


def _render_net(rng: Draw, lung: _Lung, cloud: FloatImage) -> FloatImage:
    """A haze around the lung root with a fine net of lines in it."""
    radii = float(rng.uniform(0.45, 0.75)), float(rng.uniform(0.55, 0.85))
    distance = lung.measure((0.25, 0.3 * lung.floor - 0.05), radii)
    haze = np.exp(-distance) * np.clip(0.8 + 0.25 * cloud, 0.2, 1.4)
    net = np.zeros_like(cloud)
    for grain in (0.055, 0.085, 0.13):
        net += np.exp(-((_render_cloud(rng, lung.thorax, grain) / np.float32(0.16)) ** 2))
    return np.asarray(np.float32(0.8) * haze * (np.float32(0.7) + np.float32(0.4) * net), np.float32)


def _render_cloud(rng: Draw, thorax: Thorax, grain: float) -> FloatImage:
    return render_cloud(rng, thorax.side, grain * thorax.scale[0])
