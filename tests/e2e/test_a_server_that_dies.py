"""The page server is killed while two runs train: both end well, a new server shows them, and none starts twice."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.experiments import find_experiment
from core.runs.run import FINISHED, RUNNING
from core.runs.store import RunStore
from tests.e2e.serving import Server, Tab
from tests.runs.test_worker import TINY, until

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("workers"), pytest.mark.filterwarnings("default"),
]  # fmt: skip
EPOCHS = 30


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may train at once, also in the server that is started with this environment."""
    monkeypatch.setenv("FOVEA_SLOTS", "2")


def test_runs_outlive_their_server(at_once: None, server: Server, open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    vessels = find_experiment("vessels")
    vessels.make_data(tmp_path / "six", n=6, seed=1)
    config = vessels.config(recipe="quick", data=str(tmp_path / "six"), changes=TINY | {"epochs": EPOCHS})
    store = RunStore()
    ids = [store.create("vessels", config.as_values(), name=f"run {number}").id for number in (1, 2, 3)]
    for each in ids[:2]:  # the server finds them in the queue and starts both
        until(store, each, lambda run: run.status == RUNNING and run.progress.epoch >= 1)
    assert store.get(ids[2]).state == "queued"
    assert server.process
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    workers = [store.get(each).worker["pid"] for each in ids[:2]]
    server.start()
    for each in ids:
        until(store, each, lambda run: run.is_final, seconds=180)
    runs = [store.get(each) for each in ids]
    assert [(run.status, run.attempt, run.progress.epoch) for run in runs] == [(FINISHED, 1, EPOCHS)] * 3
    assert [run.worker["pid"] for run in runs[:2]] == workers
    for run in runs:
        assert store.log_path(run.id).read_text().count("attempt: 1\n") == 1
        steps = [step for step, _, _ in store.history(run.id, "learning_rate")]
        assert steps == list(range(1, EPOCHS + 1))
        expect(
            open_tab().open(f"/runs?run={run.short_id}").get_by_text(f"All {EPOCHS} epochs are done.")
        ).to_be_visible()
