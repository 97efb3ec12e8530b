"""Round bodies made of tubes: what the animals of synthetic pet pictures, and the things around them, are built of."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.transforms.arrays import FloatImage, Mask

Points = NDArray[np.float64]
"""``(K, 2)``, x to the right and y downwards."""
Draw = np.random.Generator

SHIFT = 4
"""Binary places of the coordinates that OpenCV draws at."""


@dataclass(frozen=True)
class Tube:
    """A round part: balls of these radii along a line, joined.

    Attributes:
        points: The line, ``(K, 2)``; its corners are cut twice, so that it runs smoothly.
        radii: ``(K,)``.
        depth: How much nearer to the camera its axis lies than that of others.
        zone: What it is a part of, for the coat.
    """

    points: Points
    radii: NDArray[np.float64]
    depth: float = 0.0
    zone: str = "body"

    @cached_property
    def smooth(self) -> NDArray[np.float64]:
        """The smooth line with its radii, ``(M, 3)``."""
        course = np.column_stack([self.points, self.radii])
        for _ in range(2 if len(course) > 2 else 0):  # Chaikin's corner cutting (1974), ends kept
            near, far = 0.75 * course[:-1] + 0.25 * course[1:], 0.25 * course[:-1] + 0.75 * course[1:]
            cut = np.stack([near, far], axis=1).reshape(-1, 3)
            course = np.concatenate([course[:1], cut[1:-1], course[-1:]])
        return course


def build_tube(*balls: tuple[float, float, float], depth: float = 0.0, zone: str = "body") -> Tube:
    """Build a tube of balls (x, y, radius)."""
    course = np.array(balls, np.float64)
    return Tube(course[:, :2], course[:, 2], depth, zone)


@dataclass(frozen=True)
class Pose:
    """Where units of the body lie in the picture: ``pixels = points @ turn + place``.

    Attributes:
        turn: ``(2, 2)``.
        place: ``(2,)``.
        size: Height and width of the picture.
    """

    turn: Points
    place: NDArray[np.float64]
    size: tuple[int, int]

    @cached_property
    def scale(self) -> float:
        """Pixels of one unit."""
        return float(np.sqrt(abs(np.linalg.det(self.turn))))

    def to_pixels(self, points: Points) -> Points:
        """Turn units into pixels (x, y)."""
        return np.asarray(points @ self.turn + self.place)

    def box(self, points: Points, margin: float) -> tuple[slice, slice]:
        """Rows and columns of the picture that hold these points (x, y), pixels, with a margin around."""
        low = np.floor(points.min(axis=0) - margin).astype(int)
        high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
        columns, rows = (
            slice(min(max(a, 0), end), min(max(b, 0), end))
            for a, b, end in zip(low.tolist(), high.tolist(), self.size[::-1], strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Relief:
    """Tubes seen by the camera, nearer ones before farther ones.

    Attributes:
        height: How near the surface is, pixels, ``(H, W)``; 0 where there is none.
        owner: Number of the tube that is seen, ``(H, W)``; -1 where there is none.
        cover: How much of each pixel is covered, ``(H, W)``, 0 to 1.
    """

    height: FloatImage
    owner: NDArray[np.int16]
    cover: FloatImage


def build_relief(tubes: list[Tube], pose: Pose) -> Relief:
    """Lay tubes over each other."""
    lowest = np.float32(-1e4)
    height = np.full(pose.size, lowest)
    owner = np.full(pose.size, -1, np.int16)
    cover = np.zeros(pose.size, np.uint8)
    for number, tube in enumerate(tubes):
        box = find_box(tube, pose)
        part = _paint_tube(tube, pose, box)
        if not part.any():
            continue
        rise = _bulge(part > 127, float(tube.radii.max()) * pose.scale) + np.float32(tube.depth * pose.scale)
        nearer = (part > 127) & (rise > height[box])
        height[box][nearer] = rise[nearer]
        owner[box][nearer] = number
        cover[box] = np.maximum(cover[box], part)
    height[owner < 0] = 0
    return Relief(height, owner, cover.astype(np.float32) / np.float32(255))


def find_box(tube: Tube, pose: Pose) -> tuple[slice, slice]:
    """Rows and columns of the picture that hold a tube, with a pixel of background around it."""
    return pose.box(pose.to_pixels(tube.smooth[:, :2]), float(tube.radii.max()) * pose.scale + 2)


def _paint_tube(tube: Tube, pose: Pose, box: tuple[slice, slice]) -> NDArray[np.uint8]:
    """How much a tube covers each pixel of a box, 0 to 255."""
    canvas = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    if not canvas.size:
        return canvas
    centres = pose.to_pixels(tube.smooth[:, :2]) - (box[1].start, box[0].start)
    radii = np.maximum(tube.smooth[:, 2:] * pose.scale, 0.5)
    along = np.diff(centres, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    near, far = across * radii[:-1], across * radii[1:]
    quads = np.stack([centres[:-1] + near, centres[1:] + far, centres[1:] - far, centres[:-1] - near], axis=1)
    unit = 1 << SHIFT
    for quad in np.rint(quads * unit).astype(np.int32):
        cv2.fillConvexPoly(canvas, quad, 255, cv2.LINE_AA, SHIFT)
    for x, y, radius in np.rint(np.column_stack([centres, radii]) * unit).astype(int).tolist():
        cv2.circle(canvas, (x, y), radius, 255, cv2.FILLED, cv2.LINE_AA, SHIFT)
    return canvas


def _bulge(inside: Mask, radius: float) -> FloatImage:
    """Height of a round thing over its outline: a circle's arc over the distance from the edge."""
    distance = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    fall = 1 - np.minimum(distance / np.float32(max(radius, 1.0)), 1)
    return np.asarray(np.float32(radius) * np.sqrt(1 - fall * fall), np.float32)


def light_relief(relief: Relief, sun: tuple[float, float, float]) -> FloatImage:
    """How bright each pixel of a relief is, ``(H, W)``, about 0.4 to 1.2: light from a side, and darker creases.

    Args:
        relief: What is lit.
        sun: Direction to the light (x, y, towards the camera), of length 1.
    """
    fine = cv2.GaussianBlur(relief.height, (0, 0), 1.6)
    across, down = (np.asarray(cv2.Sobel(fine, cv2.CV_32F, dx, 1 - dx, scale=0.125)) for dx in (1, 0))
    facing = sun[2] - np.float32(sun[0]) * across - np.float32(sun[1]) * down
    facing = facing / np.sqrt(1 + across * across + down * down)
    crease = np.clip((cv2.blur(relief.height, (15, 15)) - relief.height) / 12, 0, 1)
    return np.asarray((0.48 + 0.62 * np.clip(facing, 0, 1)) * (1 - 0.45 * crease), np.float32)
