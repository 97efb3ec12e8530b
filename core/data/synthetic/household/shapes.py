"""Household things as flat sketches: each class is a way to build a shape, and every call builds another one.

Coordinates are in object units, x to the right and y down, about −1 to 1. The class is told by the shape alone; which
colours the materials get, and from where the thing is seen, is decided elsewhere.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
"""``(K, 2)`` corners of a polygon."""
Point = tuple[float, float]

MAIN, SECOND, THIRD = 1, 2, 3
"""Materials a part may be made of."""

_TURN = 2 * math.pi


class Sketch:
    """Parts painted one over the other: outlines with a material each."""

    def __init__(self) -> None:
        self.parts: list[tuple[Outline, int]] = []

    def polygon(self, points: Iterable[Point], material: int = MAIN) -> None:
        """Add a filled polygon."""
        self.parts.append((np.array(list(points), np.float64), material))

    def box(self, left: float, top: float, right: float, bottom: float, material: int = MAIN) -> None:
        """Add an upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], material)

    def ellipse(self, x: float, y: float, wide: float, tall: float, material: int = MAIN, turn: float = 0.0) -> None:
        """Add a filled ellipse by its middle, its two radii and its turn in radians."""
        self.polygon(_along_ellipse((x, y), (wide, tall), (0, _TURN), turn=turn), material)

    def stroke(self, points: Sequence[Point], width: float, material: int = MAIN) -> None:
        """Add a line of this width with round corners and ends."""
        for x, y in points:
            self.ellipse(x, y, width / 2, width / 2, material)
        for (x, y), (to_x, to_y) in pairwise(points):
            length = math.hypot(to_x - x, to_y - y) or 1.0
            across, down = (y - to_y) / length * width / 2, (to_x - x) / length * width / 2
            corners = [(x + across, y + down), (to_x + across, to_y + down)]
            self.polygon([*corners, (to_x - across, to_y - down), (x - across, y - down)], material)

    def arc(self, middle: Point, radii: Point, width: float, material: int = MAIN, span: Point = (0, _TURN)) -> None:
        """Add a bent line along an ellipse, from one angle to another (radians, clockwise from the right)."""
        self.stroke(_along_ellipse(middle, radii, span, steps=18), width, material)


def _along_ellipse(middle: Point, radii: Point, span: Point, *, turn: float = 0.0, steps: int = 28) -> list[Point]:
    points = []
    for step in range(steps + 1):
        angle = span[0] + (span[1] - span[0]) * step / steps
        x, y = radii[0] * math.cos(angle), radii[1] * math.sin(angle)
        turned = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        points.append((middle[0] + turned[0], middle[1] + turned[1]))
    return points


Uniform = Callable[[float, float], float]
"""Draws a number between two."""


def _alarm_clock(s: Sketch, u: Uniform) -> None:
    radius, foot = 0.62, u(0.4, 0.6)
    for side in (-1, 1):
        s.stroke([(side * 0.3, 0.45), (side * foot, 0.9)], u(0.1, 0.16))
        s.ellipse(side * u(0.36, 0.48), -0.66, u(0.22, 0.32), u(0.16, 0.22), SECOND, turn=side * 0.6)
    s.stroke([(0, -0.5), (0, -0.86)], 0.1, SECOND)
    s.ellipse(0, 0, radius, radius)
    s.ellipse(0, 0, radius * u(0.74, 0.84), radius * 0.8, SECOND)
    for length, width in ((0.44, 0.07), (0.3, 0.09)):
        angle = u(0, _TURN)
        s.stroke([(0, 0), (length * math.cos(angle), length * math.sin(angle))], width, THIRD)


