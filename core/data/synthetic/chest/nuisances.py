"""What else a chest radiograph shows, of sick and of healthy people alike: breasts, bowel gas, wires, a marker."""

import cv2
import numpy as np

from core.data.synthetic.chest.thorax import Draw, Thorax, render_cloud, soft_step
from core.data.transforms.arrays import FloatImage


def render_nuisances(rng: Draw, thorax: Thorax) -> FloatImage:
    """What is in the rays' way, ``(side, side)``: density that is added, below zero for gas."""
    density = np.zeros((thorax.side, thorax.side), np.float32)
    if rng.random() < 0.35:
        density += _render_breasts(rng, thorax)
    if rng.random() < 0.6:
        density -= _render_gas(rng, thorax)
    if rng.random() < 0.3:
        density += _render_wires(rng, thorax)
    return density


def _render_breasts(rng: Draw, thorax: Thorax) -> FloatImage:
    """Two soft shadows over the lower lungs, sharper below than above; they look much like faint pneumonia."""
    x, y = thorax.grid
    height, wide = np.float32(rng.uniform(0.25, 0.6)), np.float32(rng.uniform(0.32, 0.46))
    strength = np.float32(rng.uniform(0.04, 0.13))
    shadow = np.zeros_like(x)
    for sign in (-1.0, 1.0):
        across = (x - np.float32(sign * rng.uniform(0.45, 0.58))) / wide
        along = (y - height - np.float32(rng.normal(0, 0.04))) / np.where(y > height, 0.8 * wide, 1.4 * wide)
        shadow = np.maximum(shadow, np.sqrt(np.clip(1 - across * across - along * along, 0, 1)))
    return np.asarray(strength * shadow, np.float32)


def _render_gas(rng: Draw, thorax: Thorax) -> FloatImage:
    """A bubble in the stomach under the left dome, often more in the bowel."""
    x, y = thorax.grid
    gas = np.zeros_like(x)
    wobble = np.float32(0.25) * render_cloud(rng, thorax.side, 0.1 * thorax.scale[0])
    for number in range(int(rng.integers(1, 5))):
        place = (0.42, thorax.domes[1] + 0.25) if number == 0 else (rng.uniform(-0.6, 0.6), rng.uniform(1.1, 1.7))
        wide, tall = rng.uniform(0.08, 0.24), rng.uniform(0.06, 0.14)
        across, along = (x - np.float32(place[0])) / np.float32(wide), (y - np.float32(place[1])) / np.float32(tall)
        gas = np.maximum(gas, soft_step(1 - np.sqrt(across * across + along * along) + wobble, 0.3))
    below = soft_step(y - np.float32(max(thorax.domes) + 0.08), 0.05)
    return np.asarray(np.float32(rng.uniform(0.06, 0.2)) * gas * below, np.float32)


def _render_wires(rng: Draw, thorax: Thorax) -> FloatImage:
    """Leads of a monitor with their round electrodes, sometimes a tube in the windpipe."""
    canvas = thorax.build_canvas()
    t = np.linspace(0, 1, 16)
    for _ in range(int(rng.integers(1, 3))):
        start, end = rng.uniform((-0.8, -0.9), (0.8, 0.6)), rng.uniform((-1.6, 1.2), (1.6, 2.2))
        curve = start + (end - start) * t[:, None] + rng.normal(0, 0.25, 2) * np.sin(np.pi * t)[:, None]
        thorax.paint(canvas, curve, 190, 0.014)
        angles = np.linspace(0, 2 * np.pi, 12)
        thorax.fill(canvas, start + 0.045 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 220)
    if rng.random() < 0.4:
        thorax.paint(canvas, np.array(((0.1, -2.2), (0.02, -1.4), (0.7 * thorax.twist, -0.75))), 130, 0.05)
    return np.float32(rng.uniform(0.1, 0.3)) * thorax.average_down(canvas, 0.4)


def mark_film(rng: Draw, picture: FloatImage) -> FloatImage:
    """Lay the letter for the side, and the edges of the collimator, onto a picture of 0 to 255."""
    side = len(picture)
    if rng.random() < 0.35:
        picture = picture * _render_collimator(rng, side)
    if rng.random() < 0.75:
        letter, right = ("R", False) if rng.random() < 0.8 else ("L", True)
        across = float(rng.uniform(0.03, 0.12))
        place = round(side * (1 - across - 0.05 if right else across)), round(side * float(rng.uniform(0.08, 0.5)))
        canvas = np.zeros(picture.shape, np.uint8)
        size = float(rng.uniform(0.28, 0.6)) * side / 256
        cv2.putText(canvas, letter, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1 + round(size), cv2.LINE_AA)
        ink = canvas.astype(np.float32) / np.float32(255)
        picture = picture + ink * (np.float32(rng.uniform(200, 255)) - picture)
    return np.asarray(picture, np.float32)


def _render_collimator(rng: Draw, side: int) -> FloatImage:
    """1 where rays pass, nearly 0 beyond the leaves, which leave one to four margins black."""
    margins = np.where(rng.random(4) < 0.5, rng.uniform(0.01, 0.07, 4), -0.1) * side
    left, top, right, bottom = margins.tolist()
    corners = np.array(((left, top), (side - right, top), (side - right, side - bottom), (left, side - bottom)))
    lean = float(rng.normal(0, 0.015))
    turned = (corners - side / 2) @ np.array(((1.0, lean), (-lean, 1.0))) + side / 2
    field = np.zeros((side, side), np.uint8)
    cv2.fillPoly(field, [np.rint(16 * turned).astype(np.int32)], 255, cv2.LINE_AA, 4)
    passed = cv2.GaussianBlur(field, (0, 0), 0.7).astype(np.float32) / np.float32(255)
    return np.asarray(np.float32(0.04) + np.float32(0.96) * passed, np.float32)
