"""What follows from a classifier's answers, against scikit-learn, torchmetrics and slow loops."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics  # type: ignore[import-untyped]
from torchmetrics.functional.classification import multiclass_calibration_error

from core.errors import UserError
from core.experiments import find_experiment
from core.inference.epoch_predictions import Answers, epochs_with_answers, load_answers
from core.metrics.calibration import (
    CALIBRATION_BINS,
    best_temperature,
    cross_validated_temperature,
    expected_calibration_error,
    with_temperature,
)
from core.metrics.curves import cheapest_threshold, precision_recall_curve, roc_curve
from core.runs.recorder import StoreRecorder
from core.runs.store.run_store import RunStore


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Return 400 answers of three classes, too sure of themselves, with equal values among them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    logits = rng.normal(0, 1, (400, 3)) + 1.5 * np.eye(3)[labels]
    probs = with_temperature(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 0.4)
    names = np.array([f"train/{label}/{number}.png" for number, label in enumerate(labels)])
    return Answers(("a", "b", "c"), names, labels, probs.round(3).astype(np.float32))


def test_the_confusion_matrix_and_its_cells_are_those_of_scikit_learn(answers: Answers) -> None:
    counts = answers.confusion()
    assert counts.tolist() == metrics.confusion_matrix(answers.labels, answers.found).tolist()
    cell = answers.of_cell(0, 1)
    assert len(cell) == counts[0, 1]
    assert all(answers.labels[each] == 0 and answers.found[each] == 1 for each in cell)
    sure = [answers.probs[each, 1] for each in cell]
    assert sure == sorted(sure, reverse=True)
    worst = answers.ranked()
    assert answers.probs[worst[0], answers.labels[worst[0]]] == min(answers.probs[np.arange(400), answers.labels])


def test_curves_are_those_of_scikit_learn(answers: Answers) -> None:
    labels, values = answers.labels == 2, answers.probs[:, 2]
    alarms, hits, thresholds = roc_curve(labels, values)
    expected = metrics.roc_curve(labels, values, drop_intermediate=False)
    for ours, theirs in zip((alarms, hits, thresholds), expected, strict=True):
        assert ours == pytest.approx(theirs)
    assert np.trapezoid(hits, alarms) == pytest.approx(metrics.roc_auc_score(labels, values))
    recall, precision = precision_recall_curve(labels, values)
    theirs, others, _ = metrics.precision_recall_curve(labels, values)
    assert precision == pytest.approx(theirs[:-1][::-1][: len(precision)])
    assert recall == pytest.approx(others[:-1][::-1][: len(recall)])


@pytest.mark.parametrize(("miss", "alarm"), [(1.0, 1.0), (20.0, 1.0), (1.0, 20.0)])
def test_the_cheapest_threshold_is_that_of_a_slow_loop(answers: Answers, miss: float, alarm: float) -> None:
    labels, values = answers.labels == 1, answers.probs[:, 1]

    def cost(threshold: float) -> float:
        called = values >= threshold
        return float(miss * (labels & ~called).sum() + alarm * (called & ~labels).sum()) / len(labels)

    threshold, spent = cheapest_threshold(labels, values, miss=miss, alarm=alarm)
    assert spent == pytest.approx(min(cost(each) for each in (*values, 1.1)))
    assert cost(threshold) == pytest.approx(spent)


def test_calibration_is_that_of_torchmetrics_and_temperature_mends_it(answers: Answers) -> None:
    error = multiclass_calibration_error(
        torch.tensor(answers.probs), torch.tensor(answers.labels), 3, n_bins=CALIBRATION_BINS
    )
    assert expected_calibration_error(answers.probs, answers.labels) == pytest.approx(float(error), abs=0.01)
    temperature, (before, after) = cross_validated_temperature(answers.probs, answers.labels)
    assert 1.5 < temperature < 4  # it was made too sure by 0.4
    assert after < before / 2
    assert best_temperature(with_temperature(answers.probs, temperature), answers.labels) == pytest.approx(1, abs=0.03)
    assert (with_temperature(answers.probs, 3).argmax(1) == answers.found).all()


def test_answers_of_every_epoch_are_kept_and_read_back(answers: Answers, home: Path) -> None:
    store = RunStore()
    config = find_experiment("chest").config(recipe="quick", data=str(home / "gone"))
    run = store.create("chest", config.as_values())
    assert epochs_with_answers(store, run) == []
    with StoreRecorder(store, run.id) as recorder:
        for epoch in (1, 2):
            kept = {"names": answers.names, "labels": answers.labels, "probs": answers.probs}
            recorder.record_answers(epoch, kept)
    assert epochs_with_answers(store, run) == [1, 2]
    again = load_answers(store, run, 2)
    assert again.confusion().tolist() == answers.confusion().tolist()
    assert again.names.tolist() == answers.names.tolist()
    assert [name.split()[-1] for name in again.classes] == ["0", "1", "2"]  # the data are gone, their names with them
    with pytest.raises(UserError, match=rf"{run.short_id}.*\b3\b"):
        load_answers(store, run, 3)