def _bike(s: Sketch, u: Uniform) -> None:
    wheel, width = u(0.36, 0.44), u(0.07, 0.1)
    rear, front = (-0.58, 0.36), (u(0.55, 0.66), 0.36)
    pedals, seat, head = (-0.06, 0.4), (u(-0.3, -0.18), u(-0.3, -0.15)), (u(0.36, 0.46), u(-0.32, -0.18))
    for x, y in (rear, front):
        s.arc((x, y), (wheel, wheel), width, THIRD)
        for spoke in range(3):
            angle = u(0, 1) + spoke * math.pi / 3
            reach = (wheel * math.cos(angle), wheel * math.sin(angle))
            s.stroke([(x - reach[0], y - reach[1]), (x + reach[0], y + reach[1])], 0.025, THIRD)
    s.stroke([rear, pedals, head, seat, rear], width)
    s.stroke([pedals, seat, (seat[0] - 0.04, seat[1] - 0.12)], width)
    s.stroke([front, head, (head[0] - 0.05, head[1] - 0.2), (head[0] + u(0.05, 0.2), head[1] - 0.24)], width)
    s.stroke([(seat[0] - 0.17, seat[1] - 0.14), (seat[0] + 0.1, seat[1] - 0.14)], 0.1, SECOND)
    s.ellipse(*pedals, 0.1, 0.1, SECOND)


def _bottle(s: Sketch, u: Uniform) -> None:
    body, neck, shoulder, collar = u(0.26, 0.38), u(0.08, 0.13), u(-0.3, 0.05), u(-0.6, -0.45)
    right = [(neck, -0.85), (neck, collar), (body, shoulder), (body, 0.92), (body - 0.06, 0.97)]
    s.polygon([*right, *((-x, y) for x, y in reversed(right))])
    s.box(-neck - 0.03, -1, neck + 0.03, -0.82, SECOND)
    s.box(-body, shoulder + u(0.1, 0.25), body, shoulder + u(0.4, 0.75), THIRD)


def _bucket(s: Sketch, u: Uniform) -> None:
    top, bottom, rim = u(0.62, 0.75), u(0.4, 0.52), u(0.1, 0.2)
    s.arc((0, -0.35), (top, u(0.45, 0.62)), u(0.04, 0.07), THIRD, (math.pi, _TURN))
    s.ellipse(0, 0.75, bottom, rim * 0.8)
    s.polygon([(-top, -0.35), (top, -0.35), (bottom, 0.75), (-bottom, 0.75)])
    s.ellipse(0, -0.35, top, rim)
    s.ellipse(0, -0.35, top - 0.07, rim * 0.75, SECOND)


def _candles(s: Sketch, u: Uniform) -> None:
    count = round(u(1.5, 3.5))
    width = 0.72 / count
    for number in range(count):
        x, top, half = (number - (count - 1) / 2) * 1.5 / count, u(-0.45, 0.15), width * u(0.5, 0.75)
        s.box(x - half, top, x + half, 0.72)
        s.ellipse(x, top, half, 0.06, SECOND)
        s.stroke([(x, top), (x, top - 0.1)], 0.035, THIRD)
        s.polygon([(x, top - u(0.42, 0.52)), (x + 0.1, top - 0.18), (x, top - 0.06), (x - 0.1, top - 0.18)], THIRD)
    s.ellipse(0, 0.78, u(0.72, 0.92), u(0.12, 0.2), SECOND)


def _chair(s: Sketch, u: Uniform) -> None:
    skew, seat, width = u(0.15, 0.35), u(0.02, 0.18), u(0.09, 0.13)
    near, far = (-0.5, 0.42), (-0.5 + skew, 0.42 + skew)
    top, depth = u(-0.98, -0.8), u(0.2, 0.32)
    for x, y in ((near[0], seat + depth), (near[1], seat + depth), (far[0], seat), (far[1], seat)):
        s.stroke([(x, y), (x + u(-0.04, 0.04), y + 0.72)], width)
    for x in far:
        s.stroke([(x, seat), (x + u(0, 0.08), top)], width)
    slats = round(u(1.5, 4.5))
    for number in range(slats):
        y = top + 0.06 + (seat - top) * 0.75 * number / slats
        s.stroke([(far[0], y), (far[1], y)], 0.62 / slats if slats < 3 else 0.1, SECOND)
    s.polygon([(near[0] - 0.05, seat + depth), (near[1] + 0.05, seat + depth), (far[1], seat), (far[0], seat)], SECOND)


