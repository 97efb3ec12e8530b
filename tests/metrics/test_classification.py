import doctest
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

import core.metrics.classification
from core.metrics.classification import ClassificationScores

Case = tuple[NDArray[np.float32], NDArray[np.int64]]


def _case(seed: int, *, pictures: int = 300, classes: int = 4) -> Case:
    """Return probabilities that know something of the labels, and uneven labels of which every class has some."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, pictures, p=(weights := np.arange(1, classes + 1)) / weights.sum())
    labels[:classes] = np.arange(classes)
    logits = rng.normal(size=(pictures, classes))
    logits[np.arange(pictures), labels] += 1.0
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probs.astype(np.float32), labels


def _scores(probs: NDArray[np.float32], labels: NDArray[np.int64], positive: int | None = None) -> ClassificationScores:
    scores = ClassificationScores([f"class {each}" for each in range(probs.shape[1])], positive=positive)
    for start in range(0, len(labels), 64):
        part = slice(start, start + 64)
        scores.update([str(each) for each in range(len(labels))][part], probs[part], labels[part])
    return scores


@pytest.mark.parametrize("classes", [2, 4, 10, 20])
@pytest.mark.parametrize("seed", range(3))
def test_scores_agree_with_scikit_learn(seed: int, classes: int) -> None:
    probs, labels = _case(seed, classes=classes)
    answers, every = probs.argmax(axis=1), range(classes)
    scores = _scores(probs, labels)
    found = scores.compute()
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, answers))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, answers))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, answers, average="macro"))
    assert found["loss"] == pytest.approx(reference.log_loss(labels, probs, labels=list(every)), rel=1e-6)
    np.testing.assert_array_equal(scores.confusion(), reference.confusion_matrix(labels, answers, labels=list(every)))
    if classes <= 10:
        recalls = reference.recall_score(labels, answers, average=None)
        assert [found[f"recall_class_{each}"] for each in every] == pytest.approx(recalls)
        assert "top5_accuracy" not in found
    else:
        assert found["top5_accuracy"] == pytest.approx(reference.top_k_accuracy_score(labels, probs, k=5))
        assert not any(key.startswith("recall") for key in found)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("ties", [False, True])
def test_scores_of_two_classes_agree_with_scikit_learn(ties: bool, positive: int) -> None:
    probs, labels = _case(7, classes=2)
    if ties:
        probs = np.round(probs, 1)
    truth, answers = labels == positive, probs.argmax(axis=1) == positive
    found = _scores(probs, labels, positive).compute()
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(truth, probs[:, positive]), abs=1e-12)
    assert found["pr_auc"] == pytest.approx(reference.average_precision_score(truth, probs[:, positive]), abs=1e-12)
    assert found["sensitivity"] == pytest.approx(reference.recall_score(truth, answers))
    assert found["specificity"] == pytest.approx(reference.recall_score(~truth, ~answers))
    assert found["f1"] == pytest.approx(reference.f1_score(truth, answers))


def test_one_class_can_be_looked_for_among_many() -> None:
    probs, labels = _case(3, classes=5)
    found = _scores(probs, labels, positive=2).compute()
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(labels == 2, probs[:, 2]))
    assert found["sensitivity"] == found["recall_class_2"]


def test_a_class_without_pictures_has_no_recall_and_does_not_lower_the_means() -> None:
    probs = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.7, 0.2, 0.1]], np.float32)
    labels = np.array([0, 1, 1])
    found = _scores(probs, labels).compute()
    assert math.isnan(found["recall_class_2"])
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_a_class_that_is_only_answered_counts_in_macro_f1_as_in_scikit_learn() -> None:
    probs = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], np.float32)
    labels = np.array([0, 1])
    found = _scores(probs, labels).compute()
    assert found["macro_f1"] == pytest.approx(1 / 3)
    assert found["macro_f1"] == pytest.approx(
        reference.f1_score(labels, probs.argmax(axis=1), average="macro", zero_division=0)
    )
    assert found["balanced_accuracy"] == 0.5


def test_a_single_class_has_no_areas_and_no_specificity() -> None:
    probs, _ = _case(0, classes=2)
    found = _scores(probs, np.ones(len(probs), np.int64), positive=1).compute()
    assert all(math.isnan(found[key]) for key in ("roc_auc", "pr_auc", "specificity", "recall_class_0"))
    assert found["sensitivity"] == found["accuracy"] == found["balanced_accuracy"]


def test_equal_probabilities_are_the_first_class_and_half_the_area() -> None:
    labels = np.array([0, 1, 1, 1])
    scores = _scores(np.full((4, 2), 0.5, np.float32), labels, positive=1)
    found = scores.compute()
    assert found["accuracy"] == 0.25
    assert found["roc_auc"] == 0.5
    assert found["pr_auc"] == 0.75
    assert found["loss"] == pytest.approx(math.log(2))
    assert scores.confusion().tolist() == [[1, 0], [3, 0]]


def test_a_sure_and_wrong_answer_costs_much_but_not_without_end() -> None:
    found = _scores(np.array([[1.0, 0.0]], np.float32), np.array([1])).compute()
    assert found["loss"] == pytest.approx(15.94, abs=0.01)


def _slow_calibration_error(probs: NDArray[np.float32], labels: NDArray[np.int64], bins: int) -> float:
    """Guo et al., 2017, equations 2 to 3 and 5, picture by picture."""
    error = 0.0
    for number in range(bins):
        confidences, hits = [], []
        for row, label in zip(probs, labels, strict=True):
            if number / bins < row.max() <= (number + 1) / bins:
                confidences.append(float(row.max()))
                hits.append(float(row.argmax() == label))
        if hits:
            error += len(hits) / len(labels) * abs(np.mean(hits) - np.mean(confidences))
    return float(error)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_error_agrees_with_a_slow_one(seed: int) -> None:
    probs, labels = _case(seed, classes=3)
    assert _scores(probs, labels).compute()["calibration_error"] == pytest.approx(
        _slow_calibration_error(probs, labels, 15), abs=1e-9
    )


def test_a_classifier_that_is_as_sure_as_it_is_right_is_calibrated() -> None:
    probs = np.tile(np.array([[0.75, 0.25]], np.float32), (8, 1))
    labels = np.array([0, 0, 0, 1] * 2)
    assert _scores(probs, labels).compute()["calibration_error"] == 0.0
    assert _scores(probs, 1 - labels).compute()["calibration_error"] == 0.5


def test_the_reliability_table_holds_every_picture_once() -> None:
    probs, labels = _case(1, classes=2)
    probs[0] = (1.0, 0.0)
    table = _scores(probs, labels).calibration(10)
    assert [(each.low, each.high) for each in table] == [
        pytest.approx((number / 10, (number + 1) / 10)) for number in range(10)
    ]
    assert sum(each.count for each in table) == len(labels)
    assert [each.count for each in table[:5]] == [0] * 5
    assert math.isnan(table[0].accuracy)
    for each in table[5:]:
        assert each.low < each.confidence <= each.high
    hits = sum(each.count * each.accuracy for each in table if each.count)
    assert hits == pytest.approx((probs.argmax(axis=1) == labels).sum())


def test_each_picture_is_scored_alone_in_the_order_given() -> None:
    scores = ClassificationScores(["a", "b"])
    scores.update(["x", "y"], np.array([[0.75, 0.25], [1.0, 0.0]], np.float32), np.array([0, 0]))
    scores.update(["z"], np.array([[0.75, 0.25]], np.float32), np.array([1]))
    assert scores.names == ["x", "y", "z"]
    rows = scores.per_picture()
    assert [row["correct"] for row in rows] == [1.0, 1.0, 0.0]
    assert [row["prob_true"] for row in rows] == [0.75, 1.0, 0.25]
    assert [row["loss"] for row in rows] == pytest.approx([-math.log(0.75), 0.0, math.log(4)])
    assert np.mean([row["loss"] for row in rows]) == pytest.approx(scores.compute()["loss"])
    assert scores.reference() == {}


def test_scores_do_not_depend_on_how_pictures_are_batched() -> None:
    probs, labels = _case(2, classes=3)
    whole = ClassificationScores(["class 0", "class 1", "class 2"])
    whole.update([str(each) for each in range(len(labels))], probs.astype(np.float64), labels.astype(np.int32))
    assert whole.compute() == _scores(probs, labels).compute()
    assert whole.probs.dtype == np.float32


def test_a_picture_without_numbers_is_wrong_and_crashes_nothing() -> None:
    probs, labels = _case(4, classes=2)
    good = _scores(probs[1:], labels[1:], positive=1).compute()
    probs[0, 1] = np.nan
    scores = _scores(probs, labels, positive=1)
    found = scores.compute()
    assert found["accuracy"] == pytest.approx(good["accuracy"] * (len(labels) - 1) / len(labels))
    assert all(math.isnan(found[key]) for key in ("loss", "calibration_error", "roc_auc", "pr_auc"))
    assert scores.confusion().sum() == len(labels) - 1
    assert sum(each.count for each in scores.calibration()) == len(labels) - 1
    assert scores.per_picture()[0]["correct"] == 0.0


def test_a_network_that_diverged_scores_nothing_right() -> None:
    found = _scores(np.full((5, 12), np.nan, np.float32), np.arange(5), positive=0).compute()
    assert found["accuracy"] == found["top5_accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 0.0


def test_no_picture_has_no_scores() -> None:
    scores = ClassificationScores(["a", "b"], positive=1)
    assert scores.compute() == {}
    assert scores.per_picture() == []
    assert scores.confusion().tolist() == [[0, 0], [0, 0]]
    assert [each.count for each in scores.calibration()] == [0] * 15


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        (["Horizontal defect", "TV"], ["recall_horizontal_defect", "recall_tv"]),
        (["A", "a", "a 1"], ["recall_a_0", "recall_a_1", "recall_a_1_2"]),
        (["猫", "犬"], ["recall_0", "recall_1"]),
    ],
)
def test_every_class_has_a_key_of_its_own(classes: list[str], keys: list[str]) -> None:
    scores = ClassificationScores(classes)
    scores.update(["x"], np.full((1, len(classes)), 1 / len(classes), np.float32), np.array([0]))
    assert [key for key in scores.compute() if key.startswith("recall")] == keys


@pytest.mark.parametrize(
    ("probs", "labels", "given"),
    [
        (np.zeros((2, 3), np.float32), np.array([0, 1]), r"\(2, 3\).*\(2,\).*\(N, 2\)"),
        (np.zeros((2, 2), np.float32), np.array([0]), r"\(2, 2\).*\(1,\).*\(N, 2\)"),
        (np.zeros((2, 2), np.float32), np.array([0, 2]), r"\b0\b.*\b2\b.*\b2\b"),
        (np.zeros((2, 2), np.float32), np.array([-1, 0]), r"-1\b.*\b0\b.*\b2\b"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    probs: NDArray[np.float32], labels: NDArray[np.int64], given: str
) -> None:
    with pytest.raises(ValueError, match=given):
        ClassificationScores(["a", "b"]).update(["x", "y"], probs, labels)


@pytest.mark.parametrize(
    ("classes", "positive", "given"),
    [
        (["a"], None, r"\b1\b.*\b2\b"),
        (["a", "b"], 2, r"positive\b.*\b2\b.*\b0\b.*\b1\b"),
        (["a", "b"], -1, r"positive\b.*-1\b.*\b0\b.*\b1\b"),
    ],
)
def test_a_problem_without_two_classes_or_with_a_wrong_positive_is_refused(
    classes: list[str], positive: int | None, given: str
) -> None:
    with pytest.raises(ValueError, match=given):
        ClassificationScores(classes, positive=positive)


def test_the_doctest_holds() -> None:
    assert doctest.testmod(core.metrics.classification).failed == 0
