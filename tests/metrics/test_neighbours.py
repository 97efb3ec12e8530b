import doctest
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

import core.metrics.neighbours
from core.metrics.neighbours import classify_by_neighbours, feature_deviation, neighbour_accuracy, neighbour_scores


def _clusters(seed: int, pictures: int, *, spread: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features around one direction for each of 5 classes, of very different lengths, and the classes."""
    directions = np.random.default_rng(99).normal(size=(5, 12))
    rng = np.random.default_rng(seed)
    labels = rng.integers(5, size=pictures)
    features = directions[labels] + spread * rng.normal(size=(pictures, 12))
    return (features * rng.uniform(0.1, 10, (pictures, 1))).astype(np.float32), labels


@pytest.mark.parametrize("count", [1, 5, 20])
def test_a_majority_agrees_with_scikit_learn(count: int) -> None:
    bank, labels = _clusters(0, 300, spread=2.0)
    queries, _ = _clusters(1, 120, spread=2.0)
    expected = KNeighborsClassifier(count, metric="cosine").fit(bank, labels).predict(queries)
    found = classify_by_neighbours(bank, labels, queries, count=count, temperature=None)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0])
def test_a_weighted_vote_agrees_with_scikit_learn(temperature: float) -> None:
    bank, labels = _clusters(0, 300, spread=2.0)
    queries, _ = _clusters(1, 120, spread=2.0)
    slow = KNeighborsClassifier(20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / temperature))
    expected = slow.fit(bank, labels).predict(queries)
    np.testing.assert_array_equal(classify_by_neighbours(bank, labels, queries, temperature=temperature), expected)


def test_a_small_temperature_asks_the_nearest_alone() -> None:
    bank, labels = _clusters(0, 200, spread=2.0)
    queries, _ = _clusters(1, 100, spread=2.0)
    nearest = classify_by_neighbours(bank, labels, queries, count=1)
    np.testing.assert_array_equal(classify_by_neighbours(bank, labels, queries, temperature=1e-6), nearest)


def test_near_neighbours_outvote_a_majority_far_away() -> None:
    bank = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    labels = np.array([0, 1, 1])
    query = np.array([[3.0, 0.3]])
    assert classify_by_neighbours(bank, labels, query, count=3).tolist() == [0]
    assert classify_by_neighbours(bank, labels, query, count=3, temperature=None).tolist() == [1]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, labels = _clusters(0, 100)
    queries, _ = _clusters(1, 50)
    whole = classify_by_neighbours(bank, labels, queries)
    monkeypatch.setattr(core.metrics.neighbours, "CHUNK", 7)
    np.testing.assert_array_equal(classify_by_neighbours(bank, labels, queries), whole)


def test_accuracy_is_high_for_clusters_and_chance_for_noise() -> None:
    bank, bank_labels = _clusters(0, 400, spread=0.5)
    queries, labels = _clusters(1, 200, spread=0.5)
    assert neighbour_accuracy(bank, bank_labels, queries, labels) > 0.95
    noise = np.random.default_rng(0).normal(size=(200, 12))
    assert neighbour_accuracy(bank, bank_labels, noise, labels) == pytest.approx(0.2, abs=0.1)


def test_what_is_watched_has_its_names() -> None:
    bank, bank_labels = _clusters(0, 100)
    queries, labels = _clusters(1, 50)
    found = neighbour_scores(bank, bank_labels, queries, labels)
    answers = classify_by_neighbours(bank, bank_labels, queries, count=5, temperature=None)
    assert found == {
        "knn_accuracy": neighbour_accuracy(bank, bank_labels, queries, labels, count=20, temperature=0.1),
        "knn5_accuracy": pytest.approx(np.mean(answers == labels)),
        "feature_deviation": feature_deviation(queries),
    }


def test_a_bank_smaller_than_the_vote_is_asked_whole() -> None:
    bank, labels = np.eye(3), np.array([0, 1, 2])
    assert classify_by_neighbours(bank, labels, 5 * np.eye(3)).tolist() == [0, 1, 2]


def test_rows_without_numbers_are_never_right_and_crash_nothing() -> None:
    bank, queries = np.eye(3), np.eye(3)
    bank[0], queries[1] = np.nan, np.nan
    assert classify_by_neighbours(bank, np.array([0, 1, 2]), queries, count=1).tolist()[1:] == [-1, 2]
    nothing = classify_by_neighbours(np.full((3, 3), np.nan), np.array([0, 1, 2]), np.eye(3))
    assert nothing.tolist() == [-1, -1, -1]
    assert math.isnan(feature_deviation(queries))


def test_no_query_has_no_accuracy_and_no_deviation() -> None:
    assert math.isnan(neighbour_accuracy(np.eye(3), np.arange(3), np.empty((0, 3)), np.empty(0, np.int64)))
    assert math.isnan(feature_deviation(np.empty((0, 3))))


@pytest.mark.parametrize(
    ("bank", "labels", "queries", "given"),
    [
        (np.empty((0, 3)), np.empty(0, np.int64), np.eye(3), r"\(0, 3\).*\(0,\).*\(3, 3\)"),
        (np.eye(3), np.arange(3), np.eye(4), r"\(3, 3\).*\(3,\).*\(4, 4\)"),
        (np.eye(3), np.arange(2), np.eye(3), r"\(3, 3\).*\(2,\).*\(3, 3\)"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    bank: NDArray[np.float64], labels: NDArray[np.int64], queries: NDArray[np.float64], given: str
) -> None:
    with pytest.raises(ValueError, match=given):
        classify_by_neighbours(bank, labels, queries)


@pytest.mark.parametrize("width", [16, 128, 512])
def test_features_spread_evenly_deviate_by_one_over_the_root_of_their_width(width: int) -> None:
    features = np.random.default_rng(0).normal(size=(4000, width)) * 7
    assert feature_deviation(features) == pytest.approx(1 / math.sqrt(width), rel=0.02)


def test_collapsed_features_do_not_deviate_whatever_their_lengths() -> None:
    rng = np.random.default_rng(0)
    collapsed = rng.normal(size=(1, 64)) * rng.uniform(0.5, 2, (100, 1))
    assert feature_deviation(collapsed) == pytest.approx(0, abs=1e-6)
    assert feature_deviation(np.zeros((10, 64))) == 0.0


def test_features_that_fill_part_of_the_space_lie_between() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(size=(1000, 8)), np.zeros((1000, 56))], axis=1)
    assert feature_deviation(features) == pytest.approx(8 / 64 / math.sqrt(8), rel=0.02)


def test_the_doctest_holds() -> None:
    assert doctest.testmod(core.metrics.neighbours).failed == 0