def _desk_lamp(s: Sketch, u: Uniform) -> None:
    elbow, neck = (u(-0.55, -0.3), u(-0.25, 0.0)), (u(0.0, 0.25), u(-0.75, -0.6))
    width, tilt, wide = u(0.06, 0.1), u(0.2, 1.0), u(0.3, 0.4)
    s.ellipse(-0.1, 0.85, u(0.4, 0.55), u(0.1, 0.16), SECOND)
    s.stroke([(-0.1, 0.85), elbow, neck], width)
    s.ellipse(*elbow, 0.08, 0.08, THIRD)
    along, across = (math.sin(tilt), math.cos(tilt)), (math.cos(tilt), -math.sin(tilt))

    def at(forward: float, aside: float) -> Point:
        return neck[0] + forward * along[0] + aside * across[0], neck[1] + forward * along[1] + aside * across[1]

    s.ellipse(*at(0.52, 0), 0.14, 0.14, THIRD)
    s.polygon([at(-0.12, -0.1), at(-0.12, 0.1), at(0.5, wide), at(0.5, -wide)])


def _fan(s: Sketch, u: Uniform) -> None:
    blades, start, y = round(u(2.6, 5.4)), u(0, _TURN), -0.28
    s.stroke([(0, y), (0, 0.85)], u(0.09, 0.14))
    s.ellipse(0, 0.88, u(0.34, 0.48), u(0.08, 0.12))
    reach = u(0.5, 0.56)
    for number in range(blades):
        angle = start + number * _TURN / blades
        middle = (0.55 * reach * math.cos(angle), y + 0.55 * reach * math.sin(angle))
        s.ellipse(*middle, reach * 0.5, reach * u(0.18, 0.26) * 3 / max(3, blades - 1), SECOND, angle + 0.35)
    s.arc((0, y), (0.62, 0.62), u(0.05, 0.08))
    s.ellipse(0, y, 0.13, 0.13, THIRD)


def _flowers(s: Sketch, u: Uniform) -> None:
    for number in range(round(u(1.6, 3.4))):
        x, y = (-0.45, 0.4, 0.0)[number] + u(-0.1, 0.1), (-0.45, -0.35, -0.7)[number] + u(-0.08, 0.08)
        s.stroke([(x * 0.2, 0.3), (x * 0.6, 0.0), (x, y)], 0.05, THIRD)
        petals, start, reach = round(u(4.6, 7.4)), u(0, 1), u(0.15, 0.2)
        for petal in range(petals):
            angle = start + petal * _TURN / petals
            s.ellipse(x + reach * math.cos(angle), y + reach * math.sin(angle), 0.15, 0.09, MAIN, angle)
        s.ellipse(x, y, 0.1, 0.1, THIRD)
    mouth, belly, foot = u(0.16, 0.26), u(0.24, 0.4), u(0.14, 0.26)
    right = [(mouth, 0.22), (mouth * 0.8, 0.34), (belly, 0.62), (foot, 0.96)]
    s.polygon([*right, *((-x, y) for x, y in reversed(right))], SECOND)


def _fork(s: Sketch, u: Uniform) -> None:
    tines, head, root = round(u(2.6, 4.4)), u(0.17, 0.23), u(-0.42, -0.3)
    handle = u(0.05, 0.08)
    s.polygon([(-0.05, -0.2), (0.05, -0.2), (handle + 0.04, 0.9), (0, 1), (-handle - 0.04, 0.9)])
    s.polygon([(-head, root), (head, root), (0.05, -0.1), (-0.05, -0.1)], SECOND)
    for number in range(tines):
        x = -head + 0.04 + (2 * head - 0.08) * number / (tines - 1)
        s.stroke([(x, root + 0.05), (x, -0.95)], 0.26 / (tines + 0.6), SECOND)


def _glasses(s: Sketch, u: Uniform) -> None:
    wide, tall, width, boxy = u(0.32, 0.4), u(0.22, 0.36), u(0.07, 0.11), u(0, 1) < 0.5
    for side in (-1, 1):
        x = side * 0.48
        s.ellipse(x, 0.1, wide, tall, SECOND)
        if boxy:
            s.box(x - wide, 0.1 - tall, x + wide, 0.1 + tall, SECOND)
            corners = [(x - wide, 0.1 - tall), (x + wide, 0.1 - tall), (x + wide, 0.1 + tall), (x - wide, 0.1 + tall)]
            s.stroke([*corners, corners[0]], width)
        else:
            s.arc((x, 0.1), (wide, tall), width)
        s.stroke([(side * (0.48 + wide), 0.0), (side * u(0.8, 0.98), u(-0.6, -0.45))], width * 0.8, THIRD)
    s.arc((0, 0.08), (0.14, 0.1), width, MAIN, (math.pi, _TURN))


