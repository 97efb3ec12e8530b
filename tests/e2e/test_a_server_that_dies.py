"""The page server is killed, or ended, while runs train: they go on, and none starts twice."""

import os
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from core.experiments import find_experiment
from core.runs.queue import dispatch
from core.runs.run import FINISHED, RUNNING
from core.runs.store.run_store import RunStore
from tests.e2e.serving import Server, Tab, by_key, wait_until
from tests.e2e.training import start_training
from tests.synthetic_sets import SyntheticSets

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("servers"), pytest.mark.filterwarnings("default"),
]  # fmt: skip
EPOCHS = 10
TINY = {"epochs": EPOCHS, "patch": 32, "patches": 4, "batch_size": 2, "validation": 0.4, "precision": "fp32",
        "memory_format": "contiguous"}  # fmt: skip


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may train at once, also in the server that is started with this environment."""
    monkeypatch.setenv("FOVEA_SLOTS", "2")


def test_runs_outlive_a_closed_tab_and_a_server_that_is_killed_and_restarted(
    two_at_once: None, own_server: Server, open_tab: Callable[..., Tab], synthetic_sets: SyntheticSets
) -> None:
    data, store = synthetic_sets.of("vessels", n=6, halved=True), RunStore()
    first = open_tab(own_server)
    long = start_training(first, data, epochs=400)
    expect(by_key(first.page, f"stop-{long.id}").get_by_role("button")).to_be_enabled()
    first.page.close()
    assert own_server.process
    os.kill(own_server.process.pid, signal.SIGKILL)
    own_server.process.wait()
    config = find_experiment("vessels").config(recipe="quick", data=str(data), changes=TINY)
    ids = [store.create("vessels", config.as_values(), name=f"run {number}").id for number in (1, 2)]
    own_server.start()  # it finds them in the queue and starts the one that there is room for
    wait_until(lambda: (run := store.get(ids[0])).status == RUNNING and run.progress.epoch >= 1)
    assert store.get(ids[1]).state == "queued"
    page = open_tab(own_server).open(f"/runs?run={long.short_id}")
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    own_server.stop()
    workers, step = [store.get(each).worker["pid"] for each in (long.id, ids[0])], store.get(long.id).progress.step
    wait_until(lambda: store.get(ids[0]).is_final)
    dispatch(store)  # as the next server does, and a command
    wait_until(lambda: store.get(ids[1]).is_final)
    wait_until(lambda: (now := store.get(long.id)).progress.step > step and now.progress.epoch >= 1)
    store.request_stop(long.id)
    wait_until(lambda: store.get(long.id).is_final)
    stopped, *runs = [store.get(each) for each in (long.id, *ids)]
    assert (stopped.state, stopped.best_epoch > 0) == ("stopped", True)
    steps = [step for step, _, _ in store.metrics.history(long.id, "step/loss")]
    assert steps == list(range(1, len(steps) + 1))
    assert [(run.status, run.attempt, run.progress.epoch) for run in runs] == [(FINISHED, 1, EPOCHS)] * 2
    assert [run.worker["pid"] for run in (stopped, runs[0])] == workers
    for run in runs:
        assert store.files.log_path(run.id).read_text().count("attempt: 1\n") == 1
        assert [step for step, _, _ in store.metrics.history(run.id, "learning_rate")] == list(range(1, EPOCHS + 1))
