"""How cats and dogs stand, sit and lie: their bodies as tubes, feet on y = 0."""

from dataclasses import dataclass

import numpy as np

from core.data.synthetic.pets.shapes import Draw, Points, Tube, build_tube


@dataclass(frozen=True)
class Build:
    """Proportions of an animal.

    Attributes:
        cat: Whether it is a cat; else a dog.
        legs: Length of the legs, 1 for a cat.
        girth: Thickness of trunk and limbs.
        ears: ``pointed``, ``tall``, ``floppy`` or ``folded``.
        muzzle: How far the muzzle stands out, head radii.
        tail: ``long``, ``bushy``, ``curled`` or ``short``.
    """

    cat: bool
    legs: float
    girth: float
    ears: str
    muzzle: float
    tail: str


@dataclass(frozen=True)
class Head:
    """Where the head is and where it looks.

    Attributes:
        centre: Its middle, in units of the body.
        radius: Its radius.
        roll: Radians by which it is tilted.
        yaw: -1 in profile to the left, 0 into the camera, 1 in profile to the right.
    """

    centre: tuple[float, float]
    radius: float
    roll: float
    yaw: float

    def place(self, points: Points) -> Points:
        """Turn points in head radii around its middle into units of the body."""
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        return np.asarray(self.radius * points @ np.array(((cosine, sine), (-sine, cosine))) + self.centre)

    def tube(self, *balls: tuple[float, float, float], depth: float = 0.0, zone: str = "head") -> Tube:
        """Build a tube of balls (x, y, radius) in head radii."""
        course = np.array(balls, np.float64)
        return Tube(self.place(course[:, :2]), self.radius * course[:, 2], self.radius * depth, zone)


@dataclass(frozen=True)
class Animal:
    """A posed animal.

    Attributes:
        tubes: All its parts.
        head: Where its head is.
        build: Its proportions.
        whole: Whether the picture shows it down to its feet.
    """

    tubes: list[Tube]
    head: Head
    build: Build
    whole: bool


def pose_animal(rng: Draw, build: Build) -> Animal:
    """Draw a pose."""
    poses = (_stand, _sit_facing, _sit_sideways, _lie, _curl, _show_face)
    pose = poses[int(rng.choice(len(poses), p=(0.24, 0.19, 0.17, 0.16, 0.06, 0.18)))]
    tubes, head = pose(rng, build)
    return Animal([*tubes, *_build_head(rng, build, head)], head, build, pose is not _show_face)


def _limb(start: tuple[float, float], bends: Points, width: float, *, depth: float, foot: float = 0.0) -> list[Tube]:
    """A leg that tapers to the foot, and the foot, `foot` units long to the right."""
    course = np.concatenate([np.array([start]), bends])
    widths = width * np.interp(np.linspace(0, 1, len(course)), (0, 0.45, 1), (1.0, 0.62, 0.5))
    end = course[-1]
    toe = build_tube((*end, 0.56 * width), (end[0] + foot, end[1] + 0.01, 0.5 * width), depth=depth + 0.02, zone="paw")
    return [Tube(course, widths, depth, "leg"), toe]


def _tail(rng: Draw, build: Build, root: tuple[float, float], way: float, *, low: bool = False) -> Tube:
    """A tail from its root to the left; `way` is its first direction in radians above level."""
    length = {"long": 1.5, "bushy": 1.25, "curled": 1.1, "short": 0.35}[build.tail] * float(rng.uniform(0.8, 1.1))
    turn = {"long": float(rng.normal(0, 1.0)), "bushy": 0.6, "curled": -3.6, "short": 0.3}[build.tail]
    if low:
        turn = -abs(way) * 1.2
    headings = way + turn * np.linspace(0, 1, 6)
    steps = length / 6 * np.stack([-np.cos(headings), -np.sin(headings)], axis=1)
    course = np.concatenate([np.array([root]), np.array(root) + np.cumsum(steps, axis=0)])
    if low:
        course[:, 1] = np.minimum(course[:, 1], -0.08)
    widths = np.array((0.11, 0.1, 0.1, 0.095, 0.09, 0.08, 0.05))
    if build.tail == "bushy":
        widths = np.array((0.1, 0.15, 0.2, 0.22, 0.2, 0.15, 0.06))
    return Tube(course, widths * (0.7 + 0.3 * build.girth), -0.15, "tail")


