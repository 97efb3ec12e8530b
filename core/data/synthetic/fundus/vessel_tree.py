"""Grow the vessel tree of an imaginary retina: arteries and veins that leave the optic disc, branch and taper."""

import heapq
import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

STEP = 0.012
"""Distance between two points of a centre line; all lengths here are in radii of the field of view."""

_CELL = 0.03
_CELLS = 2 * math.ceil(1.1 / _CELL)
_RIM = 1.03
_FOVEAL_AVASCULAR_RADIUS = 0.11


@dataclass(frozen=True)
class Anatomy:
    """Where the landmarks lie: x grows to the temporal side, y downwards, origin in the middle of the picture."""

    disc: tuple[float, float]
    fovea: tuple[float, float]


@dataclass(frozen=True)
class Vessel:
    """One unbranched course of a vessel.

    Attributes:
        points: Centre line, (K, 2), in radii of the field of view.
        radii: Half widths along it, (K,), in the same unit.
        artery: Whether it is an artery; else a vein.
        parent: Index of the vessel it springs from in the list that `grow_vessels` returns, None at the disc.
    """

    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    artery: bool
    parent: int | None


@dataclass(frozen=True, order=True)
class _Bud:
    """A vessel that waits to be grown; the thickest is grown first, `number` breaks ties.

    `bend` is the k of the parabola u = k v² an arcade follows, in coordinates from the disc; None lets the vessel roam.
    """

    thinness: float
    number: int
    x: float = field(compare=False)
    y: float = field(compare=False)
    heading: float = field(compare=False)
    artery: bool = field(compare=False)
    reach: float = field(compare=False)
    bend: float | None = field(compare=False, default=None)
    parent: int | None = field(compare=False, default=None)

    @property
    def radius(self) -> float:
        return -self.thinness


def grow_vessels(rng: np.random.Generator, anatomy: Anatomy, *, finest: float) -> list[Vessel]:
    """Grow all vessels of one eye, parents before their branches.

    Two arcades curve around the macula and two pairs run to the nasal side, each an artery and a vein; small vessels
    leave the disc too. At a branching the radii obey Murray's law, r0³ = r1³ + r2³ (Murray, PNAS 1926), and the angles
    his second one (Murray, J. Gen. Physiol. 1926). Deviations: vessels also taper between branchings, a side twig is
    never finer than about `finest`, its angle is held between about 18 and 75 degrees and varies by 15 %, and the
    parent turns by only 0.7 of its angle, because real trees are as varied. Vessels of one kind avoid each other; an
    artery and a vein may cross.

    Args:
        rng: The only source of chance.
        anatomy: Where the disc and the fovea lie.
        finest: Half width of the thinnest twigs, in radii of the field of view.
    """
    return _Grower(rng, anatomy, finest).grow()


