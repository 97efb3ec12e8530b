"""All numbers of a comparison as one table."""

import csv
from collections.abc import Iterable
from typing import IO

from core.runs.run import Run
from core.runs.store.run_store import RunStore


def write_curves(store: RunStore, named: Iterable[tuple[str, Run]], file: IO[str]) -> None:
    """Write every number that runs told, a line for each point, as CSV.

    Args:
        store: Where they are recorded.
        named: The runs, each with the name of the side that it belongs to.
        file: Where to.
    """
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["side", "run", "seed", "key", "step", "value", "time"])
    for side, run in named:
        for key in store.metrics.metric_keys(run.id):
            table.writerows(
                [side, run.id, run.config.get("seed"), key, step, value, at]
                for step, value, at in store.metrics.history(run.id, key)
            )
