"""The faces of imaginary cats and dogs: eyes, nose, mouth, the inside of the ears and whiskers."""

import cv2
import numpy as np

from core.data.synthetic.pets.bodies import Animal, Head
from core.data.synthetic.pets.shapes import SHIFT, Draw, Points, Pose
from core.data.synthetic.pets.textures import Colour
from core.data.transforms.arrays import FloatImage

_IRIS = {
    True: ((0.55, 0.62, 0.20), (0.75, 0.60, 0.18), (0.35, 0.60, 0.65), (0.45, 0.55, 0.30)),
    False: ((0.25, 0.14, 0.07), (0.32, 0.20, 0.10), (0.18, 0.11, 0.07)),
}
_ROUND = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], axis=1)


class _Brush:
    """Paints soft-edged shapes in a head's own coordinates onto a picture."""

    def __init__(self, picture: FloatImage, head: Head, pose: Pose) -> None:
        self.picture = picture
        self.head = head
        self.pose = pose

    def fill(self, outline: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Fill a polygon."""
        self._paint(outline, 0, colour, opacity)

    def line(self, points: Points, width: float, colour: Colour, opacity: float = 1.0) -> None:
        """Draw a line of a width in head radii, at least a pixel."""
        self._paint(points, max(1, round(width * self.head.radius * self.pose.scale)), colour, opacity)

    def _paint(self, points: Points, thickness: int, colour: Colour, opacity: float) -> None:
        """Blend a line of this many pixels, or for 0 a filled polygon, into the picture."""
        pixels = self.pose.to_pixels(self.head.place(points))
        box = self.pose.box(pixels, thickness + 1)
        part = self.picture[box]
        if not part.size:
            return
        canvas = np.zeros(part.shape[:2], np.uint8)
        fixed = np.rint((pixels - (box[1].start, box[0].start)) * (1 << SHIFT)).astype(np.int32)
        if thickness:
            cv2.polylines(canvas, [fixed], False, 255, thickness, cv2.LINE_AA, SHIFT)
        else:
            cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, SHIFT)
        weight = canvas[..., None].astype(np.float32) * np.float32(opacity / 255)
        part += weight * (np.array(colour, np.float32) - part)


def paint_ears(rng: Draw, animal: Animal, picture: FloatImage, pose: Pose) -> None:
    """Paint the pink inside of ears that stand up, before the light falls on the picture."""
    if animal.build.ears not in {"pointed", "tall"}:
        return
    head, brush = animal.head, _Brush(picture, animal.head, pose)
    tip = -1.32 if animal.build.ears == "pointed" else -1.6
    shade = float(rng.uniform(0.7, 1.0))
    for side in (-1.0, 1.0):
        if head.yaw * side > 0.45:
            continue
        x, shift = side * (1 - 0.42 * abs(head.yaw)), -0.32 * head.yaw
        outline = np.array(((0.42 * x + shift, -0.72), (0.76 * x + shift, -0.62), (0.72 * x + shift, 0.88 * tip)))
        brush.fill(outline, (0.78 * shade, 0.55 * shade, 0.5 * shade), 0.6)


def paint_face(rng: Draw, animal: Animal, picture: FloatImage, pose: Pose) -> None:
    """Paint eyes, nose, mouth and whiskers over the lit picture, ``(H, W, 3)``, 0 to 1."""
    head, build = animal.head, animal.build
    brush = _Brush(picture, head, pose)
    palette = _IRIS[build.cat]
    iris = palette[int(rng.integers(len(palette)))]
    for side in (-1.0, 1.0):
        if -head.yaw * side < 0.62:
            _paint_eye(rng, brush, build.cat, side, iris)
    out = build.muzzle
    tip = np.array((head.yaw * (0.62 + 1.2 * out), 0.14 + 0.2 * out * (1 - abs(head.yaw)) + 0.06 * out))
    _paint_mouth(rng, brush, build.cat, tip)
    if build.cat:
        for side in (-1.0, 1.0):
            for angle in (-0.22, 0.0, 0.2):
                far = (side * (0.2 + 0.85 * np.cos(angle)), 0.16 + 0.85 * np.sin(angle) + float(rng.normal(0, 0.05)))
                brush.line(tip + np.array(((side * 0.2, 0.16), far)), 0.012, (0.92, 0.92, 0.9), 0.55)


def _paint_eye(rng: Draw, brush: _Brush, cat: bool, side: float, iris: Colour) -> None:
    yaw = brush.head.yaw
    narrow = max(0.35, 1 - 0.55 * max(0.0, yaw * side))
    centre = np.array((side * 0.4 * (1 - 0.35 * abs(yaw)) + 0.42 * yaw, -0.08))
    wide, tall = (0.19 * narrow, 0.15) if cat else (0.14 * narrow, 0.13)
    tilt = np.array(((1.0, -0.25 * side * cat), (0.0, 1.0)))
    brush.fill(centre + _ROUND * (1.3 * wide, 1.3 * tall) @ tilt, (0.07, 0.05, 0.05), 0.8)
    brush.fill(centre + _ROUND * (wide, tall) @ tilt, iris)
    pupil = (0.3 * wide + 0.03 * float(rng.random()), 0.85 * tall) if cat else (0.62 * wide, 0.62 * tall)
    brush.fill(centre + (0.1 * wide * yaw, 0.0) + _ROUND * pupil, (0.02, 0.02, 0.02))
    brush.fill(centre + (-0.25 * wide, -0.35 * tall) + 0.04 * _ROUND, (0.98, 0.98, 0.98), 0.9)


def _paint_mouth(rng: Draw, brush: _Brush, cat: bool, tip: Points) -> None:
    """Nose, the cleft below it, the mouth, and a dog's tongue when it pants."""
    yaw, size = brush.head.yaw, 0.11 if cat else 0.17
    pink = cat and rng.random() < 0.6
    nose = (0.72, 0.45, 0.42) if pink else (0.06, 0.05, 0.05)
    split = np.array([tip[0] - 0.12 * yaw, tip[1] + 0.3])
    if not cat and rng.random() < 0.35:
        tongue = split + (0.0, 0.14) + _ROUND * (0.13, 0.24)
        brush.fill(tongue, (0.78, 0.38, 0.40))
    lips = np.array(((-0.24 - 0.2 * yaw, 0.09), (-0.1, 0.08), (0.0, 0.0), (0.1, 0.08), (0.24 - 0.2 * yaw, 0.09)))
    dark = (0.12, 0.08, 0.07)
    brush.line(np.stack([tip, split]), 0.03, dark, 0.7)
    brush.line(split + lips, 0.035, dark, 0.7)
    corners = np.array(((-1.0, -0.6), (-0.5, -0.85), (0.5, -0.85), (1.0, -0.6), (0.35, 0.5), (0.0, 0.75), (-0.35, 0.5)))
    brush.fill(tip + corners * (size * max(0.7, 1 - 0.3 * abs(yaw)), size), nose)
