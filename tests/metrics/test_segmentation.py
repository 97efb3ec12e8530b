import doctest

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.morphology import skeletonize
from sklearn import metrics as reference

import core.metrics.segmentation
from core.metrics.segmentation import BinarySegmentationScores

Case = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]


def _case(seed: int, *, prevalence: float = 0.15, shape: tuple[int, int] = (60, 71)) -> Case:
    """Return blurred-noise probabilities that know something of the label, the label, and a round field of view."""
    rng = np.random.default_rng(seed)
    field = rng.normal(size=shape)
    for _ in range(3):
        field = (field + np.roll(field, 1, 0) + np.roll(field, 1, 1) + np.roll(field, -1, 1)) / 4
    label = field > np.quantile(field, 1 - prevalence)
    logit = 6 * (field - np.quantile(field, 1 - prevalence)) / field.std() + rng.normal(size=shape)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < min(shape) * 0.45
    return (1 / (1 + np.exp(-logit))).astype(np.float32), label, inside


def _scored(*cases: Case, threshold: float = 0.5) -> dict[str, float]:
    scores = BinarySegmentationScores(threshold)
    for number, case in enumerate(cases):
        scores.update(str(number), *case)
    return scores.compute()


@pytest.mark.parametrize("threshold", [0.5, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_scores_agree_with_scikit_learn(seed: int, threshold: float) -> None:
    probabilities, label, inside = case = _case(seed)
    found = _scored(case, threshold=threshold)
    truth, p = label[inside], probabilities[inside]
    predicted = p >= threshold
    assert found["dice"] == pytest.approx(reference.f1_score(truth, predicted), abs=1e-12)
    assert found["iou"] == pytest.approx(reference.jaccard_score(truth, predicted), abs=1e-12)
    assert found["sensitivity"] == pytest.approx(reference.recall_score(truth, predicted), abs=1e-12)
    assert found["specificity"] == pytest.approx(reference.recall_score(truth, predicted, pos_label=0), abs=1e-12)
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(truth, p), abs=1e-3)
    assert found["pr_auc"] == pytest.approx(reference.average_precision_score(truth, p), abs=1e-3)


def test_areas_agree_with_scikit_learn_over_pooled_pictures() -> None:
    cases = [_case(seed, prevalence=share) for seed, share in ((1, 0.05), (2, 0.3))]
    truth = np.concatenate([label[inside] for _, label, inside in cases])
    p = np.concatenate([probabilities[inside] for probabilities, _, inside in cases])
    found = _scored(*cases)
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(truth, p), abs=1e-3)
    assert found["pr_auc"] == pytest.approx(reference.average_precision_score(truth, p), abs=1e-3)


def test_what_lies_outside_the_field_of_view_counts_for_nothing() -> None:
    probabilities, label, inside = _case(0)
    other = probabilities.copy()
    other[~inside] = 1 - other[~inside]
    assert _scored((probabilities, label, inside)) == _scored((other, label ^ ~inside, inside))


def test_pooled_counts_pixels_and_the_mean_counts_pictures() -> None:
    label, all_inside = np.zeros((20, 20), bool), np.ones((20, 20), bool)
    label[:10] = True
    little = np.zeros((20, 20), bool)
    little[0, 0] = True
    found = _scored((label.astype(np.float32), label, all_inside), (label.astype(np.float32), little, all_inside))
    first, second = 1.0, 2 * 1 / (2 * 1 + 199)
    assert found["dice_mean"] == pytest.approx((first + second) / 2)
    assert found["dice"] == pytest.approx(2 * 201 / (2 * 201 + 199))
    assert found["iou_mean"] == pytest.approx((1.0 + 1 / 200) / 2)


def test_counts_of_a_split_do_not_depend_on_the_order() -> None:
    cases = [_case(seed) for seed in range(3)]
    assert _scored(*cases) == pytest.approx(_scored(*reversed(cases)))


def _slow_cldice(predicted: NDArray[np.bool_], label: NDArray[np.bool_]) -> float:
    """Shit et al., 2021, arXiv 2003.07311, equations 1 to 3, pixel by pixel."""

    def share_inside(line: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
        length = covered = 0
        for row in range(line.shape[0]):
            for column in range(line.shape[1]):
                if line[row, column]:
                    length += 1
                    covered += bool(mask[row, column])
        return covered / length

    precision = share_inside(skeletonize(predicted), label)
    sensitivity = share_inside(skeletonize(label), predicted)
    return 2 * precision * sensitivity / (precision + sensitivity)


@pytest.mark.parametrize("seed", range(3))
def test_cldice_agrees_with_a_slow_one(seed: int) -> None:
    probabilities, label, inside = case = _case(seed)
    expected = _slow_cldice((probabilities >= 0.5) & inside, label & inside)
    assert _scored(case)["cldice"] == pytest.approx(expected, abs=1e-12)


def test_cldice_of_lines_one_pixel_wide_can_be_counted_by_hand() -> None:
    label, predicted = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    label[10, 5:25] = True  # 20 pixels, of which 12 are found
    predicted[10, 5:17] = True
    predicted[20, 5:13] = True  # 8 pixels of false alarm
    found = _scored((predicted.astype(np.float32), label, np.ones_like(label)))
    precision, sensitivity = 12 / 20, 12 / 20
    assert found["cldice"] == pytest.approx(2 * precision * sensitivity / (precision + sensitivity))


def test_cldice_forgives_width_where_dice_does_not() -> None:
    label = np.zeros((40, 40), bool)
    label[18:23, 4:36] = True
    thin = np.zeros_like(label)
    thin[20, 5:35] = True
    found = _scored((thin.astype(np.float32), label, np.ones_like(label)))
    assert found["cldice"] > 0.95
    assert found["dice"] < 0.4


def test_nothing_found_where_nothing_is_scores_one() -> None:
    nothing = np.zeros((8, 8), bool)
    found = _scored((nothing.astype(np.float32), nothing, ~nothing))
    assert {found[key] for key in ("dice", "iou", "sensitivity", "specificity", "cldice")} == {1.0}
    assert np.isnan(found["roc_auc"])
    assert np.isnan(found["pr_auc"])


def test_something_found_where_nothing_is_scores_zero() -> None:
    nothing = np.zeros((8, 8), bool)
    found = _scored(((~nothing).astype(np.float32), nothing, ~nothing))
    assert found["dice"] == found["cldice"] == found["specificity"] == 0.0


def test_chance_has_half_the_area_and_certainty_all() -> None:
    rng = np.random.default_rng(0)
    label = rng.random((100, 100)) < 0.2
    inside = np.ones_like(label)
    assert _scored((np.full(label.shape, 0.3, np.float32), label, inside))["roc_auc"] == pytest.approx(0.5)
    assert _scored((label.astype(np.float32), label, inside))["roc_auc"] == 1.0


def test_no_picture_has_no_scores() -> None:
    assert BinarySegmentationScores().compute() == {}


def test_the_doctest_holds() -> None:
    assert doctest.testmod(core.metrics.segmentation).failed == 0
