"""How long Compare takes with many long runs: to open, and after another choice.

    python benchmarks/compare_page.py [--runs 20] [--points 10000] [--times 5]

Records runs in a home of its own, starts a server, and opens the page in a real browser. The clock goes from the
address to the last line in the chart, and from the choice of another score to its lines. The first opening, which
imports and reads, is told apart.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from playwright.sync_api import Page, sync_playwright

from core.experiments import find_experiment
from tests.e2e.serving import Server

DRAWN = """([count, axis]) => {
  const place = document.querySelector(".fovea-chart");
  return place?.data?.length === count && place.layout.xaxis.title.text === axis;
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOVEA_HOME"] = folder
        ids = record(options.runs, options.points)
        server = Server(Path(folder)).start()
        with sync_playwright() as playing:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playing.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            measure(browser.new_page(), f"{server.url}/compare?runs={','.join(ids)}", len(ids), options.times)
            browser.close()
        server.stop()


def record(runs: int, points: int) -> list[str]:
    """Record runs as workers would; return what the address calls them."""
    from core.runs.run import FINISHED, Progress
    from core.runs.store.run_store import RunStore

    store, ids = RunStore(), []
    for seed in range(runs):
        config = find_experiment("vessels").config(recipe="quick", seed=seed)
        run = store.create("vessels", config.as_values())
        store.start(run.id)
        for start in range(1, points + 1, 1000):
            steps = range(start, min(points, start + 999) + 1)
            store.metrics.log_points(run.id, [("step/loss", (step, 1 / step + seed, time.time())) for step in steps])
        store.metrics.log_points(run.id, [("val/dice", (epoch, 0.1 * epoch, time.time())) for epoch in range(1, 7)])
        store.set_best(run.id, 6, {"dice": 0.6})
        store.beat(run.id, Progress(points, points, 6, 6, 0.0, 0))
        store.finish(run.id, FINISHED, "All 6 epochs are done.")
        ids.append(run.short_id)
    return ids


def measure(page: Page, address: str, runs: int, times: int) -> None:
    """Open the page and choose other scores, again and again."""
    opened, changed = [], []
    for _ in range(times + 1):
        start = time.monotonic()
        page.goto(address)
        page.wait_for_function(DRAWN, arg=[runs, "epoch"], timeout=120_000)
        opened.append(time.monotonic() - start)
        changed.append(change(page, "Training loss of each step", [runs, "step"]))
        change(page, "Dice", [runs, "epoch"])
        changed.append(change(page, "Training loss of each step", [runs, "step"]))
    print(f"first opening, with its imports: {opened[0]:.2f} s; first drawing of the steps: {changed[0]:.2f} s")
    print(
        f"opening: median {statistics.median(opened[1:]):.2f} s, slowest {max(opened[1:]):.2f} s (wanted: under 1.5 s)"
    )
    print(f"another choice: median {statistics.median(changed[1:]):.2f} s, slowest {max(changed[1:]):.2f} s (0.5 s)")


def change(page: Page, option: str, drawn: list[object]) -> float:
    """Choose what is drawn; return the seconds from the press to the lines."""
    page.get_by_role("combobox", name="Score or loss").click()
    place = page.get_by_role("option", name=option, exact=True)
    place.wait_for()
    start = time.monotonic()
    place.click()
    page.wait_for_function(DRAWN, arg=drawn, timeout=120_000)
    return time.monotonic() - start


if __name__ == "__main__":
    main()
