"""The page server is killed, or started anew, while runs train: they go on, and none starts twice."""

import os
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from core.experiments import find_experiment
from core.runs.run import FINISHED, RUNNING
from core.runs.store import RunStore
from tests.e2e.serving import Server, Tab, by_key, wait_until
from tests.e2e.training import start_training
from tests.synthetic_sets import SyntheticSets

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("servers"), pytest.mark.filterwarnings("default"),
]  # fmt: skip
EPOCHS = 15
TINY = {"epochs": EPOCHS, "patch": 32, "patches": 4, "batch_size": 2, "validation": 0.4, "precision": "fp32",
        "memory_format": "contiguous"}  # fmt: skip


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may train at once, also in the server that is started with this environment."""
    monkeypatch.setenv("FOVEA_SLOTS", "2")


def test_runs_outlive_their_server(
    two_at_once: None, own_server: Server, open_tab: Callable[..., Tab], synthetic_sets: SyntheticSets
) -> None:
    data = synthetic_sets.of("vessels", n=6, halved=True)
    config = find_experiment("vessels").config(recipe="quick", data=str(data), changes=TINY)
    store = RunStore()
    ids = [store.create("vessels", config.as_values(), name=f"run {number}").id for number in (1, 2, 3)]
    for each in ids[:2]:  # the server finds them in the queue and starts both
        wait_until(lambda each=each: (run := store.get(each)).status == RUNNING and run.progress.epoch >= 1)
    assert store.get(ids[2]).state == "queued"
    assert own_server.process
    os.kill(own_server.process.pid, signal.SIGKILL)
    own_server.process.wait()
    workers = [store.get(each).worker["pid"] for each in ids[:2]]
    own_server.start()
    wait_until(lambda: all(store.get(each).is_final for each in ids))
    runs = [store.get(each) for each in ids]
    assert [(run.status, run.attempt, run.progress.epoch) for run in runs] == [(FINISHED, 1, EPOCHS)] * 3
    assert [run.worker["pid"] for run in runs[:2]] == workers
    tab = open_tab(own_server)
    for run in runs:
        assert store.log_path(run.id).read_text().count("attempt: 1\n") == 1
        steps = [step for step, _, _ in store.history(run.id, "learning_rate")]
        assert steps == list(range(1, EPOCHS + 1))
        expect(tab.open(f"/runs?run={run.short_id}").get_by_text(run.reason)).to_be_visible()


def test_closing_the_tab_and_restarting_the_server_loses_nothing(
    own_server: Server, open_tab: Callable[..., Tab], synthetic_sets: SyntheticSets
) -> None:
    first, store = open_tab(own_server), RunStore()
    run = start_training(first, synthetic_sets.of("vessels", n=6, halved=True), epochs=400)
    expect(by_key(first.page, f"stop-{run.id}").get_by_role("button")).to_be_enabled()
    first.page.close()
    own_server.stop()
    before = store.get(run.id).progress.step
    own_server.start()
    page = open_tab(own_server).open(f"/runs?run={run.short_id}")
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    wait_until(lambda: (now := store.get(run.id)).progress.step > before and now.progress.epoch >= 1)
    by_key(page, f"stop-{run.id}").get_by_role("button").click()
    wait_until(lambda: store.get(run.id).is_final)
    done = store.get(run.id)
    expect(page.get_by_text(done.reason)).to_be_visible()
    assert (done.state, done.best_epoch > 0) == ("stopped", True)
    steps = [step for step, _, _ in store.history(run.id, "step/loss")]
    assert steps == list(range(1, len(steps) + 1))
