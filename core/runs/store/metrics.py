"""Histories of runs: losses and scores by step and epoch, appended by the worker and read by pages as they grow."""

from collections.abc import Iterable
from pathlib import Path

from mlflow.entities import Metric
from mlflow.store.tracking import GET_METRIC_HISTORY_MAX_RESULTS
from mlflow.tracking import MlflowClient
from mlflow.utils.search_utils import SearchUtils

from core.runs.store.points import Point, read_points


class RunMetrics:
    """Reads and writes the histories of one tracking store."""

    def __init__(self, client: MlflowClient, database: Path | None) -> None:
        """Join them to a store.

        Args:
            client: Of MLflow tracking.
            database: The embedded SQLite file, which is read directly; None where the store is another.
        """
        self._client = client
        self._database = database

    def log_points(self, run_id: str, points: Iterable[tuple[str, Point]]) -> None:
        """Append numbers to histories by key; keys below ``step/`` count steps, the others epochs."""
        metrics = [Metric(key, value, int(1000 * at), step) for key, (step, value, at) in points]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(run_id, metrics=metrics[start : start + 1000])

    def history(self, run_id: str, key: str) -> list[Point]:
        """Return all points of a key in order; empty if there are none."""
        if self._database:
            return read_points(self._database, run_id, key)
        found = self._client.get_metric_history(run_id, key)
        return sorted((each.step, each.value, each.timestamp / 1000) for each in found)

    def points_after(self, run_id: str, key: str, *, count: int, step: int) -> list[Point]:
        """Return the points of a key that are new to somebody who knows so many of them, the last of this step."""
        if self._database:
            return read_points(self._database, run_id, key, after=step)
        found: list[Point] = []
        token = SearchUtils.create_page_token(count) if count else None  # type: ignore[no-untyped-call]
        while True:
            page = self._client._tracking_client.store.get_metric_history(
                run_id, key, max_results=GET_METRIC_HISTORY_MAX_RESULTS, page_token=token
            )
            found += [(each.step, each.value, each.timestamp / 1000) for each in page]
            token = page.token
            if token is None:
                return sorted(found)

    def last_steps(self, run_id: str) -> dict[str, int]:
        """Return the last step or epoch that each key has a point of."""
        keys = self.metric_keys(run_id)
        return {key: max(step for step, _, _ in self.history(run_id, key)) for key in keys}

    def metric_keys(self, run_id: str) -> list[str]:
        """Return the keys that have a history."""
        return sorted(self._client.get_run(run_id).data.metrics)
