"""The only reader and writer of runs, over MLflow tracking.

Everything a page, the command line or a worker knows of a run comes from here. A final state never moves by itself:
only a person who resumes or prolongs a run opens it again. A stop is a request. Reading changes nothing: runs whose
worker is gone are marked by :mod:`core.runs.reaping`.
"""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

from mlflow.entities import LifecycleStage, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from core.errors import UserError, say_environment
from core.paths import home
from core.platforms import locked_file
from core.runs.process.liveness import is_alive, this_process
from core.runs.run import FINAL, KILLED, RUNNING, SCHEDULED, Orders, Progress, Run
from core.runs.store.embedded import embedded_uri, has_tables, let_readers_and_writers_be, prepare_home, refuse_loss
from core.runs.store.files import RunFiles
from core.runs.store.metrics import RunMetrics
from core.runs.store.named import open_named
from core.runs.store.run_ids import begins, only, say_deleted
from core.runs.store.snapshots import PREFIX, snapshot_of

ENDED = frozenset({"worker", "beat", "stop", "started", "ended", "lost", "kill"})
"""Tags that are true of one attempt; the next begins without them."""
REOPENED = ENDED | {"attempt", "order", "reason", "earlier", "config"}
"""Tags that are changed where a run that has ended is to go on."""
CLAIMS = "claims.lock"
"""Held while a queued run is taken or cancelled."""
PAGE = 1000
"""Runs that are read from the store at once."""