def _hammer(s: Sketch, u: Uniform) -> None:
    width, head, nose = u(0.12, 0.18), u(0.12, 0.17), u(0.38, 0.5)
    s.stroke([(0, -0.6), (0, 0.9)], width)
    s.stroke([(0, 0.35), (0, 0.9)], width * u(1.2, 1.6), THIRD)
    s.box(-0.2, -0.72 - head, nose - 0.1, -0.72 + head, SECOND)
    s.box(nose - 0.12, -0.74 - head * 1.3, nose, -0.7 + head * 1.3, SECOND)
    tip = u(-0.62, -0.5)
    claw = [(-0.18, -0.72 - head), (-0.4, -0.7 - head), (tip, u(-0.55, -0.4)), (-0.36, -0.66), (-0.18, -0.72 + head)]
    s.polygon(claw, SECOND)


def _kettle(s: Sketch, u: Uniform) -> None:
    belly, top = u(0.5, 0.6), u(0.26, 0.36)
    if u(0, 1) < 0.5:
        s.arc((0, -0.35), (u(0.42, 0.5), 0.5), 0.1, THIRD, (math.pi, _TURN))
    else:
        s.arc((-belly * 0.9, 0.1), (0.36, u(0.34, 0.42)), 0.1, THIRD, (math.pi / 2, 1.5 * math.pi))
    s.polygon([(belly * 0.7, u(0.2, 0.4)), (0.95, u(-0.42, -0.3)), (0.8, -0.44), (belly * 0.6, -0.05)])
    right = [(top, -0.35), (belly * 0.93, 0.0), (belly, 0.4), (belly * 0.9, 0.75)]
    s.polygon([*right, *((-x, y) for x, y in reversed(right))])
    s.ellipse(0, -0.35, top, 0.12, SECOND)
    s.ellipse(0, -0.5, 0.09, 0.08, THIRD)


def _laptop(s: Sketch, u: Uniform) -> None:
    lean, hinge, wide = u(-0.12, 0.2), u(0.05, 0.2), u(0.62, 0.72)
    top, front, spread = u(-0.78, -0.6), u(0.62, 0.8), u(0.12, 0.28)
    screen = [(-wide + lean, top), (wide + lean, top), (wide, hinge), (-wide, hinge)]
    base = [(-wide, hinge), (wide, hinge), (wide + spread, front), (-wide - spread, front)]
    s.polygon(screen)
    s.polygon(_inset(screen, 0.86), SECOND)
    s.polygon(base)
    for row in range(3):
        y = hinge + (front - hinge) * (0.16 + 0.17 * row)
        s.stroke([(-wide * 0.9, y), (wide * 0.9, y)], 0.06, THIRD)
    s.polygon(_inset([(x * 0.3, front - (front - y) * 0.35) for x, y in base], 0.9), THIRD)


def _inset(corners: Sequence[Point], part: float) -> list[Point]:
    x, y = (sum(values) / len(corners) for values in zip(*corners, strict=True))
    return [(x + part * (corner[0] - x), y + part * (corner[1] - y)) for corner in corners]


def _mug(s: Sketch, u: Uniform) -> None:
    wide, tall, taper, rim = u(0.45, 0.6), u(0.55, 0.72), u(-0.04, 0.12), u(0.08, 0.18)
    s.arc((wide - 0.06, u(-0.1, 0.1)), (u(0.28, 0.4), u(0.3, 0.42)), u(0.09, 0.14), MAIN, (-1.7, 1.8))
    s.ellipse(0, tall, wide - taper, rim * 0.8)
    s.polygon([(-wide, -tall), (wide, -tall), (wide - taper, tall), (taper - wide, tall)])
    s.ellipse(0, -tall, wide, rim)
    s.ellipse(0, -tall, wide - 0.06, rim * 0.8, SECOND)
    if u(0, 1) < 0.6:
        s.box(-wide + taper, u(-0.2, 0.0), wide - taper, u(0.1, 0.35), THIRD)