def _stand(rng: Draw, build: Build) -> tuple[list[Tube], Head]:
    """On four legs, seen from the side, perhaps walking."""
    tall, girth = 1.25 * build.legs, build.girth
    back, chest = -tall - 0.05, -tall - 0.1
    trunk = build_tube(
        (0.0, back, 0.4 * girth), (0.5, back + 0.03, 0.41 * girth), (1.05, chest + 0.03, 0.43 * girth),
        (1.55, chest + 0.03, 0.46 * girth), (1.85, chest - 0.03, 0.38 * girth),
    )  # fmt: skip
    swings = rng.normal(0, 0.16, 4)
    tubes = [trunk]
    for number, (hip, near) in enumerate(((0.08, True), (0.2, False), (1.66, True), (1.78, False))):
        swing, depth = float(swings[number]), (0.28 if near else -0.3) * girth
        hind = number < 2
        knee = (hip + (0.14 if hind else 0.03) + 0.5 * swing, -0.58 * tall)
        hock = (hip + (-0.16 if hind else 0.0) + 0.9 * swing, -0.3 * tall)
        foot = (hip + (-0.08 if hind else 0.0) + swing, -0.07)
        width = (0.3 if hind else 0.22) * (0.55 + 0.45 * girth)
        tubes += _limb((hip, back + 0.12), np.array((knee, hock, foot)), width, depth=depth, foot=0.1)
    up = float(rng.uniform(0.3, 0.75))
    head = _look(rng, (2.05 + 0.25 * up, chest - 0.25 - 0.55 * up), 0.43 if build.cat else 0.45, sideways=True)
    neck = build_tube((1.72, chest, 0.38 * girth), (*head.centre, 0.3), zone="neck", depth=0.05)
    return [*tubes, neck, _tail(rng, build, (-0.3 * girth, back - 0.1), float(rng.uniform(-0.9, 1.2)))], head


def _sit_facing(rng: Draw, build: Build) -> tuple[list[Tube], Head]:
    """Sitting, the chest towards the camera."""
    girth, turn = build.girth, float(rng.normal(0, 0.12))
    top = -1.45 * (0.75 + 0.25 * build.legs)
    trunk = build_tube((0.0, -0.42, 0.56 * girth), (0.5 * turn, 0.5 * top, 0.52 * girth), (turn, top, 0.36 * girth))
    tubes = [trunk]
    for side in (-1.0, 1.0):
        tubes.append(build_tube((side * 0.42, -0.5, 0.3 * girth), (side * 0.5, -0.28, 0.26 * girth), zone="leg"))
        tubes.append(build_tube((side * 0.5, -0.09, 0.12), (side * 0.56, -0.05, 0.12), depth=0.35, zone="paw"))
        shoulder = (turn + side * 0.2, top + 0.3)
        feet = np.array(((turn + side * 0.2, -0.6), (0.6 * turn + side * 0.17, -0.09)))
        tubes += _limb(shoulder, feet, 0.21 * (0.5 + 0.5 * girth), depth=0.42 * girth, foot=0.03 * side)
    head = _look(rng, (1.25 * turn, top - 0.42), 0.46 if build.cat else 0.48, sideways=False)
    neck = build_tube((turn, top, 0.34 * girth), (*head.centre, 0.32), zone="neck", depth=0.12)
    root = (-0.3 if rng.random() < 0.5 else 0.3, -0.15)
    tail = _tail(rng, build, root, float(rng.uniform(-0.2, 0.6)), low=True)
    if root[0] > 0:
        tail = Tube(tail.points * (-1, 1) + (2 * root[0], 0), tail.radii, tail.depth, tail.zone)
    return [*tubes, neck, tail], head


