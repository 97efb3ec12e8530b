import doctest
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics as reference
from torchmetrics.classification import MulticlassJaccardIndex

import core.metrics.multiclass_segmentation
from core.metrics.multiclass_segmentation import MulticlassSegmentationScores

CLASSES = ("urban", "agriculture", "rangeland", "forest", "water", "barren")
UNKNOWN = 255

Case = tuple[NDArray[np.int64], NDArray[np.int64]]


def _case(seed: int, *, classes: int = 6, shape: tuple[int, int] = (23, 31)) -> Case:
    """Return predictions that know something of the labels, and labels of which a tenth is unknown."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, shape, p=rng.dirichlet(np.ones(classes)))
    predicted = np.where(rng.random(shape) < 0.6, labels, rng.integers(0, classes, shape))
    return predicted, np.where(rng.random(shape) < 0.1, UNKNOWN, labels)


def _scored(*cases: Case) -> MulticlassSegmentationScores:
    scores = MulticlassSegmentationScores(CLASSES, UNKNOWN)
    for number, case in enumerate(cases):
        scores.update(str(number), *case)
    return scores


@pytest.mark.parametrize("seed", range(3))
def test_counts_and_scores_agree_with_scikit_learn_over_the_split(seed: int) -> None:
    cases = [_case(10 * seed + number) for number in range(4)]
    truth = np.concatenate([labels[labels != UNKNOWN] for _, labels in cases])
    found = np.concatenate([predicted[labels != UNKNOWN] for predicted, labels in cases])
    scores = _scored(*cases)
    np.testing.assert_array_equal(scores.confusion, reference.confusion_matrix(truth, found, labels=range(6)))
    computed = scores.compute()
    each = reference.jaccard_score(truth, found, labels=range(6), average=None)
    assert [computed[f"iou_{name}"] for name in CLASSES] == pytest.approx(each, abs=1e-12)
    assert computed["miou"] == pytest.approx(reference.jaccard_score(truth, found, average="macro"), abs=1e-12)
    assert computed["fwiou"] == pytest.approx(reference.jaccard_score(truth, found, average="weighted"), abs=1e-12)
    assert computed["pixel_accuracy"] == pytest.approx(reference.accuracy_score(truth, found), abs=1e-12)


@pytest.mark.parametrize("classes", [4, 6])
def test_the_mean_agrees_with_torchmetrics_where_classes_are_missing_too(classes: int) -> None:
    cases = [_case(seed, classes=classes) for seed in range(3)]
    index = MulticlassJaccardIndex(6, average="macro", ignore_index=UNKNOWN)
    for predicted, labels in cases:
        index.update(torch.from_numpy(predicted), torch.from_numpy(labels))
    # torchmetrics, too, leaves out classes that occur nowhere
    assert _scored(*cases).compute()["miou"] == pytest.approx(float(index.compute()), abs=1e-6)


def test_what_is_predicted_on_unknown_ground_counts_for_nothing() -> None:
    predicted, labels = _case(0)
    other = np.where(labels == UNKNOWN, (predicted + 1) % 6, predicted)
    assert _scored((predicted, labels)).compute() == _scored((other, labels)).compute()


def test_a_prediction_on_unknown_ground_may_be_any_number() -> None:
    predicted, labels = _case(0)
    nowhere = np.where(labels == UNKNOWN, 17, predicted)
    assert _scored((nowhere, labels)).compute() == _scored((predicted, labels)).compute()


def test_scores_of_a_small_picture_can_be_counted_by_hand() -> None:
    labels = np.array([[0, 0, 0, 4], [1, 1, UNKNOWN, 4]])
    predicted = np.array([[0, 0, 1, 4], [1, 2, 0, 4]])
    computed = _scored((predicted, labels)).compute()
    assert computed["iou_urban"] == pytest.approx(2 / 3)
    assert computed["iou_agriculture"] == pytest.approx(1 / 3)
    assert computed["iou_rangeland"] == 0.0  # predicted, never labelled: it counts
    assert computed["iou_water"] == 1.0
    assert math.isnan(computed["iou_forest"])
    assert math.isnan(computed["iou_barren"])
    assert computed["miou"] == pytest.approx((2 / 3 + 1 / 3 + 0 + 1) / 4)
    assert computed["fwiou"] == pytest.approx((3 * 2 / 3 + 2 * 1 / 3 + 2 * 1) / 7)
    assert computed["pixel_accuracy"] == pytest.approx(5 / 7)


def test_the_split_counts_pixels_and_not_pictures() -> None:
    large = (np.zeros((20, 20), np.int64), np.zeros((20, 20), np.int64))
    small = (np.ones((2, 2), np.int64), np.zeros((2, 2), np.int64))
    scores = _scored(large, small)
    assert scores.compute()["pixel_accuracy"] == pytest.approx(400 / 404)
    assert scores.compute()["miou"] == pytest.approx((400 / 404 + 0) / 2)
    assert [row["miou"] for row in scores.per_picture()] == [1.0, 0.0]
    assert scores.names == ["0", "1"]


def test_the_scores_of_a_picture_are_those_of_a_split_of_one() -> None:
    cases = [_case(seed) for seed in range(3)]
    for row, case in zip(_scored(*cases).per_picture(), cases, strict=True):
        assert row == pytest.approx(_scored(case).compute(), nan_ok=True)


def test_counts_of_a_split_do_not_depend_on_the_order() -> None:
    cases = [_case(seed) for seed in range(3)]
    assert _scored(*cases).compute() == _scored(*reversed(cases)).compute()


def test_perfect_predictions_score_one_and_wrong_ones_zero() -> None:
    labels = np.arange(60).reshape(6, 10) % 6
    assert set(_scored((labels, labels)).compute().values()) == {1.0}
    assert set(_scored(((labels + 1) % 6, labels)).compute().values()) == {0.0}


def test_a_picture_of_unknown_ground_alone_has_no_scores_and_moves_none() -> None:
    blank = np.full((4, 4), UNKNOWN)
    assert all(math.isnan(value) for value in _scored((np.zeros_like(blank), blank)).compute().values())
    case = _case(0)
    assert _scored(case, (np.zeros_like(blank), blank)).compute() == _scored(case).compute()


def test_no_picture_has_no_scores() -> None:
    scores = _scored()
    assert scores.compute() == {}
    assert scores.per_picture() == []
    assert scores.reference() == {}
    assert scores.confusion.shape == (6, 6)


@pytest.mark.parametrize(
    ("predicted", "labels", "given"),
    [
        ([[6]], [[0]], r"\b6\b.*\b0\b.*\b5\b"),
        ([[-1]], [[0]], r"-1\b.*\b0\b.*\b5\b"),
        ([[0]], [[-2]], r"-2\b.*\b0\b.*\b5\b"),
        ([[0, 0]], [[0]], r"\(1, 2\).*\(1, 1\)"),
    ],
)
def test_numbers_of_no_class_are_refused(predicted: list[list[int]], labels: list[list[int]], given: str) -> None:
    with pytest.raises(ValueError, match=given):
        _scored((np.array(predicted), np.array(labels)))


def test_a_class_cannot_be_ignored() -> None:
    with pytest.raises(ValueError, match=r"\b4\b.*\bwater\b"):
        MulticlassSegmentationScores(CLASSES, 4)


def test_the_doctest_holds() -> None:
    assert doctest.testmod(core.metrics.multiclass_segmentation).failed == 0
