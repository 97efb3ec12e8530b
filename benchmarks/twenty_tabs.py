"""What it costs a training that many people look on: steps per second without and with tabs open.

    python benchmarks/twenty_tabs.py [--tabs 20] [--seconds 60]

Starts a server and one training in a home of its own, and opens tabs of a real browser on the run's page. The browser
stands for visitors at machines of their own: here it gets only the processor time that nobody else wants (nice 19).
Told are the processor time that the server itself takes, and how much slower the training is; on a machine of few
cores the browser's own drawing is most of the latter even so.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

import psutil
from playwright.sync_api import sync_playwright

from core.experiments import find_experiment
from tests.e2e.serving import Server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tabs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOVEA_HOME"] = folder
        measure(Path(folder), options.tabs, options.seconds)


def measure(home: Path, tabs: int, seconds: float) -> None:
    """Train, count, open the tabs, count again."""
    from core.runs.control import kill
    from core.runs.launcher import launch
    from core.runs.run import RUNNING
    from core.runs.store.run_store import RunStore

    server, store = Server(home).start(), RunStore()
    vessels = find_experiment("vessels")
    run = launch(store, "vessels", vessels.config(recipe="quick", changes={"epochs": 5000, "validation": 0.1}))
    while store.get(run.id).status != RUNNING or not store.get(run.id).progress.epoch:
        time.sleep(0.5)
    assert server.process
    process = psutil.Process(server.process.pid)
    alone = count(store, run.id, process, seconds)
    with sync_playwright() as playing:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playing.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        step_back()
        for _ in range(tabs):
            page = browser.new_page()
            page.goto(f"{server.url}/runs?run={run.short_id}")
            page.get_by_text("Training loss").first.wait_for(timeout=120_000)
        time.sleep(15)
        watched = count(store, run.id, process, seconds)
        browser.close()
    kill(store, run.id)
    server.stop()
    print(f"alone: {alone[0]:.2f} steps/s, the server takes {100 * alone[1]:.1f} % of one core")
    print(f"{tabs} tabs: {watched[0]:.2f} steps/s, the server takes {100 * watched[1]:.1f} % of one core")
    cores = psutil.cpu_count() or 1
    print(f"the server's share of {cores} cores with {tabs} tabs: {100 * watched[1] / cores:.1f} %")
    print(f"the training is {100 * (1 - watched[0] / alone[0]):.1f} % slower")


def step_back() -> None:
    """Give everything that this program has started, and what will come of it, the lowest priority."""
    for each in psutil.Process().children(recursive=True):
        if "chrom" in each.name():
            each.nice(19)


def count(store: object, run_id: str, process: psutil.Process, seconds: float) -> tuple[float, float]:
    """Return steps per second of the run, and the cores that the server uses."""
    before, steps, start = process.cpu_times(), store.get(run_id).progress.step, time.monotonic()  # type: ignore[attr-defined]
    time.sleep(seconds)
    after, took = process.cpu_times(), time.monotonic() - start
    used = after.user + after.system - before.user - before.system
    return (store.get(run_id).progress.step - steps) / took, used / took  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