def _sit_sideways(rng: Draw, build: Build) -> tuple[list[Tube], Head]:
    """Sitting, seen from the side."""
    girth, tall = build.girth, 0.75 + 0.25 * build.legs
    chest = (0.78, -1.32 * tall)
    trunk = build_tube((0.05, -0.42, 0.42 * girth), (0.35, -0.75, 0.44 * girth), (*chest, 0.38 * girth))
    haunch = build_tube((0.12, -0.42, 0.4 * girth), (0.32, -0.34, 0.3 * girth), depth=0.2, zone="leg")
    foot = build_tube((0.3, -0.1, 0.12), (0.58, -0.09, 0.11), depth=0.25, zone="paw")
    tubes = [trunk, haunch, foot]
    for near in (True, False):
        shift = 0.0 if near else 0.16
        feet = np.array(((0.86 + shift, -0.7), (0.84 + shift, -0.08)))
        depth = 0.25 if near else -0.25
        tubes += _limb((0.8 + shift, chest[1] + 0.15), feet, 0.2 * (0.5 + 0.5 * girth), depth=depth, foot=0.1)
    head = _look(rng, (1.0, chest[1] - 0.5), 0.44 if build.cat else 0.46, sideways=True)
    neck = build_tube((*chest, 0.36 * girth), (*head.centre, 0.3), zone="neck", depth=0.06)
    return [*tubes, neck, _tail(rng, build, (-0.25, -0.16), float(rng.uniform(-0.1, 0.5)), low=True)], head


def _lie(rng: Draw, build: Build) -> tuple[list[Tube], Head]:
    """Lying with the head up, front legs stretched out."""
    girth = build.girth
    trunk = build_tube(
        (0.0, -0.4, 0.38 * girth), (0.6, -0.47, 0.44 * girth), (1.2, -0.52, 0.44 * girth), (1.6, -0.62, 0.38 * girth)
    )
    haunch = build_tube((0.1, -0.42, 0.38 * girth), (0.35, -0.3, 0.28 * girth), depth=0.25, zone="leg")
    foot = build_tube((0.45, -0.1, 0.12), (0.75, -0.09, 0.11), depth=0.35, zone="paw")
    tubes = [trunk, haunch, foot]
    for near in (True, False):
        reach, depth = float(rng.uniform(0.55, 0.95)), 0.3 if near else -0.1
        feet = np.array(((1.75, -0.16 - 0.05 * (not near)), (1.65 + reach, -0.1 - 0.06 * (not near))))
        tubes += _limb((1.5, -0.4), feet, 0.19 * (0.5 + 0.5 * girth), depth=depth, foot=0.08)
    head = _look(rng, (1.85, -1.15 - 0.1 * build.legs), 0.44 if build.cat else 0.46, sideways=True)
    neck = build_tube((1.55, -0.65, 0.38 * girth), (*head.centre, 0.32), zone="neck", depth=0.1)
    return [*tubes, neck, _tail(rng, build, (-0.3, -0.2), float(rng.uniform(-0.1, 0.3)), low=True)], head


def _curl(rng: Draw, build: Build) -> tuple[list[Tube], Head]:
    """Rolled up, the head on the paws."""
    girth = build.girth
    angles = np.linspace(2.6, 6.6, 9)
    ring = np.stack([0.62 * np.cos(angles), -0.56 + 0.34 * np.sin(angles)], axis=1)
    trunk = Tube(ring, girth * np.interp(np.linspace(0, 1, 9), (0, 0.3, 0.8, 1), (0.4, 0.52, 0.5, 0.4)))
    haunch = build_tube((-0.5, -0.4, 0.38 * girth), (-0.25, -0.28, 0.3 * girth), depth=0.25, zone="leg")
    tail = build_tube((-0.75, -0.15, 0.11), (-0.3, -0.08, 0.12), (0.25, -0.1, 0.11), depth=0.5, zone="tail")
    paw = build_tube((0.25, -0.18, 0.13), (0.0, -0.14, 0.12), depth=0.45, zone="paw")
    head = Head((0.42, -0.4), 0.42, float(rng.normal(0.3, 0.25)), float(rng.uniform(-0.6, 0.2)))
    return [trunk, haunch, tail, paw], head