class RunStore:
    """Reads and writes runs of one tracking store."""

    def __init__(self, uri: str | None = None) -> None:
        """Open a store.

        Args:
            uri: Of MLflow tracking. By default ``MLFLOW_TRACKING_URI``, or an SQLite file in the home folder.

        Raises:
            UserError: If the home folder cannot be written or told to the database, or the store cannot be opened.
        """
        asked = uri or os.environ.get("MLFLOW_TRACKING_URI")
        if not asked:
            prepare_home()
        self.uri = asked or embedded_uri()
        self._database = home() / "mlflow.db" if self.uri == embedded_uri() else None
        self._inode = 0
        if self._database:
            with locked_file(home() / "mlflow.lock"):  # two processes that both make the tables spoil them
                self._open(self._database)
        else:
            self._client = open_named(self.uri)
        self.metrics = RunMetrics(self._client, self._database)
        self.files = RunFiles(self._client)

    def _open(self, database: Path) -> None:
        refuse_loss(database)
        try:
            let_readers_and_writers_be(database)
            self._client = MlflowClient(tracking_uri=self.uri)
            self._client.search_experiments(max_results=1)
            if not has_tables(database):  # this process holds one open that was deleted
                raise self._gone()
        except (sqlite3.Error, SQLAlchemyError, MlflowException) as error:
            raise UserError(say_environment(error)) from error
        self._inode = database.stat().st_ino

    def _check_there(self) -> None:
        """See to it that the store is still the one that was opened: SQLite goes on with a deleted file.

        Raises:
            UserError: If its file was deleted or replaced.
        """
        if self._database is None:
            return
        with suppress(OSError):
            if self._database.stat().st_ino == self._inode:
                return
        raise self._gone()

    def _gone(self) -> UserError:
        return UserError(
            f"{self._database} was deleted or replaced while it was in use. Put it back, or start Fovea again; what "
            "trains now cannot be recorded any more and ends."
        )

    def create(self, slug: str, config: Mapping[str, Any], *, name: str = "") -> Run:
        """Record a run that is to be started, with its whole config."""
        named = name or f"{config['arm']} · {config['recipe']} · seed {config['seed']}"
        tags = {
            f"{PREFIX}slug": slug,
            f"{PREFIX}config": json.dumps(dict(config)),
            f"{PREFIX}order": str(time.time()),
            f"{PREFIX}host": socket.gethostname(),
        }
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
        self._check_there()
        if len(run_id) == 32:
            try:
                entity = self._client.get_run(run_id)
            except MlflowException as error:
                raise UserError(f"There is no run {run_id}; `python -m core runs` lists them.") from error
            if entity.info.lifecycle_stage == LifecycleStage.DELETED:
                raise say_deleted(run_id)
            return snapshot_of(entity)
        found = self._search(begins(run_id)) if run_id else []
        if not found and run_id and (deleted := self._search(begins(run_id), deleted=True)):
            raise say_deleted(deleted[0].id)
        return only(run_id, found, "run")

    def runs(self, *, slug: str | None = None, limit: int | None = None, deleted: bool = False) -> list[Run]:
        """Return runs, newest first: those that count, or those that were deleted and not yet erased.

        Args:
            slug: Of one experiment; of all if None.
            limit: Not more than so many; all if None.
            deleted: Those that were deleted instead.
        """
        return self._search(slug=slug, limit=limit, deleted=deleted)

    def unfinished(self) -> list[Run]:
        """Return the runs that wait or train, newest first, however many others there are."""
        found = self._search(" and ".join(f"attributes.status != '{status}'" for status in sorted(FINAL)))
        return [run for run in found if not run.is_final]

    def _search(
        self, wanted: str = "", *, slug: str | None = None, limit: int | None = None, deleted: bool = False
    ) -> list[Run]:  # fmt: skip
        """Return the runs that a filter of MLflow's lets through, newest first, page after page."""
        self._check_there()
        experiments = [
            each.experiment_id
            for each in self._all_experiments()
            if each.name.startswith("fovea-") and slug in (None, each.name.removeprefix("fovea-"))
        ]
        found: list[Run] = []
        token: str | None = None
        while experiments and (limit is None or len(found) < limit):
            page = self._client.search_runs(
                experiments, wanted, max_results=PAGE if limit is None else min(PAGE, limit - len(found)),
                order_by=["attributes.start_time DESC"], page_token=token,
                run_view_type=ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY,
            )  # fmt: skip
            found += [snapshot_of(entity) for entity in page]
            token = page.token
            if not token:
                break
        return found

    def _all_experiments(self) -> list[Any]:
        page = self._client.search_experiments()
        found = list(page)
        while page.token:
            page = self._client.search_experiments(page_token=page.token)
            found += page
        return found

    def name_worker(self, run_id: str, worker: Mapping[str, Any]) -> None:
        """Record the process that was started for a run."""
        self._tag(run_id, worker=json.dumps(dict(worker)))

    def claim(self, run_id: str) -> Run:
        """Let the calling process take a run that nobody works on.

        Raises:
            UserError: If it has ended or is being trained, or another living process has taken it.
        """
        own = this_process()
        with locked_file(home() / CLAIMS):  # of two workers that read at once, both would take it
            run = self.get(run_id)
            if run.status != SCHEDULED:
                raise UserError(f"Run {run.short_id} is {run.state}; only a queued run can be worked on.")
            if run.worker and run.worker != own and is_alive(run.worker, unknown=True):
                raise UserError(f"Run {run.short_id} is already worked on by process {run.worker['pid']}.")
            self._tag(run_id, worker=json.dumps(own), beat=str(time.time()))
        return self.get(run_id)

    def start(self, run_id: str) -> Run:
        """Mark a claimed run as running.

        Raises:
            UserError: If it has ended meanwhile.
        """
        run = snapshot_of(self._client.get_run(run_id))
        if run.is_final:
            raise UserError(f"Run {run.short_id} has already ended ({run.state}); there is nothing to train.")
        self._tag(run_id, started=str(time.time()), beat=str(time.time()), reason="Loading.")
        self._client.update_run(run_id, status=RUNNING)
        return self.get(run_id)

    def beat(self, run_id: str, progress: Progress, usage: Mapping[str, float] | None = None) -> Orders:
        """Show that the worker lives and how far it is; return what was asked of it meanwhile."""
        self._check_there()
        self._tag(
            run_id, beat=str(time.time()), progress=json.dumps(asdict(progress)), usage=json.dumps(dict(usage or {}))
        )
        run = snapshot_of(self._client.get_run(run_id))
        return Orders(stop=run.stopping, epochs=int(run.config.get("epochs", 0)))

    def say(self, run_id: str, reason: str) -> None:
        """Record what the run is doing."""
        self._tag(run_id, reason=reason[:4000])

    def add_facts(self, run_id: str, facts: Mapping[str, str]) -> None:
        """Record strings about the run: fingerprint, device, versions."""
        tags = [RunTag(f"{PREFIX}fact.{key}", str(value)[:4000]) for key, value in facts.items()]
        self._client.log_batch(run_id, tags=tags)

    def join_study(self, run_id: str, study: str, split: str) -> None:
        """Record that a run belongs to a study, which compares on this split."""
        self._tag(run_id, **{f"study.{study}": split})

    def set_best(self, run_id: str, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the best epoch so far."""
        self._tag(run_id, best=json.dumps(dict(scores)), best_epoch=str(epoch))

    def mark_lost(self, run_id: str) -> None:
        """Record that a run's process vanished, which is what its page then calls it."""
        self._tag(run_id, lost="1")

    def finish(self, run_id: str, status: str, reason: str) -> None:
        """Move a run to a final state; one that is there already stays as it is."""
        if snapshot_of(self._client.get_run(run_id)).is_final:
            return
        self._tag(run_id, reason=reason[:4000], ended=str(time.time()))
        self._client.set_terminated(run_id, status=status)

    def request_stop(self, run_id: str) -> Run:
        """Ask a run to stop after its current step and keep its best epoch; a queued one is cancelled by that.

        Raises:
            UserError: If it has ended already.
        """
        return self._ask(run_id, "stop")

    def mark_killed(self, run_id: str) -> Run:
        """Record that a person wants the run's end at once; a queued one is cancelled by that.

        Raises:
            UserError: If it has ended already.
        """
        return self._ask(run_id, "kill")

    def _ask(self, run_id: str, wish: str) -> Run:
        with locked_file(home() / CLAIMS):  # a worker that takes it meanwhile would train what was cancelled
            run = self.get(run_id)
            if run.is_final:
                raise UserError(f"Run {run.short_id} has already ended ({run.state}); there is nothing to {wish}.")
            self._tag(run.id, **{wish: str(time.time())})
            if run.status == SCHEDULED and not run.worker:
                self.cancel(run)
        return self.get(run.id)

    def cancel(self, run: Run) -> None:
        """End a run that waits; one that waits to go on becomes again what it was."""
        if run.attempt > 1:
            self._close_again(run)
        else:
            self.finish(run.id, KILLED, "Cancelled in the queue; nothing was trained.")

    def _close_again(self, run: Run) -> None:
        """Give a run that waits to go on, and shall not any more, the final state back from which it was opened."""
        tags = self._client.get_run(run.id).data.tags
        before = json.loads(tags.get(f"{PREFIX}before", "{}"))
        for key in {*REOPENED, "before"} - before.get("tags", {}).keys():
            if f"{PREFIX}{key}" in tags:
                self._client.delete_tag(run.id, f"{PREFIX}{key}")
        self._tag(run.id, **before.get("tags", {"reason": "Cancelled in the queue; it stays as it was.",
                                                "ended": str(time.time())}))  # fmt: skip
        self._client.set_terminated(run.id, status=before.get("status", KILLED))

    def set_order(self, run_id: str, order: float) -> None:
        """Give a queued run another place; the smallest number starts first."""
        self._tag(run_id, order=repr(order))

    def set_epochs(self, run_id: str, epochs: int) -> None:
        """Change how many epochs a run is to have; a worker is told by its next heartbeat."""
        config = dict(self.get(run_id).config) | {"epochs": epochs}
        self._tag(run_id, config=json.dumps(config))

    def reopen(self, run_id: str, *, epochs: int | None = None) -> Run:
        """Put a run that has ended back into the queue, to go on from its last checkpoint.

        Args:
            run_id: Which.
            epochs: How many it is to have; as before if None.

        Raises:
            UserError: If it has not ended.
        """
        run = self.get(run_id)
        if not run.is_final:
            raise UserError(f"Run {run.short_id} is {run.state}; only a run that has ended can go on.")
        tags = self._client.get_run(run.id).data.tags
        kept = {key: tags[f"{PREFIX}{key}"] for key in REOPENED if f"{PREFIX}{key}" in tags}
        self._tag(run.id, before=json.dumps({"status": run.status, "tags": kept}))
        for key in kept.keys() & ENDED:
            self._client.delete_tag(run.id, f"{PREFIX}{key}")
        self._tag(
            run.id, attempt=str(run.attempt + 1), order=str(time.time()), reason="Queued to go on.",
            earlier=json.dumps(run.attempts),
        )  # fmt: skip
        if epochs is not None:
            self.set_epochs(run.id, epochs)
        self._client.update_run(run.id, status=SCHEDULED)
        return self.get(run.id)

    def delete(self, run_id: str) -> Run:
        """Put a run that has ended aside; :meth:`restore` brings it back until it is erased.

        Raises:
            UserError: If it has not ended.
        """
        run = self.get(run_id)
        if not run.is_final:
            raise UserError(f"Run {run.short_id} is {run.state}; stop or kill it before it is deleted.")
        self._client.delete_run(run.id)
        return run

    def restore(self, run_id: str) -> Run:
        """Bring a deleted run back.

        Raises:
            UserError: If no deleted run has this id, or several begin so.
        """
        run = only(run_id, self._search(begins(run_id), deleted=True) if run_id else (), "deleted run")
        self._client.restore_run(run.id)
        return self.get(run.id)

    def _tag(self, run_id: str, **tags: str) -> None:
        self._client.log_batch(run_id, tags=[RunTag(f"{PREFIX}{key}", value) for key, value in tags.items()])
