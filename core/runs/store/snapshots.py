"""How a run is written down in MLflow's tags, and read back."""

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from core.runs.run import FINAL, Progress, Run

PREFIX = "fovea."
"""What the names of our tags begin with."""
LAST_MOMENT = 1e11
"""Seconds since 1970, in the year 5138: a later time is a damaged one, and most calendars do not reach much further."""
MOST = 2**53
"""A larger count is a damaged one."""
TEXTS, COUNTS = ("arm", "recipe", "data"), ("seed", "epochs")
"""Knobs of every run, which are read without its experiment: text, and numbers."""


def snapshot_of(entity: Any) -> Run:
    """Return what an MLflow run says of ours."""
    tags = entity.data.tags
    own = {key.removeprefix(PREFIX): value for key, value in tags.items() if key.startswith(PREFIX)}

    damaged: list[str] = []
    created = min((entity.info.start_time or 0) / 1000, LAST_MOMENT)

    def stored(key: str, kind: Callable[[str], Any], default: Any) -> Any:
        """Return what a tag holds; the default where it is not there, or no such thing: one run never hides others."""
        if key not in own:
            return default
        try:
            value = kind(own[key])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
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
        config=stored("config", _read_config, {}),
        progress=stored("progress", _read_progress, Progress()),
        best=stored("best", _read_numbers, {}),
        best_epoch=stored("best_epoch", _read_count, 0),
        created=created,
        started=stored("started", _read_moment, None),
        ended=stored("ended", _read_moment, None),
        beat=stored("beat", _read_moment, None),
        stopping="stop" in own and entity.info.status not in FINAL,
        host=own.get("host", socket.gethostname()),
        order=stored("order", _read_moment, created),
        attempt=stored("attempt", _read_count, 1),
        earlier=stored("earlier", _read_spans, ()),
        killed="kill" in own,
        usage=stored("usage", _read_numbers, {}),
        lost="lost" in own,
        worker=stored("worker", _read_worker, {}),
        facts=_beginning(own, "fact."),
        studies=_beginning(own, "study."),
        damaged=tuple(damaged),
    )


def _require(fits: bool) -> None:
    if not fits:
        raise ValueError


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= LAST_MOMENT  # NaN is not


def _read_count(text: str) -> int:
    count = int(text)
    _require(_is_count(count))
    return count


def _read_moment(text: str) -> float:
    moment = float(text)
    _require(_is_moment(moment))
    return moment


def _read_config(text: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(text)
    _require(all(isinstance(config.get(name, ""), str) for name in TEXTS))
    _require(all(_is_count(abs(config.get(name, 0))) for name in COUNTS))  # what is too small is refused by its name
    return config


def _read_progress(text: str) -> Progress:
    told = json.loads(text)
    left = told.get("seconds_left")
    _require(left is None or _is_moment(left))
    _require(all(_is_count(value) for name, value in told.items() if name != "seconds_left"))
    return Progress(**told)


def _read_worker(text: str) -> dict[str, Any]:
    worker: dict[str, Any] = json.loads(text)
    if worker:
        _require(isinstance(worker["host"], str) and _is_count(worker["pid"]) and _is_moment(worker["since"]))
    return worker


def _read_numbers(text: str) -> dict[str, float]:
    return {str(key): float(value) for key, value in json.loads(text).items()}


def _read_spans(text: str) -> tuple[tuple[float, float], ...]:
    spans = tuple((float(start), float(end)) for start, end in json.loads(text))
    _require(all(map(_is_moment, (moment for span in spans for moment in span))))
    return spans


def _beginning(tags: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}
