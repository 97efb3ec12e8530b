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

    def stored(key: str, kind: Callable[[str], Any], default: Any) -> Any:
        return kind(own[key]) if key in own else default

    return Run(
        id=entity.info.run_id,
        slug=own.get("slug", ""),
        name=entity.info.run_name or entity.info.run_id[:8],
        status=entity.info.status,
        reason=own.get("reason", ""),
        config=stored("config", json.loads, {}),
        progress=Progress(**stored("progress", json.loads, {})),
        best=stored("best", json.loads, {}),
        best_epoch=stored("best_epoch", int, 0),
        created=entity.info.start_time / 1000,
        started=stored("started", float, None),
        ended=stored("ended", float, None),
        beat=stored("beat", float, None),
        stopping="stop" in own and entity.info.status not in FINAL,
        host=own.get("host", socket.gethostname()),
        order=stored("order", float, entity.info.start_time / 1000),
        attempt=stored("attempt", int, 1),
        killed="kill" in own,
        usage=stored("usage", json.loads, {}),
        lost="lost" in own,
        worker=stored("worker", json.loads, {}),
        facts=_beginning(own, "fact."),
        studies=_beginning(own, "study."),
    )


def _beginning(tags: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}
