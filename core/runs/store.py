"""The only reader and writer of runs, over MLflow tracking.

Everything a page, the command line or a worker knows of a run comes from here. A final state never moves; a stop is a
request; a worker's death is found by its missing heartbeat and its vanished process.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import GET_METRIC_HISTORY_MAX_RESULTS
from mlflow.tracking import MlflowClient
from mlflow.utils.search_utils import SearchUtils

from core.errors import UserError
from core.paths import home, locked_file, logs_folder
from core.runs.liveness import is_alive, this_process
from core.runs.run import FAILED, FINISHED, RUNNING, SCHEDULED, Progress, Run

PREFIX = "fovea."
SILENCE = 6.0
"""Seconds without a heartbeat after which a worker's process is looked for."""
LOST = 60.0
"""Seconds without a heartbeat after which a worker on another machine counts as dead."""

Point = tuple[int, float, float]
"""Step or epoch, value, seconds since 1970."""


class RunStore:
    """Reads and writes runs of one tracking store."""

    def __init__(self, uri: str | None = None) -> None:
        """Open a store.

        Args:
            uri: Of MLflow tracking. By default ``MLFLOW_TRACKING_URI``, or an SQLite file in the home folder.

        Raises:
            UserError: If the home folder cannot be written.
        """
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or _embedded_uri()
        if self.uri == _embedded_uri():
            with locked_file(home() / "mlflow.lock"):  # two processes that both make the tables spoil them
                self._client = MlflowClient(tracking_uri=self.uri)
                self._client.search_experiments(max_results=1)
        else:
            self._client = MlflowClient(tracking_uri=self.uri)

    def create(self, slug: str, config: Mapping[str, Any], *, name: str = "") -> Run:
        """Record a run that is to be started, with its whole config."""
        named = name or f"{config['arm']} · {config['recipe']} · seed {config['seed']}"
        tags = {f"{PREFIX}slug": slug, f"{PREFIX}config": json.dumps(dict(config))}
        entity = self._client.create_run(self._experiment(slug), tags=tags, run_name=named)
        self._client.update_run(entity.info.run_id, status=SCHEDULED)
        params = [Param(key, str(value)) for key, value in config.items()]
        self._client.log_batch(entity.info.run_id, params=params)
        return self.get(entity.info.run_id)

    def _experiment(self, slug: str) -> str:
        name = f"fovea-{slug}"
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        place = (home() / "artifacts" / slug).as_uri() if self.uri.startswith("sqlite:") else None
        try:
            return str(self._client.create_experiment(name, artifact_location=place))
        except MlflowException:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)  # another process was faster

    def get(self, run_id: str) -> Run:
        """Return a run by its id or the beginning of it.

        Raises:
            UserError: If there is none, or several begin so.
        """
        if len(run_id) == 32:
            try:
                return self._read(self._client.get_run(run_id))
            except MlflowException as error:
                raise UserError(f"There is no run {run_id}; `python -m core runs` lists them.") from error
        fitting = [run for run in self.runs() if run_id and run.id.startswith(run_id)]
        if len(fitting) != 1:
            said = "is not known" if not fitting else f"fits {len(fitting)} runs, give more digits"
            raise UserError(f"The run {run_id!r} {said}; `python -m core runs` lists them.")
        return fitting[0]

    def runs(self, *, slug: str | None = None, limit: int = 1000) -> list[Run]:
        """Return runs, newest first."""
        experiments = [
            each.experiment_id
            for each in self._client.search_experiments()
            if each.name.startswith("fovea-") and slug in (None, each.name.removeprefix("fovea-"))
        ]
        if not experiments:
            return []
        found = self._client.search_runs(
            experiments, run_view_type=ViewType.ACTIVE_ONLY, max_results=limit, order_by=["attributes.start_time DESC"]
        )
        return [self._read(entity) for entity in found]

    def _read(self, entity: Any) -> Run:
        run = _snapshot(entity)
        return self._buried(run) if not run.is_final else run

    def _buried(self, run: Run) -> Run:
        """Mark a run whose worker is gone as failed."""
        last = run.beat or run.created
        silence = time.time() - last
        if silence < SILENCE or is_alive(run.worker, unknown=silence < LOST):
            return run
        ending = "never reported" if run.status == SCHEDULED else "died"
        self.finish(run.id, FAILED, f"The worker process {ending}. {self.last_words(run.id)}".strip())
        return _snapshot(self._client.get_run(run.id))

    def name_worker(self, run_id: str, worker: Mapping[str, Any]) -> None:
        """Record the process that was started for a run."""
        self._tag(run_id, worker=json.dumps(dict(worker)))

    def claim(self, run_id: str) -> Run:
        """Let the calling process take a run that nobody works on.

        Raises:
            UserError: If it has ended or is being trained, or another living process has taken it.
        """
        run, own = self.get(run_id), this_process()
        if run.status != SCHEDULED:
            raise UserError(f"Run {run.short_id} is {run.state}; only a run that has not started can be worked on.")
        if run.worker and run.worker != own and is_alive(run.worker, unknown=True):
            raise UserError(f"Run {run.short_id} is already waiting in process {run.worker['pid']}.")
        self._tag(run_id, worker=json.dumps(own), beat=str(time.time()))
        return self.get(run_id)

    def start(self, run_id: str) -> Run:
        """Mark a claimed run as running."""
        self._tag(run_id, started=str(time.time()), beat=str(time.time()), reason="Loading.")
        self._client.update_run(run_id, status=RUNNING)
        return self.get(run_id)

    def beat(self, run_id: str, progress: Progress) -> bool:
        """Show that the worker lives and how far it is; return whether a stop was asked for."""
        self._tag(run_id, beat=str(time.time()), progress=json.dumps(asdict(progress)))
        return f"{PREFIX}stop" in self._client.get_run(run_id).data.tags

    def say(self, run_id: str, reason: str) -> None:
        """Record what the run is doing."""
        self._tag(run_id, reason=reason[:4000])

    def add_facts(self, run_id: str, facts: Mapping[str, str]) -> None:
        """Record strings about the run: fingerprint, device, versions."""
        tags = [RunTag(f"{PREFIX}fact.{key}", str(value)[:4000]) for key, value in facts.items()]
        self._client.log_batch(run_id, tags=tags)

    def set_best(self, run_id: str, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the best epoch so far."""
        self._tag(run_id, best=json.dumps(dict(scores)), best_epoch=str(epoch))

    def finish(self, run_id: str, status: str, reason: str) -> None:
        """Move a run to a final state; one that is there already stays as it is."""
        if _snapshot(self._client.get_run(run_id)).is_final:
            return
        self._tag(run_id, reason=reason[:4000], ended=str(time.time()))
        self._client.set_terminated(run_id, status=status)

    def request_stop(self, run_id: str) -> Run:
        """Ask a run to stop after its current step and keep its best epoch.

        Raises:
            UserError: If it has ended already.
        """
        run = self.get(run_id)
        if run.is_final:
            raise UserError(f"Run {run.short_id} has already ended ({run.state}); there is nothing to stop.")
        self._tag(run.id, stop=str(time.time()))
        return self.get(run.id)

    def log_points(self, run_id: str, points: Iterable[tuple[str, Point]]) -> None:
        """Append numbers to histories by key; keys below ``step/`` count steps, the others epochs."""
        metrics = [Metric(key, value, int(1000 * at), step) for key, (step, value, at) in points]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(run_id, metrics=metrics[start : start + 1000])

    def history(self, run_id: str, key: str) -> list[Point]:
        """Return all points of a key in order; empty if there are none."""
        found = self._client.get_metric_history(run_id, key)
        return sorted((each.step, each.value, each.timestamp / 1000) for each in found)

    def extend_history(self, run_id: str, key: str, known: Sequence[Point]) -> list[Point]:
        """Return all points of a key in the order they were recorded, reading only those after the known ones.

        Reading 2,000 points takes 45 ms of processor time; a page that follows a training must not spend that every
        second.
        """
        found = list(known)
        token = SearchUtils.create_page_token(len(known)) if known else None  # type: ignore[no-untyped-call]
        while True:
            page = self._client._tracking_client.store.get_metric_history(
                run_id, key, max_results=GET_METRIC_HISTORY_MAX_RESULTS, page_token=token
            )
            found += [(each.step, each.value, each.timestamp / 1000) for each in page]
            token = page.token
            if token is None:
                return found

    def metric_keys(self, run_id: str) -> list[str]:
        """Return the keys that have a history."""
        return sorted(self._client.get_run(run_id).data.metrics)

    def folder(self, run_id: str) -> Path:
        """Return the local folder of a run's files, made if missing: ``checkpoint/``, ``pictures/``.

        Where the store keeps artifacts elsewhere, this is a working copy; see :meth:`publish` and :meth:`fetch`.
        """
        folder = self._local_artifacts(run_id) or home() / "working" / run_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def publish(self, run_id: str, place: str) -> None:
        """Copy a subfolder of :meth:`folder` to the store's own artifacts, where those are not local."""
        if self._local_artifacts(run_id) is None and (self.folder(run_id) / place).exists():
            self._client.log_artifacts(run_id, str(self.folder(run_id) / place), artifact_path=place)

    def fetch(self, run_id: str, place: str) -> Path:
        """Return a local copy of a subfolder of a run's files, which may be missing or empty."""
        folder = self.folder(run_id) / place
        if self._local_artifacts(run_id) is None and not folder.exists() and self._client.list_artifacts(run_id, place):
            self._client.download_artifacts(run_id, place, str(self.folder(run_id)))
        return folder

    def _local_artifacts(self, run_id: str) -> Path | None:
        address = urlparse(self._client.get_run(run_id).info.artifact_uri)
        return Path(unquote(address.path)) if address.scheme in ("", "file") else None

    def log_path(self, run_id: str) -> Path:
        """Return the file that holds what the worker printed."""
        return logs_folder() / f"{run_id}.log"

    def last_words(self, run_id: str, lines: int = 3) -> str:
        """Return the end of the log as one line; empty if there is none."""
        path = self.log_path(run_id)
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            said = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
        return "Its last words: " + " / ".join(said[-lines:]) if said else ""

    def _tag(self, run_id: str, **tags: str) -> None:
        self._client.log_batch(run_id, tags=[RunTag(f"{PREFIX}{key}", value) for key, value in tags.items()])


def _embedded_uri() -> str:
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"{folder} cannot be made ({error.strerror}); set FOVEA_HOME to a folder you can write."
        raise UserError(said) from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder} cannot be written; set FOVEA_HOME to a folder you can write.")
    return f"sqlite:///{folder / 'mlflow.db'}"


def _snapshot(entity: Any) -> Run:
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
        stopping="stop" in own and entity.info.status not in (FINISHED, FAILED),
        worker=stored("worker", json.loads, {}),
        facts={key.removeprefix("fact."): value for key, value in own.items() if key.startswith("fact.")},
    )