def _show_face(rng: Draw, build: Build) -> tuple[list[Tube], Head]:
    """Head and chest, near to the camera."""
    girth = build.girth
    lean = float(rng.normal(0, 0.25))
    head = Head((0.0, -1.9), 0.62, float(rng.normal(0, 0.16)), float(np.clip(rng.normal(0, 0.35), -1, 1)))
    neck = build_tube((0.0, -1.75, 0.42), (0.6 * lean, -1.1, 0.5 * girth), (lean, -0.3, 0.72 * girth), zone="neck")
    chest = build_tube((lean, -0.5, 0.66 * girth), (1.3 * lean, 0.4, 0.85 * girth))
    return [chest, neck], head


def _look(rng: Draw, centre: tuple[float, float], radius: float, *, sideways: bool) -> Head:
    """Draw where a head looks; a body seen from the side carries its head to the right, or turns it to the camera."""
    size = radius * float(rng.uniform(0.92, 1.1))
    if sideways:
        yaw = float(rng.uniform(0.55, 1.0)) if rng.random() < 0.5 else float(rng.normal(0.1, 0.25))
        return Head(centre, size, float(rng.normal(0.05, 0.12)), float(np.clip(yaw, -1, 1)))
    return Head(centre, size, float(rng.normal(0, 0.14)), float(np.clip(rng.normal(0, 0.4), -1, 1)))


def _build_head(rng: Draw, build: Build, head: Head) -> list[Tube]:
    """Skull, cheeks, muzzle and ears."""
    yaw = head.yaw
    skull = head.tube((-0.12 * yaw, -0.12, 0.9), (0.04 * yaw, 0.12, 0.84), depth=0.5)
    cheeks = 0.42 * (1 - 0.5 * abs(yaw)) if build.cat else 0.2
    jaw = head.tube((-cheeks + 0.15 * yaw, 0.34, 0.52), (cheeks + 0.15 * yaw, 0.34, 0.52), depth=0.6)
    out = build.muzzle
    end = (yaw * (0.55 + out), 0.34 + 0.22 * out * (1 - abs(yaw)) + 0.06 * out)
    size = 0.34 if build.cat else 0.36
    snout = head.tube((0.4 * yaw, 0.22, size + 0.08), (*end, size - 0.04), depth=0.85 + 0.5 * out, zone="muzzle")
    return [skull, jaw, snout, *_build_ears(rng, build, head)]


def _build_ears(rng: Draw, build: Build, head: Head) -> list[Tube]:
    ears = []
    spread = float(rng.uniform(0.9, 1.1))
    for side in (-1.0, 1.0):
        shift = -0.32 * head.yaw
        x = side * (1 - 0.42 * abs(head.yaw)) * spread
        far = head.yaw * side > 0.45
        depth = 0.0 if far else 0.42
        if build.ears in {"pointed", "tall"}:
            tip = -1.32 if build.ears == "pointed" else -1.6
            balls = ((0.5 * x + shift, -0.55, 0.4), (0.62 * x + shift, -0.9, 0.24), (0.76 * x + shift, tip, 0.03))
        elif build.ears == "floppy":
            depth += 0.5 - 0.9 * far
            drop = float(rng.uniform(0.45, 0.85))
            balls = ((0.62 * x + shift, -0.62, 0.22), (1.0 * x + shift, -0.2, 0.32), (0.98 * x + shift, drop, 0.2))
        else:
            depth += 0.4
            balls = ((0.56 * x + shift, -0.68, 0.28), (0.76 * x + shift, -0.86, 0.24), (0.9 * x + shift, -0.55, 0.12))
        ears.append(head.tube(*balls, depth=depth, zone="ear"))
    return ears
