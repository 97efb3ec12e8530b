"""How long a user waits from pressing Start to the first recorded training step.

    python benchmarks/start_to_first_step.py [SLUG] [--runs 10] [--without]

Does what Start does, in a home folder of its own, watches the store until the first step is there, and ends the run.
The set is drawn and one run is begun before anything is measured. ``--without`` starts each worker as a
process that imports everything by itself, as where there is no fork server.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.experiments import find_experiment
from core.runs.control import kill
from core.runs.launcher import launch
from core.runs.process.fork_client import warm_up
from core.runs.store.run_store import RunStore


def measure(store: RunStore, slug: str) -> tuple[float, float]:
    """Return the seconds from Start to where Start gives back the page, and to the first recorded step."""
    config = find_experiment(slug).config(recipe="quick")
    pressed = time.time()
    run = launch(store, slug, config)
    started = time.time()
    while not any(key.startswith("step/") for key in store.metrics.metric_keys(run.id)):
        if store.get(run.id).is_final:
            sys.exit(f"the run ended: {store.get(run.id).reason}")
        time.sleep(0.02)
    seen = time.time()
    kill(store, run.id)
    return started - pressed, seen - pressed


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slug", nargs="?", default="aoi")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--without", action="store_true", help="without a fork server")
    options = parser.parse_args()
    if options.without:
        os.environ["FOVEA_FORK_MINUTES"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FOVEA_HOME"] = folder
        warm_up()
        store = RunStore()
        measure(store, options.slug)
        times = [measure(store, options.slug) for _ in range(options.runs)]
    given_back, seen = (sorted(each) for each in zip(*times, strict=True))
    print(f"{options.slug}, quick, {options.runs} runs, {'no' if options.without else 'warm'} fork server, seconds")
    print("| from Start to | median | least | most |\n|---|---|---|---|")
    for title, values in (("the run's page", given_back), ("the first recorded step", seen)):
        print(f"| {title} | {statistics.median(values):.2f} | {values[0]:.2f} | {values[-1]:.2f} |")


if __name__ == "__main__":
    main()
