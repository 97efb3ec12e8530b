"""The soft parts of an imaginary chest on a radiograph: body, lungs, heart and diaphragm."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.data.synthetic.chest.thorax import APEX, Draw, Thorax, cage_width, soft_step
from core.data.transforms.arrays import FloatImage


@dataclass(frozen=True)
class Tissue:
    """What the soft parts look like, each ``(side, side)``.

    Attributes:
        body: Thickness of the body, 0 outside, about 1 in its middle.
        air: How much air a ray meets, 0 to 1; where the heart lies before the lung there is less.
        lungs: 1 within the outline of the lungs, also where the heart lies before them.
        middle: Heart and great vessels, 0 to about 1.
        belly: What lies below the diaphragm, 0 to 1.
    """

    body: FloatImage
    air: FloatImage
    lungs: FloatImage
    middle: FloatImage
    belly: FloatImage


def render_tissue(rng: Draw, thorax: Thorax) -> Tissue:
    """Lay body, lungs, heart and belly over each other."""
    x, y = thorax.grid
    middle = _render_middle(rng, thorax, x, y)
    belly, lungs, air = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for sign, dome in zip((-1.0, 1.0), thorax.domes, strict=True):
        u = np.float32(sign) * x
        floor = _render_floor(rng, u, dome)
        cage = np.asarray(cage_width(y), np.float32) - np.float32(0.045)
        depth = np.minimum(np.minimum(cage - u, u - np.float32(0.1)), floor - y)
        inside = soft_step(depth, 0.014)
        lungs = np.maximum(lungs, inside)
        thick = np.sqrt(np.clip(np.minimum(cage - u, y - np.float32(APEX)) / np.float32(0.55), 0, 1))
        air = np.maximum(air, inside * (np.float32(0.5) + np.float32(0.5) * thick))
        belly = np.maximum(belly, soft_step(y - floor, 0.014) * soft_step(u, 0.02))
    body = _render_body(rng, thorax, x, y)
    hidden = np.float32(rng.uniform(0.72, 0.92))
    return Tissue(body, air * (1 - hidden * middle), lungs, middle, belly * soft_step(body, 0.1))


def _render_floor(rng: Draw, u: FloatImage, dome: float) -> FloatImage:
    """Height of the diaphragm over the distance from the midline: a dome that falls to a sharp outer angle."""
    peak, wide = np.float32(rng.uniform(0.4, 0.52)), np.float32(rng.uniform(0.5, 0.62))
    fall = np.abs(u - peak) / wide
    depth = np.where(u > peak, np.float32(rng.uniform(0.22, 0.4)), np.float32(rng.uniform(0.04, 0.14)))
    return np.asarray(np.float32(dome) + depth * fall * fall * np.sqrt(fall), np.float32)


def _render_middle(rng: Draw, thorax: Thorax, x: FloatImage, y: FloatImage) -> FloatImage:
    """Heart, great vessels and the arch of the aorta, in front of the spine and shifted when the patient is turned."""
    front = x - np.float32(0.6 * thorax.twist)
    low_right, low_left = (dome - 0.24 + float(rng.normal(0, 0.02)) for dome in thorax.domes)
    size = thorax.heart
    blobs = (  # x, y, half width, half height, lean
        (0.22, low_left - 0.02, 0.68 * size, 1.05 * size, -float(rng.uniform(0.6, 1.0))),
        (-0.06, low_right - 0.02, 0.6 * size, 0.85 * size, -0.15),
        (0.1, low_right - 0.46, 0.4 * size, 0.9 * size, 0.2),
        (0.0, -0.75, float(rng.uniform(0.17, 0.25)), 1.0, 0.0),
        (0.13, float(rng.normal(-0.6, 0.05)), float(rng.uniform(0.1, 0.17)), 0.17, 0.0),
    )
    joined = np.zeros_like(x)
    for middle, height, wide, tall, lean in blobs:
        u, v = front - np.float32(middle), y - np.float32(height)
        cosine, sine = np.float32(np.cos(lean)), np.float32(np.sin(lean))
        across, along = (u * cosine + v * sine) / np.float32(wide), (v * cosine - u * sine) / np.float32(tall)
        joined += np.exp(np.float32(8) * (1 - np.sqrt(across * across + along * along)))
    inside = np.log(joined + np.float32(1e-6)) / np.float32(8)  # a smooth maximum: the parts flow into each other
    edge = soft_step(inside, float(rng.uniform(0.03, 0.07)))
    return np.asarray(edge * (np.float32(0.66) + np.float32(0.34) * np.sqrt(np.clip(inside, 0, 1))), np.float32)


def _render_body(rng: Draw, thorax: Thorax, x: FloatImage, y: FloatImage) -> FloatImage:
    """Thickness of torso, neck, head, shoulders and arms."""
    bulk = thorax.bulk
    widths = np.interp(
        np.linspace(-3, 3, 121),
        (-3.0, -1.6, -1.35, -1.05, -0.75, -0.2, 0.5, 3.0),
        (0.36, 0.36 + 0.4 * bulk, 0.62, 1.2 + bulk, 1.1 + bulk, 1.02 + bulk, 1.05 + bulk, 1.0 + 1.3 * bulk),
    ).astype(np.float32)
    widths = cv2.GaussianBlur(widths[None], (0, 0), 2.5)[0]
    torso = np.interp(y, np.linspace(-3, 3, 121), widths).astype(np.float32)
    thick = np.sqrt(np.clip(1 - (x / torso) ** 2, 0, 1))
    across, along = (x - np.float32(0.5 * thorax.twist)) / 0.62, (y + np.float32(rng.uniform(2.0, 2.4))) / 0.72
    head = 1 - across * across - along * along
    thick = np.maximum(thick, np.float32(1.25) * np.sqrt(np.clip(head, 0, 1)))
    for sign in (-1.0, 1.0):
        thick = np.maximum(thick, _render_arm(rng, thorax, np.float32(sign) * x, y))
    return np.asarray(thick, np.float32)


def _render_arm(rng: Draw, thorax: Thorax, u: FloatImage, y: FloatImage) -> FloatImage:
    """Thickness of one arm, a round limb from the shoulder down or up."""
    shoulder = np.float32(1.12 + 0.6 * thorax.bulk), np.float32(-1.02)
    lean = float(rng.uniform(0.5, 1.0)) if thorax.raised else float(rng.uniform(0.18, 0.5))
    direction = (np.sin(lean), -np.cos(lean) if thorax.raised else np.cos(lean))
    along = (u - shoulder[0]) * np.float32(direction[0]) + (y - shoulder[1]) * np.float32(direction[1])
    across = (u - shoulder[0]) * np.float32(direction[1]) - (y - shoulder[1]) * np.float32(direction[0])
    beyond = np.minimum(along, 0)
    radius = np.float32(0.24 + 0.35 * thorax.bulk)
    return np.asarray(0.62 * np.sqrt(np.clip(1 - (across**2 + beyond**2) / radius**2, 0, 1)), np.float32)
