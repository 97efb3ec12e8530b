"""How a run is written down in MLflow's tags, and read back."""

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from core.runs.run import FINAL, Progress, Run

PREFIX = "fovea."
"""What the names of our tags begin with."""


def snapshot_of(entity: Any) -> Run:
    """Return what an MLflow run says of ours."""
    tags = entity.data.tags
    own = {key.removeprefix(PREFIX): value for key, value in tags.items() if key.startswith(PREFIX)}

    damaged: list[str] = []

    def stored(key: str, kind: Callable[[str], Any], default: Any) -> Any:
        """Return what a tag holds; the default where it is not there, or no such thing: one run never hides others."""
        if key not in own:
            return default
        try:
            value = kind(own[key])
        except (ValueError, TypeError, RecursionError):
            value = None
        if not isinstance(value, int | float if default is None else type(default)):
            damaged.append(key)
            return default
        return value

    return Run(
        id=entity.info.run_id,
        slug=own.get("slug", ""),
        name=entity.info.run_name or entity.info.run_id[:8],
        status=entity.info.status,
        reason=own.get("reason", ""),
        config=stored("config", json.loads, {}),
        progress=stored("progress", _read_progress, Progress()),
        best=stored("best", _read_numbers, {}),
        best_epoch=stored("best_epoch", int, 0),
        created=entity.info.start_time / 1000,
        started=stored("started", float, None),
        ended=stored("ended", float, None),
        beat=stored("beat", float, None),
        stopping="stop" in own and entity.info.status not in FINAL,
        host=own.get("host", socket.gethostname()),
        order=stored("order", float, float(entity.info.start_time / 1000)),
        attempt=stored("attempt", int, 1),
        earlier=stored("earlier", _read_spans, ()),
        killed="kill" in own,
        usage=stored("usage", _read_numbers, {}),
        lost="lost" in own,
        worker=stored("worker", json.loads, {}),
        facts=_beginning(own, "fact."),
        studies=_beginning(own, "study."),
        damaged=tuple(damaged),
    )


def _read_progress(text: str) -> Progress:
    return Progress(**json.loads(text))


def _read_numbers(text: str) -> dict[str, float]:
    return {str(key): float(value) for key, value in json.loads(text).items()}


def _read_spans(text: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(start), float(end)) for start, end in json.loads(text))


def _beginning(tags: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}
