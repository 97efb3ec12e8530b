import time

import numpy as np
import pytest
from mlflow import MlflowClient

from core.runs.run import FINISHED, Progress
from core.runs.store.run_store import RunStore
from core.ui.components.histories import Histories, smooth, thin


def points(first: int, last: int) -> list[tuple[str, tuple[int, float, float]]]:
    return [("step/loss", (step, 1 / step, time.time())) for step in range(first, last + 1)]


@pytest.mark.filterwarnings("default")  # of MLflow and SQLAlchemy
def test_a_curve_read_piece_by_piece_is_the_whole_history_and_is_left_alone_after_the_end() -> None:
    store = RunStore()
    run = store.create("vessels", {"arm": "unet", "recipe": "quick", "seed": 0})
    store.start(run.id)
    known = Histories()
    for first, last in ((1, 5), (6, 6), (7, 20)):
        store.metrics.log_points(run.id, points(first, last))
        store.beat(run.id, Progress(step=last))
        steps, values = known.read(store, store.get(run.id), "step/loss")
        whole = store.metrics.history(run.id, "step/loss")
        assert steps.tolist() == [each[0] for each in whole] == list(range(1, last + 1))
        assert values.tolist() == [each[1] for each in whole]
    store.finish(run.id, FINISHED, "done")
    ended = store.get(run.id)
    known.read(store, ended, "step/loss")
    store.points_after = None  # type: ignore[assignment, method-assign] - nothing may be read from now on
    assert len(known.read(store, ended, "step/loss")[0]) == 20


def test_smoothing_keeps_a_constant_and_zero_changes_nothing() -> None:
    values = np.random.default_rng(0).random(50)
    np.testing.assert_allclose(smooth(np.full(50, 3.0), 0.97), 3.0)
    np.testing.assert_allclose(smooth(values, 0.0), values)
    assert smooth(values, 0.9).std() < values.std()


@pytest.mark.parametrize("count", [10, 999, 1001, 2000, 12_345])
def test_thinning_keeps_every_peak_and_the_order(count: int) -> None:
    values = np.random.default_rng(count).random(count)
    values[count // 3], values[-1] = 50.0, -50.0
    steps, kept = thin((np.arange(count), values), most=1000)
    assert len(steps) <= max(1000 + 50, min(count, 1000))
    assert (np.diff(steps) > 0).all()
    assert {kept.max(), kept.min()} == {50.0, -50.0}
    np.testing.assert_array_equal(values[steps], kept)


def test_what_is_zoomed_into_is_whole_and_the_rest_stays_coarse() -> None:
    steps = np.arange(100_000)
    curve = steps, np.random.default_rng(0).random(100_000)
    zoomed, values = thin(curve, (40_000, 40_400))
    inside = (zoomed >= 40_000) & (zoomed <= 40_400)
    np.testing.assert_array_equal(zoomed[inside], steps[40_000:40_401])
    np.testing.assert_array_equal(values, curve[1][zoomed])
    assert 800 < (~inside).sum() < 1300
    assert (np.diff(zoomed) > 0).all()
    for part in ((-50.0, 10.0), (99_990.0, 2e6), (5.2, 5.4), (-9.0, -1.0)):
        assert (np.diff(thin(curve, part)[0]) > 0).all()


@pytest.mark.filterwarnings("default")  # of MLflow and SQLAlchemy
def test_a_history_is_the_same_in_our_own_reading_and_in_mlflows() -> None:
    store = RunStore()
    run = store.create("vessels", {"arm": "unet", "recipe": "quick", "seed": 0})
    told = [1.0, float("nan"), float("inf"), -float("inf"), 0.25]
    store.metrics.log_points(run.id, [("step/loss", (step, value, 1e9 + step)) for step, value in enumerate(told)])
    mlflow = [
        (each.step, each.value, each.timestamp / 1000)
        for each in MlflowClient(store.uri).get_metric_history(run.id, "step/loss")
    ]
    np.testing.assert_equal(store.metrics.history(run.id, "step/loss")[0::4], mlflow[0::4])
    np.testing.assert_equal([value for _, value, _ in store.metrics.history(run.id, "step/loss")], told)
    assert store.metrics.points_after(run.id, "step/loss", count=4, step=3) == [(4, 0.25, 1e9 + 4)]


@pytest.mark.filterwarnings("default")  # of MLflow and SQLAlchemy
def test_a_curve_goes_on_where_the_run_does_and_time_in_the_queue_does_not_count() -> None:
    store = RunStore()
    run = store.create("vessels", {"arm": "unet", "recipe": "quick", "seed": 0, "epochs": 2})
    known = Histories()
    for first, last in ((1, 5), (6, 9)):
        store.start(run.id)
        store.metrics.log_points(run.id, points(first, last))
        store.beat(run.id, Progress(step=last))
        store.finish(run.id, FINISHED, "done")
        ended = store.get(run.id)
        assert known.read(store, ended, "step/loss")[0].tolist() == list(range(1, last + 1))
        assert known.keys(store, ended) == ["step/loss"]
        store.reopen(run.id)
        time.sleep(0.5)
    minutes, _ = known.read_by_minute(store, store.get(run.id), "step/loss")
    assert (np.diff(minutes) >= 0).all()
    assert 0 <= minutes[-1] * 60 < 0.5
