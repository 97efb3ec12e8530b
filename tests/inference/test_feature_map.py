"""Maps of features: the same pictures stay where they are from epoch to epoch, and neighbours stay neighbours."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA  # type: ignore[import-untyped]

from core.errors import UserError
from core.experiments import find_experiment
from core.inference.explanations.feature_map import PLACE, align, map_features, spread, tsne
from core.metrics.principal import principal_components
from core.runs.recorder import StoreRecorder
from core.runs.run import Run
from core.runs.store.run_store import RunStore

CLASSES = 3


def features_of(count: int, apart: float, seed: int) -> NDArray[np.float32]:
    """Return ``(N, 12)`` features of three classes in turn, so far apart."""
    rng = np.random.default_rng(0)
    noise = np.random.default_rng(seed).normal(0, 0.05, (count, 12))
    middles = rng.normal(0, 1, (CLASSES, 12))
    return (apart * middles[np.arange(count) % CLASSES] + rng.normal(0, 1, (count, 12)) + noise).astype(np.float32)


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def record(store: RunStore, epochs: int, *, count: int = 60, with_features: bool = True) -> Run:
    config = find_experiment("objects").config(recipe="quick", data="/nowhere")  # or a set would be drawn
    run = store.create("objects", config.as_values())
    with StoreRecorder(store, run.id) as recorder:
        for epoch in range(1, epochs + 1):
            labels = np.arange(count) % CLASSES
            told = {"names": np.array([f"{each}.png" for each in range(count)]), "labels": labels,
                    "probs": np.eye(CLASSES, dtype=np.float32)[labels]}  # fmt: skip
            if with_features:
                told["components"] = principal_components(features_of(count, 2.0 * epoch, epoch))
            recorder.record_answers(epoch, told)
    return store.get(run.id)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (300, 200), (2, 5), (5, 1)])
def test_components_are_those_of_scikit_learn_up_to_their_signs(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(1).normal(0, np.linspace(3, 1, shape[1]), shape).astype(np.float32)
    found = principal_components(features)
    wanted = PCA(2 if min(shape) > 1 else 1, svd_solver="full").fit_transform(features.astype(np.float64))
    assert found.shape == (shape[0], min(50, *shape))
    for column in range(wanted.shape[1]):
        assert np.abs(found[:, column]) == pytest.approx(np.abs(wanted[:, column]) / wanted[:, 0].std(), abs=0.02)


def test_pictures_that_are_all_the_same_lie_in_one_place() -> None:
    assert not principal_components(np.ones((6, 4), np.float32)).any()
    assert not tsne(np.zeros((6, 4))).any()


def test_a_map_that_was_turned_and_mirrored_is_turned_back() -> None:
    last = np.random.default_rng(0).normal(0, [2, 1], (50, 2))
    turn = np.array([[np.cos(2.0), -np.sin(2.0)], [np.sin(2.0), np.cos(2.0)]])
    first, second = (last @ turn + 3), last * [1, -1]
    for each in align([first, second, last]):
        assert each == pytest.approx(last - last.mean(axis=0))


def test_chosen_pictures_are_of_every_class_in_its_part() -> None:
    labels = np.repeat([0, 1, 2], [500, 400, 100])
    numbers = spread(labels, 100)
    assert np.bincount(labels[numbers]).tolist() == pytest.approx([50, 40, 10], abs=1)
    assert len(set(numbers.tolist())) == 100
    assert spread(labels[:7], 100).tolist() == list(range(7))


def test_both_maps_part_the_classes_and_barely_move_between_epochs(store: RunStore) -> None:
    run = record(store, 3)
    told: list[tuple[int, int]] = []
    for method in ("pca", "tsne"):
        found = map_features(store, run, method, lambda done, whole: told.append((done, whole)))
        assert found.places.shape == (3, 60, 2)
        assert np.abs(found.places).max() == pytest.approx(1)
        labels = found.answers[0].labels[found.numbers]
        last = found.places[-1].astype(np.float64)
        far = ((last[:, None] - last[None]) ** 2).sum(-1) + 9.0 * np.eye(60)
        assert (labels[far.argmin(axis=1)] == labels).mean() > 0.95, method
        moved = np.linalg.norm(found.places[2] - found.places[1], axis=1).mean()
        other = np.random.default_rng(0).permutation(60)
        assert moved < 0.5 * np.linalg.norm(found.places[2][other] - found.places[1], axis=1).mean(), method
    assert told == [(0, 3), (1, 3), (2, 3)]
    again = map_features(store, run, "tsne", lambda *_: pytest.fail("it is kept"))
    assert (again.places == found.places).all()
    assert len(list((store.files.folder(run.id) / PLACE).iterdir())) == 3


def test_a_run_without_features_says_so(store: RunStore) -> None:
    without = record(store, 1, with_features=False)
    with pytest.raises(UserError, match=without.short_id):
        map_features(store, without, "pca")
    with pytest.raises(UserError, match=r"umap.*pca.*tsne"):
        map_features(store, record(store, 1), "umap")
