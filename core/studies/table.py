"""All numbers of a comparison as one table."""

import csv
from collections.abc import Sequence
from typing import IO

from core.runs.store import RunStore
from core.studies.comparison import Side


def write_curves(store: RunStore, sides: Sequence[Side], file: IO[str]) -> None:
    """Write every number that every run of these sides told, a line for each point, as CSV."""
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["side", "run", "seed", "key", "step", "value", "time"])
    for side in sides:
        for run in side.runs:
            for key in store.metric_keys(run.id):
                table.writerows(
                    [side.name, run.id, run.config.get("seed"), key, step, value, at]
                    for step, value, at in store.history(run.id, key)
                )