class _Grower:
    """The state of one growth: buds still to grow, vessels grown, and which cells each kind occupies."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy, finest: float) -> None:
        self.rng = rng
        self.anatomy = anatomy
        self.finest = finest
        self.tortuosity = float(rng.uniform(0.7, 1.5))
        self.spacing = float(rng.uniform(0.85, 1.2))
        self.numbers = itertools.count()
        self.buds: list[_Bud] = []
        self.vessels: list[Vessel] = []
        self.occupied = {True: bytearray(_CELLS * _CELLS), False: bytearray(_CELLS * _CELLS)}

    def grow(self) -> list[Vessel]:
        self._plant_arcades()
        self._plant_small_vessels()
        while self.buds:
            self._grow_vessel(heapq.heappop(self.buds))
        return self.vessels

    def _plant(self, radius: float, angle: float, *, artery: bool, reach: float, bend: float | None = None) -> None:
        """Let a vessel leave the disc; `angle` 0 is temporal, a right angle is downwards."""
        start = self.rng.normal(0.0, 0.007, 2)
        x = self.anatomy.disc[0] + float(start[0]) - 0.015 - 0.012 * math.cos(angle)
        y = self.anatomy.disc[1] + float(start[1]) - 0.012 * math.sin(angle)
        bud = _Bud(-radius, next(self.numbers), x, y, angle, artery=artery, reach=reach, bend=bend)
        heapq.heappush(self.buds, bud)

    def _plant_arcades(self) -> None:
        uniform = self.rng.uniform
        calibre = float(uniform(0.88, 1.08))
        for down in (-1.0, 1.0):
            bend = float(uniform(1.45, 2.3))
            nasal = float(uniform(1.95, 2.45))
            apart = float(uniform(1.12, 1.4)) ** (1.0 if self.rng.random() < 0.5 else -1.0)
            for artery in (True, False):
                width = calibre * (0.0106 if artery else 0.0138)
                course = bend * apart if artery else bend / apart
                angle = down * float(uniform(1.25, 1.6))
                self._plant(width * float(uniform(0.9, 1.1)), angle, artery=artery, reach=2.6, bend=course)
                angle = down * (nasal + float(uniform(-0.25, 0.25)))
                self._plant(0.62 * width * float(uniform(0.85, 1.15)), angle, artery=artery, reach=1.6)

    def _plant_small_vessels(self) -> None:
        """Twigs that leave the rim of the disc on their own, to the macula and to the nasal side."""
        for middle, spread, most in ((0.0, 0.7, 4), (math.pi, 0.5, 3)):
            for _ in range(int(self.rng.integers(2, most + 1))):
                angle = middle + float(self.rng.uniform(-spread, spread))
                radius = self.finest * float(self.rng.uniform(1.2, 1.9))
                reach = float(self.rng.uniform(0.35, 0.7))
                self._plant(radius, angle, artery=bool(self.rng.integers(2)), reach=reach)

    def _grow_vessel(self, bud: _Bud) -> None:
        """Walk from the bud until the vessel leaves the picture, is used up or meets its own kind."""
        steps = int(bud.reach / STEP)
        wobble = (self.rng.standard_normal(steps) * self.tortuosity).tolist()
        x, y, heading, radius, curvature = bud.x, bud.y, bud.heading, bud.radius, 0.0
        line = [(x, y, radius)]
        until_branch = float(self.rng.uniform(0.06, 0.2))
        for step in range(1, steps):
            curvature = 0.82 * curvature + 2.4 * wobble[step]
            heading += STEP * curvature + self._correction(bud, x, y, heading, step)
            x += STEP * math.cos(heading)
            y += STEP * math.sin(heading)
            taper = 1.0 - 0.55 * (step / steps) ** 1.5
            if self._is_over(bud, x, y, step) or radius * taper < 0.8 * self.finest:
                break
            line.append((x, y, radius * taper))
            until_branch -= STEP
            if until_branch < 0.0 and step < 0.92 * steps:
                turn, radius = self._branch(bud, x, y, heading, radius * taper, taper)
                heading += turn
                until_branch = self.spacing * float(self.rng.uniform(0.07, 0.24))
        self._finish(bud, line)

    def _correction(self, bud: _Bud, x: float, y: float, heading: float, step: int) -> float:
        """How far the heading turns in one step: towards its course, and away from vessels of its own kind."""
        u, v = x - self.anatomy.disc[0], y - self.anatomy.disc[1]
        if bud.bend is not None:
            down = math.copysign(1.0, bud.heading)
            return 0.16 * _angle_between(heading, math.atan2(down, 2.0 * bud.bend * abs(v)))
        to_fovea = math.atan2(self.anatomy.fovea[1] - y, self.anatomy.fovea[0] - x)
        distance = math.hypot(self.anatomy.fovea[0] - x, self.anatomy.fovea[1] - y)
        inwards = abs(_angle_between(heading, to_fovea)) < 1.4
        if inwards and distance < 0.6:
            turn = 0.05 * min(1.0, 2.0 * self.finest / bud.radius) * _angle_between(heading, to_fovea)
        else:
            turn = 0.025 * _angle_between(heading, math.atan2(v, 2.0 * u))
        if step > 5:
            turn += self._evasion(bud.artery, x, y, heading)
        return turn

    def _evasion(self, artery: bool, x: float, y: float, heading: float) -> float:
        cells, turn = self.occupied[artery], 0.0
        for side in (-0.6, 0.6):
            ahead = (x + 0.075 * math.cos(heading + side), y + 0.075 * math.sin(heading + side))
            turn -= 0.11 * math.copysign(1.0, side) * bool(cells[_cell(*ahead)])
        return turn

    def _is_over(self, bud: _Bud, x: float, y: float, step: int) -> bool:
        if math.hypot(x, y) > _RIM:
            return True
        if bud.bend is None and step > 8 and self.occupied[bud.artery][_cell(x, y)]:
            return True
        if bud.parent is not None and self._is_across_raphe(x, y) != self._is_across_raphe(bud.x, bud.y):
            return True
        avascular = math.hypot(x - self.anatomy.fovea[0], y - self.anatomy.fovea[1]) < _FOVEAL_AVASCULAR_RADIUS
        return avascular and bud.bend is None

    def _is_across_raphe(self, x: float, y: float) -> bool:
        """Whether the point lies below the line from the disc through the fovea, which no branch crosses."""
        (disc_x, disc_y), (fovea_x, fovea_y) = self.anatomy.disc, self.anatomy.fovea
        slope = (fovea_y - disc_y) / (fovea_x - disc_x)
        return x > disc_x + 0.15 and y > disc_y + slope * (x - disc_x)

    def _branch(
        self, bud: _Bud, x: float, y: float, heading: float, radius: float, taper: float
    ) -> tuple[float, float]:
        """Let a side branch bud.

        Returns:
            By how much the parent turns, in radians, and its radius from here on, not yet tapered.
        """
        near_disc = math.hypot(x - self.anatomy.disc[0], y - self.anatomy.disc[1]) < 0.14
        if radius < 1.25 * self.finest or near_disc:
            return 0.0, radius / taper
        share = self.rng.uniform(0.55, 0.85) if self.rng.random() < 0.4 else self.rng.uniform(0.22, 0.5)
        side_radius = max(float(share) * radius, self.finest * float(self.rng.uniform(0.9, 1.3)))
        side_radius = min(side_radius, 0.93 * radius)
        main_radius = (radius**3 - side_radius**3) ** (1 / 3)
        side = 1.0 if self.rng.random() < 0.5 else -1.0
        angle = _branching_angle(radius, side_radius, main_radius) * float(self.rng.uniform(0.85, 1.15))
        reach = float(self.rng.uniform(70.0, 150.0)) * side_radius + 0.1
        daughter = _Bud(
            -side_radius, next(self.numbers), x, y, heading + side * angle, bud.artery, reach, parent=len(self.vessels)
        )
        heapq.heappush(self.buds, daughter)
        return -side * 0.7 * _branching_angle(radius, main_radius, side_radius), main_radius / taper

    def _finish(self, bud: _Bud, line: list[tuple[float, float, float]]) -> None:
        """Keep the vessel, let it thin out where it ends inside the picture, and occupy its cells."""
        course = np.array(line)
        radii = course[:, 2]
        if bud.parent is None:
            start = min(len(radii), 9)
            radii[:start] *= np.linspace(0.5, 1.0, start)
        if math.hypot(*line[-1][:2]) < 0.98:
            tail = min(len(radii), 14)
            radii[-tail:] = np.minimum(radii[-tail:], np.linspace(radii[-tail], 0.75 * self.finest, tail))
        self.vessels.append(Vessel(course[:, :2], radii, bud.artery, bud.parent))
        for x, y, _ in line:
            self.occupied[bud.artery][_cell(x, y)] = 1


def _cell(x: float, y: float) -> int:
    column = min(max(int(x / _CELL + _CELLS / 2), 0), _CELLS - 1)
    row = min(max(int(y / _CELL + _CELLS / 2), 0), _CELLS - 1)
    return row * _CELLS + column


def _angle_between(heading: float, goal: float) -> float:
    """The turn from `heading` to `goal`, in (-π, π]."""
    return math.remainder(goal - heading, 2.0 * math.pi)


def _branching_angle(parent: float, own: float, other: float) -> float:
    """Murray's angle between the parent's direction and a branch of radius `own`, in radians."""
    cosine = (parent**4 + own**4 - other**4) / (2.0 * parent**2 * own**2)
    angle = math.acos(min(max(cosine, -1.0), 1.0))
    return min(max(angle, 0.32 if own < other else 0.0), 1.3)
