import numpy as np
import pytest

from core.data.synthetic.pets.bodies import Animal, Build, pose_animal
from core.data.synthetic.pets.coats import BREEDS, Breed, Coat, render_coat
from core.data.synthetic.pets.shapes import Pose, Relief, build_relief, build_tube, light_relief
from core.data.synthetic.pets.textures import build_hair, comb

SIZE = (80, 100)
SUN = (-0.6, 0.0, 0.8)


def _pose(scale: float = 20.0, place: tuple[float, float] = (50.0, 40.0)) -> Pose:
    return Pose(scale * np.eye(2), np.array(place), SIZE)


def _ball(x: float = 0.0, y: float = 0.0) -> Relief:
    return build_relief([build_tube((x, y, 1.0), (x, y + 1e-3, 1.0))], _pose())


def _breed(name: str) -> Breed:
    return next(each for each in BREEDS if each.name == name)


def _poses(build: Build, count: int = 40) -> list[Animal]:
    return [pose_animal(np.random.default_rng(seed), build) for seed in range(count)]


def test_a_ball_is_round_and_as_high_as_its_radius() -> None:
    ball = _ball()
    assert ball.cover.sum() == pytest.approx(np.pi * 20**2, rel=0.1)  # OpenCV draws half a pixel more
    assert ball.height.max() == pytest.approx(20.0, rel=0.05)
    assert ball.height[40, 50] > ball.height[40, 60] > ball.height[40, 68] > 0
    assert ((ball.owner == 0) == (ball.cover > 0.5)).mean() > 0.99


def test_a_ball_that_the_picture_cuts_goes_on_beyond_its_edge() -> None:
    ball = build_relief([build_tube((0.0, 0.0, 1.0), (0.0, 1e-3, 1.0))], _pose(place=(0.0, 40.0)))
    assert ball.height[40, 0] > 18


def test_a_ball_outside_the_picture_leaves_it_empty() -> None:
    assert not _ball(x=20.0).cover.any()
    assert not _ball(y=-20.0).cover.any()


def test_the_nearer_of_two_tubes_is_seen() -> None:
    far, near = build_tube((0, 0, 1), (0.5, 0, 1), depth=-1.0), build_tube((0, 0, 0.6), (0, 0.1, 0.6), depth=1.0)
    for tubes, number in (([far, near], 1), ([near, far], 0)):
        relief = build_relief(tubes, _pose())
        assert relief.owner[40, 50] == number
        assert relief.owner[40, 75] == 1 - number


def test_a_tube_is_smooth_and_keeps_its_ends() -> None:
    tube = build_tube((0, 0, 1), (1, 1, 0.5), (2, 0, 0.2))
    np.testing.assert_allclose(tube.smooth[[0, -1]], [(0, 0, 1), (2, 0, 0.2)])
    steps = np.diff(tube.smooth[:, :2], axis=0)
    headings = np.arctan2(steps[:, 1], steps[:, 0])
    assert np.abs(np.diff(headings)).max() < 0.6 < np.pi / 2


def test_the_side_towards_the_sun_is_brighter() -> None:
    light = light_relief(_ball(), SUN)
    assert light[40, 38] > light[40, 62] + 0.2


def test_strands_run_along_their_angle_and_tiles_join() -> None:
    hair = build_hair(np.random.default_rng(0), 1.0)
    assert abs(hair.mean()) < 0.005
    for angle, axis in ((0.0, 1), (np.pi / 2, 0)):
        piece = comb(np.random.default_rng(1), hair, angle, (300, 300))
        along, across = (np.abs(np.diff(piece, axis=each)).mean() for each in (axis, 1 - axis))
        assert across > 2 * along
    seam = np.abs(hair[:, 0] - hair[:, -1]).mean()
    assert seam < 2 * np.abs(np.diff(hair, axis=1)).mean()


@pytest.mark.parametrize("name", ["Tabby", "dalmatian", "pug", "Persian"])
def test_whole_animals_stand_on_the_ground_with_the_head_on_top(name: str) -> None:
    for animal in _poses(_breed(name).build):
        balls = np.concatenate([tube.smooth for tube in animal.tubes])
        assert np.isfinite(balls).all()
        assert (balls[:, 2] > 0).all()
        if animal.whole:
            lowest = (balls[:, 1] + balls[:, 2]).max()
            assert -0.1 < lowest < 0.35
            assert animal.head.centre[1] < -0.3


def test_poses_vary() -> None:
    animals = _poses(_breed("beagle").build, 60)
    assert 3 < sum(not animal.whole for animal in animals) < 25
    assert len({len(animal.tubes) for animal in animals}) >= 4
    assert np.ptp([animal.head.yaw for animal in animals]) > 1


def _whiteness(coat: Coat, zones: set[str]) -> float:
    """How bright some parts of a painted animal are."""
    brightness = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        animal = pose_animal(rng, coat.breed.build)
        pose = Pose(40 * np.eye(2), np.array((80.0, 140.0)), (160, 220))
        relief = build_relief(animal.tubes, pose)
        colours = render_coat(rng, coat, animal, relief, pose)
        numbers = [number for number, tube in enumerate(animal.tubes) if tube.zone in zones]
        seen = np.isin(relief.owner, numbers)
        if seen.any():
            brightness.append(colours[seen].mean())
    return float(np.mean(brightness))


def test_coats_are_marked_where_their_breed_is() -> None:
    black, white = (0.1, 0.1, 0.1), (0.9, 0.9, 0.9)
    siamese = Coat(_breed("Siamese"), white, black, white, 0.0)
    assert _whiteness(siamese, {"muzzle", "ear"}) < _whiteness(siamese, {"body"}) - 0.4
    tuxedo = Coat(_breed("Tuxedo"), black, black, white, 1.0)
    assert _whiteness(tuxedo, {"paw", "muzzle"}) > _whiteness(tuxedo, {"head", "ear"}) + 0.4
    dalmatian = Coat(_breed("dalmatian"), white, black, white, 0.0)
    assert 0.5 < _whiteness(dalmatian, {"body"}) < 0.87
