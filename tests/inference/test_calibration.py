import numpy as np
import pytest

from core.inference.calibration import Operating, calibrate, calibration_of
from core.inference.intervals import intervals
from core.metrics.calibration import with_temperature
from core.metrics.classification import ClassificationScores
from core.metrics.segmentation import BinarySegmentationScores
from core.tasks.classification import ClassificationTask
from tests.engine.toy import build_toy_network


def answers(count: int, *, seed: int, sharpness: float = 3.0) -> ClassificationScores:
    """Answers that are surer than they are right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, 2))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random(count) < true[:, 1]).astype(np.int64)
    scores = ClassificationScores(("NORMAL", "PNEUMONIA"), positive=1)
    scores.update([str(each) for each in range(count)], with_temperature(true, 1 / sharpness), labels)
    return scores


def test_the_temperature_that_was_put_in_is_found_and_mends_both_splits() -> None:
    said = calibration_of(answers(3000, seed=0), answers(3000, seed=1))
    assert said["temperature"] == pytest.approx(3.0, rel=0.1)
    for name in ("held_back", "test"):
        error = said[f"calibration_error_{name}"]
        assert error["after"] < 0.03
        assert error["before"] > 0.1


def test_the_temperature_lies_between_that_of_the_pictures_and_that_of_their_changed_copies() -> None:
    held, changed, test = (answers(3000, seed=seed, sharpness=sharp) for seed, sharp in ((0, 2.0), (1, 5.0), (2, 3.0)))
    alone, both = calibration_of(held, test), calibration_of(held, test, changed)
    assert alone["temperature"] == pytest.approx(2.0, rel=0.1)
    assert 2.5 < both["temperature"] < 5.0
    assert (both["chosen_on"], both["chosen_on_changed"]) == (3000, 3000)
    assert both["calibration_error_test"]["after"] < alone["calibration_error_test"]["after"]


def test_the_operating_threshold_finds_what_it_promises_of_the_held_back_pictures() -> None:
    held, test = answers(3000, seed=0), answers(3000, seed=1)
    said = calibration_of(held, test)
    own = said["operating"]
    probs = with_temperature(held.probs, said["temperature"])[:, 1]
    assert (probs[held.labels == 1] >= own["threshold"]).mean() == pytest.approx(0.95, abs=0.005)
    taken = with_temperature(test.probs, said["temperature"])[:, 1] >= own["threshold"]
    assert own["sensitivity"] == pytest.approx(taken[test.labels == 1].mean(), abs=1e-4)
    assert own["specificity"] == pytest.approx((~taken[test.labels == 0]).mean(), abs=1e-4)
    assert own["positive"] == "PNEUMONIA"


def test_it_is_said_on_which_side_of_the_threshold_an_answer_is_and_what_the_threshold_is_worth() -> None:
    own = Operating("PNEUMONIA", 0.4, 0.95, 0.8, 624)
    reached, exactly, below = (own.say(prob) for prob in (0.41, 0.40, 0.39))
    for said, value in ((reached, "41.0"), (exactly, "40.0"), (below, "39.0")):
        assert all(each in said for each in (value, "40", "95", "80", "624"))
        assert "pneumonia" in said.lower()
    assert exactly.replace("40.0", "41.0") == reached
    assert below.replace("39.0", "41.0") != reached


def test_a_card_lets_a_task_answer_less_surely() -> None:
    task = ClassificationTask(build_toy_network(0), ("a", "b"))
    calibrate(task, {})
    assert task.temperature == 1.0
    calibrate(task, {"calibration": {"temperature": 2.5}})
    assert task.temperature == 2.5


def test_an_interval_of_an_accuracy_is_that_of_the_binomial() -> None:
    scores = ClassificationScores(("a", "b"))
    labels = np.zeros(400, np.int64)
    probs = np.tile(np.array([0.9, 0.1], np.float32), (400, 1))
    probs[:80] = probs[:80, ::-1]
    scores.update([str(each) for each in range(400)], probs, labels)
    low, high = intervals(scores, scores.names)["accuracy"]
    half = 1.96 * (0.8 * 0.2 / 400) ** 0.5
    assert (low, high) == (pytest.approx(0.8 - half, abs=0.008), pytest.approx(0.8 + half, abs=0.008))


def test_pictures_of_few_patients_give_a_wider_interval() -> None:
    scores = ClassificationScores(("a", "b"))
    labels, right = np.zeros(200, np.int64), np.repeat(np.arange(20) % 4 != 0, 10)
    probs = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
    scores.update([str(each) for each in range(200)], probs, labels)
    alone = intervals(scores, scores.names, rounds=300)["accuracy"]
    grouped = intervals(scores, [str(each // 10) for each in range(200)], rounds=300)["accuracy"]
    assert np.ptp(grouped) > 2 * np.ptp(alone)


def test_masks_are_drawn_again_too_and_the_accumulator_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    scores = BinarySegmentationScores(centre_lines=False)
    for number in range(12):
        label = rng.random((16, 16)) > 0.5
        scores.update(str(number), np.where(rng.random((16, 16)) < 0.1 * (number % 4), ~label, label) * 1.0, label)
    before = scores.compute()
    low, high = intervals(scores, scores.names, rounds=200)["dice"]
    assert low < before["dice"] < high
    assert scores.compute() == before
