from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.data.synthetic.fundus.make import Fundus, draw_fundus, write_drive
from core.data.synthetic.fundus.vessel_tree import Anatomy, grow_vessels


def _draw(seed: int) -> Fundus:
    return draw_fundus(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def fundi() -> list[Fundus]:
    return [_draw(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fundi") / "drive"
    write_drive(folder, n=3, seed=5)
    return folder


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_the_same_seed_draws_the_same_pixels(fundi: list[Fundus]) -> None:
    first, again = fundi[2], _draw(2)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.vessels, again.vessels)
    np.testing.assert_array_equal(first.second_observer, again.second_observer)
    np.testing.assert_array_equal(first.field_of_view, again.field_of_view)


def test_different_seeds_draw_different_eyes(fundi: list[Fundus]) -> None:
    for one, other in pairwise(fundi):
        assert _dice(one.vessels, other.vessels) < 0.5
        assert not np.array_equal(one.image, other.image)


def test_a_picture_has_the_size_and_the_types_of_drive(fundi: list[Fundus]) -> None:
    assert fundi[0].image.shape == (584, 565, 3)
    assert fundi[0].image.dtype == np.uint8
    for mask in (fundi[0].vessels, fundi[0].second_observer, fundi[0].field_of_view):
        assert mask.shape == (584, 565)
        assert mask.dtype == np.bool_


@pytest.mark.parametrize(("height", "width"), [(96, 96), (131, 200), (300, 257)])
def test_other_sizes_work(height: int, width: int) -> None:
    fundus = draw_fundus(np.random.default_rng(0), height=height, width=width)
    assert fundus.image.shape == (height, width, 3)
    assert 0.04 < fundus.vessels.sum() / fundus.field_of_view.sum() < 0.3


def test_vessels_fill_a_realistic_share_of_the_field_of_view(fundi: list[Fundus]) -> None:
    shares = [fundus.vessels.sum() / fundus.field_of_view.sum() for fundus in fundi]
    assert all(0.07 < share < 0.16 for share in shares)
    assert 0.08 < np.mean(shares) < 0.14


def test_vessels_lie_inside_the_field_of_view_and_the_rest_is_black(fundi: list[Fundus]) -> None:
    for fundus in fundi:
        assert not (fundus.vessels & ~fundus.field_of_view).any()
        assert not (fundus.second_observer & ~fundus.field_of_view).any()
        assert fundus.image[:20, :20].mean() < 6
        assert fundus.image[fundus.field_of_view].mean() > 50


def test_the_second_observer_agrees_mostly_but_not_wholly(fundi: list[Fundus]) -> None:
    for fundus in fundi:
        assert 0.7 < _dice(fundus.vessels, fundus.second_observer) < 0.97


def test_vessels_are_darker_than_what_surrounds_them(fundi: list[Fundus]) -> None:
    for fundus in fundi:
        near = cv2.dilate(fundus.vessels.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        around = near & ~fundus.vessels & fundus.field_of_view
        green = fundus.image[..., 1].astype(float)
        assert green[fundus.vessels].mean() < green[around].mean() - 4


def test_no_global_threshold_finds_the_vessels(fundi: list[Fundus]) -> None:
    for fundus in fundi:
        green, inside = fundus.image[..., 1], fundus.field_of_view
        scores = [_dice((green < level) & inside, fundus.vessels) for level in range(10, 200, 4)]
        assert max(scores) < 0.6


def test_the_vessels_hang_together(fundi: list[Fundus]) -> None:
    for fundus in fundi:
        areas = cv2.connectedComponentsWithStats(fundus.vessels.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
        assert areas.max() > 0.9 * fundus.vessels.sum()


def test_branches_spring_from_a_thicker_vessel_of_their_own_kind() -> None:
    vessels = grow_vessels(np.random.default_rng(0), Anatomy((-0.6, 0.0), (0.1, 0.05)), finest=0.0023)
    branches = [vessel for vessel in vessels if vessel.parent is not None]
    assert len(branches) > 40
    for branch in branches:
        parent = vessels[branch.parent]
        distance = np.hypot(*(parent.points - branch.points[0]).T)
        assert parent.artery == branch.artery
        assert distance.min() < 1e-9
        assert branch.radii[0] <= parent.radii.max()


def test_write_drive_makes_the_official_layout(written: Path) -> None:
    names = {str(path.relative_to(written.parent)) for path in written.rglob("*") if path.is_file()}
    assert names == {
        "drive/test/images/01_test.tif",
        "drive/test/1st_manual/01_manual1.gif",
        "drive/test/2nd_manual/01_manual2.gif",
        "drive/test/mask/01_test_mask.gif",
        "drive/training/images/02_training.tif",
        "drive/training/1st_manual/02_manual1.gif",
        "drive/training/mask/02_training_mask.gif",
        "drive/training/images/03_training.tif",
        "drive/training/1st_manual/03_manual1.gif",
        "drive/training/mask/03_training_mask.gif",
    }


def test_the_files_hold_the_pixels(written: Path) -> None:
    fundus = draw_fundus(np.random.default_rng(np.random.SeedSequence(5).spawn(1)[0]))
    np.testing.assert_array_equal(_read(written / "test/images/01_test.tif"), fundus.image)
    np.testing.assert_array_equal(_read(written / "test/1st_manual/01_manual1.gif"), fundus.vessels * 255)
    np.testing.assert_array_equal(_read(written / "test/2nd_manual/01_manual2.gif"), fundus.second_observer * 255)
    np.testing.assert_array_equal(_read(written / "test/mask/01_test_mask.gif"), fundus.field_of_view * 255)


def test_a_smaller_set_is_the_beginning_of_a_larger_one(written: Path, tmp_path: Path) -> None:
    write_drive(tmp_path / "few", n=2, seed=5)
    for path in (tmp_path / "few").rglob("*.*"):
        assert path.read_bytes() == (written / path.relative_to(tmp_path / "few")).read_bytes()
