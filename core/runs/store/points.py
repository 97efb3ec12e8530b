"""Histories read from the embedded database at once: MLflow's own way makes an object of each point, 20 µs apiece."""

import math
import sqlite3
from contextlib import closing
from pathlib import Path

Point = tuple[int, float, float]
"""Step or epoch, value, seconds since 1970."""

LARGEST = 1.7976931348623157e308
"""What MLflow writes for infinity."""


def read_points(database: Path, run_id: str, key: str, *, after: int = -1) -> list[Point]:
    """Return the points of a key whose step is higher than ``after``, in order of their steps.

    Args:
        database: MLflow's SQLite file.
        run_id: Run.
        key: Of the metric.
        after: The last step that is known already.
    """
    asked = (
        "select step, value, timestamp, is_nan from metrics where run_uuid = ? and key = ? and step > ? order by step"
    )
    with closing(sqlite3.connect(database, timeout=30.0)) as connection:
        rows = connection.execute(asked, (run_id, key, after)).fetchall()
    return [(step, _as_number(value, bool(nan)), at / 1000) for step, value, at, nan in rows]


def _as_number(value: float, nan: bool) -> float:
    if nan:
        return math.nan
    return value if abs(value) < LARGEST else math.copysign(math.inf, value)
