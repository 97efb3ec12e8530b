import doctest

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import core.metrics.boundary
from core.metrics.boundary import BoundaryCounts, BoundaryScores, count_boundary, pool_boundaries

Mask = NDArray[np.bool_]


def _blobs(seed: int, shape: tuple[int, int] = (50, 67), share: float = 0.4) -> Mask:
    field = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape), (0, 0), 4)
    return np.asarray(field > np.quantile(field, 1 - share))


def _square(top: int, left: int, side: int, shape: tuple[int, int] = (60, 80)) -> Mask:
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def _slow_boundary(mask: Mask) -> list[tuple[int, int]]:
    places = []
    for row, column in zip(*np.nonzero(mask), strict=True):
        for y, x in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and not mask[y, x]:
                places.append((int(row), int(column)))
                break
    return places


def _slow_counts(predicted: Mask, label: Mask, tolerance: float) -> BoundaryCounts:
    """Csurka et al., 2013: every boundary pixel against every other; squares, so that no root rounds."""
    theta_squared = tolerance**2 * (label.shape[0] ** 2 + label.shape[1] ** 2)

    def near(places: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
        return sum(any((y - row) ** 2 + (x - column) ** 2 < theta_squared for y, x in others) for row, column in places)

    drawn, true = _slow_boundary(predicted), _slow_boundary(label)
    return BoundaryCounts((near(drawn, true), len(drawn)), (near(true, drawn), len(true)))


@pytest.mark.parametrize("tolerance", [0.0075, 0.031, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_a_slow_loop(seed: int, tolerance: float) -> None:
    label = _blobs(seed)
    predicted = np.roll(label, (seed, 2), (0, 1)) ^ _blobs(seed + 10, share=0.05)
    assert count_boundary(predicted, label, tolerance=tolerance) == _slow_counts(predicted, label, tolerance)


def test_a_shifted_square_can_be_counted_by_hand() -> None:
    label, predicted = _square(20, 20, 20), _square(20, 23, 20)  # in 60×80 the diagonal is 100 pixels
    strict = count_boundary(predicted, label, tolerance=0.005)  # nothing but the same pixel counts
    assert strict == BoundaryCounts((2 * 17, 76), (2 * 17, 76))
    assert strict.f1 == pytest.approx(34 / 76)
    # At 2.5 pixels: 19 on each of the two rows, and of the side that starts under the other's rows 2 at each end.
    assert count_boundary(predicted, label, tolerance=0.025) == BoundaryCounts((2 * 19 + 4, 76), (2 * 19 + 4, 76))
    assert count_boundary(predicted, label, tolerance=0.0301).f1 == 1.0


def test_a_pixel_at_just_the_tolerance_is_not_near() -> None:
    label, predicted = np.zeros((240, 320), bool), np.zeros((240, 320), bool)  # 0.75 % of 400 pixels are 3
    label[100, 100] = predicted[100, 103] = True
    assert count_boundary(predicted, label).f1 == 0.0
    predicted[100, 102] = True
    assert count_boundary(predicted, label) == BoundaryCounts((1, 2), (1, 1))


def test_the_tolerance_grows_with_the_picture() -> None:
    assert count_boundary(_square(21, 21, 20), _square(20, 20, 20)).f1 < 0.1
    shape = (600, 800)
    assert count_boundary(_square(205, 205, 200, shape), _square(200, 200, 200, shape)).f1 == 1.0


def test_an_object_that_leaves_the_picture_has_no_boundary_at_its_edge() -> None:
    label = np.zeros((40, 40), bool)
    label[:, :20] = True
    assert count_boundary(label, label) == BoundaryCounts((40, 40), (40, 40))


@pytest.mark.parametrize(
    ("predicted", "label", "expected"),
    [
        (False, False, (1.0, 1.0, 1.0)),
        (True, True, (1.0, 1.0, 1.0)),
        (True, False, (1.0, 1.0, 1.0)),  # neither has a boundary; what lies inside is for Dice to judge
    ],
)
def test_masks_without_any_boundary_agree(predicted: bool, label: bool, expected: tuple[float, ...]) -> None:
    counts = count_boundary(np.full((20, 20), predicted), np.full((20, 20), label))
    assert counts == BoundaryCounts((0, 0), (0, 0))
    assert (counts.precision, counts.recall, counts.f1) == expected


def test_a_boundary_against_none_scores_zero() -> None:
    square, nothing = _square(20, 20, 20), np.zeros((60, 80), bool)
    missed, invented = count_boundary(nothing, square), count_boundary(square, nothing)
    assert (missed.precision, missed.recall, missed.f1) == (1.0, 0.0, 0.0)
    assert (invented.precision, invented.recall, invented.f1) == (0.0, 1.0, 0.0)


def test_boundaries_far_from_each_other_score_zero() -> None:
    assert count_boundary(_square(2, 2, 10), _square(40, 60, 10)).f1 == 0.0


def test_precision_and_recall_change_places_with_the_masks() -> None:
    label = _blobs(0)
    predicted = label & ~_blobs(5, share=0.2)
    there, back = count_boundary(predicted, label), count_boundary(label, predicted)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert there.precision != there.recall


def test_pooled_counts_pixels_and_the_mean_counts_pictures() -> None:
    large, small, nothing = _square(10, 10, 40), _square(5, 5, 5), np.zeros((60, 80), bool)
    scores = BoundaryScores()
    scores.update("found", large, large)
    scores.update("missed", nothing, small)
    found = scores.compute()
    assert found["boundary_precision"] == 1.0
    assert found["boundary_recall"] == pytest.approx(156 / (156 + 16))
    assert found["boundary_f1"] == pytest.approx(2 * 156 / (2 * 156 + 16))
    assert found["boundary_f1_mean"] == 0.5
    assert scores.names == ["found", "missed"]
    assert [row["boundary_f1"] for row in scores.per_picture()] == [1.0, 0.0]


def test_nothing_pooled_is_nothing() -> None:
    assert pool_boundaries([]) == BoundaryCounts((0, 0), (0, 0))
    scores = BoundaryScores()
    assert (scores.compute(), scores.per_picture(), scores.reference(), scores.names) == ({}, [], {}, [])


def test_masks_of_other_sizes_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"\(20, 20\).*\(20, 21\)"):
        count_boundary(np.zeros((20, 20), bool), np.zeros((20, 21), bool))


def test_counting_leaves_the_masks_alone() -> None:
    predicted, label = _blobs(0), _blobs(1)
    kept = predicted.copy(), label.copy()
    count_boundary(predicted, label)
    assert (predicted == kept[0]).all()
    assert (label == kept[1]).all()


def test_the_doctest_holds() -> None:
    found = doctest.testmod(core.metrics.boundary)
    assert found.failed == 0
    assert found.attempted > 0