def _pan(s: Sketch, u: Uniform) -> None:
    radius, tall = u(0.5, 0.58), u(0.4, 0.58)
    s.stroke([(0, 0), (1.05, u(-0.12, 0.12))], u(0.12, 0.17), THIRD)
    s.ellipse(-0.35, 0, radius, tall)
    s.ellipse(-0.35, u(-0.03, 0.03), radius * 0.82, tall * 0.82, SECOND)


def _scissors(s: Sketch, u: Uniform) -> None:
    opening, ring = u(0.14, 0.4), u(0.18, 0.24)
    for side in (-1, 1):
        tip, grip = (side * opening, -0.98), (-side * (0.14 + opening * 0.55), 0.42)
        middle = (tip[0] * 0.5 + side * 0.09, -0.5)
        s.polygon([tip, middle, (side * 0.09, 0.02), (-side * 0.09, 0.06)], SECOND)
        s.stroke([(0, 0), grip], 0.12, SECOND)
        s.arc((grip[0] - side * 0.08, grip[1] + ring), (ring * u(0.75, 1), ring * 1.15), u(0.09, 0.12))
    s.ellipse(0, 0, 0.06, 0.06, THIRD)


def _shelf(s: Sketch, u: Uniform) -> None:
    wide, boards, width = u(0.52, 0.75), round(u(2.6, 4.4)), u(0.07, 0.11)
    gap = 1.8 / (boards - 1)
    for number in range(boards):
        y = -0.9 + gap * number
        x = -wide + 0.08
        while number and x < wide - 0.2 and u(0, 1) < 0.85:
            thick = u(0.08, 0.16)
            s.box(x, y - gap * u(0.4, 0.8), x + thick, y, SECOND if u(0, 1) < 0.5 else THIRD)
            x += thick + u(0, 0.08)
        s.stroke([(-wide, y), (wide, y)], width)
    for side in (-1, 1):
        s.stroke([(side * wide, -0.9), (side * wide, 0.98)], width)


def _spoon(s: Sketch, u: Uniform) -> None:
    wide, tall, handle = u(0.2, 0.27), u(0.3, 0.38), u(0.05, 0.08)
    s.polygon([(-0.05, -0.4), (0.05, -0.4), (handle + 0.04, 0.9), (0, 1), (-handle - 0.04, 0.9)])
    s.ellipse(0, -0.62, wide, tall)
    s.ellipse(0, -0.6, wide * 0.75, tall * 0.8, SECOND)


def _table(s: Sketch, u: Uniform) -> None:
    skew, top, depth, width = u(0.1, 0.3), u(-0.5, -0.3), u(0.2, 0.35), u(0.09, 0.14)
    near, far = (-0.9, 0.72), (-0.9 + skew, 0.72 + skew)
    ends = ((near, top + depth), (far, top))
    for xs, y in ends:
        for x in (xs[0] + 0.08, xs[1] - 0.08):
            s.stroke([(x, y), (x, y + u(0.85, 0.9))], width)
    s.polygon([(near[0], top + depth), (near[1], top + depth), (far[1], top), (far[0], top)], SECOND)
    s.box(near[0], top + depth, near[1], top + depth + u(0.1, 0.16))


CLASSES: dict[str, Callable[[Sketch, Uniform], None]] = {
    "Alarm_Clock": _alarm_clock, "Bike": _bike, "Bottle": _bottle, "Bucket": _bucket, "Candles": _candles,
    "Chair": _chair, "Desk_Lamp": _desk_lamp, "Fan": _fan, "Flowers": _flowers, "Fork": _fork,
    "Glasses": _glasses, "Hammer": _hammer, "Kettle": _kettle, "Laptop": _laptop, "Mug": _mug,
    "Pan": _pan, "Scissors": _scissors, "Shelf": _shelf, "Spoon": _spoon, "Table": _table,
}  # fmt: skip
"""How each class is sketched; the names are Office-Home's."""

LYING = frozenset({"Fork", "Glasses", "Hammer", "Pan", "Scissors", "Spoon"})
"""What lies on a table any way round; the rest stands upright."""


def sketch_object(name: str, rng: np.random.Generator) -> Sketch:
    """Build a shape of this class."""
    sketch = Sketch()
    CLASSES[name](sketch, lambda low, high: float(rng.uniform(low, high)))
    return sketch
