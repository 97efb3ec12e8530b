"""Sixteen programs ask one server at once: are answers right, is it faster than one, does the page still load?

    python benchmarks/many_clients.py [--clients 16] [--each 4]

Every client has a picture of its own, whose answer is known from before; a wrong pairing of question and answer shows.
Meanwhile the page is asked for again and again. The server may use all cores, as a user's does. Other work on the
machine makes everything slower; the load is told.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

import httpx
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from tests.e2e.serving import Server

EXPERIMENT, TARGET, CLOSE = "aoi", 1.3, 1e-5
COLOURS = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--each", type=int, default=4, help="questions of each client")
    options = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"FOVEA_HOME": str(Path(folder) / "home"), "GRADIO_TEMP_DIR": str(Path(folder) / "tried")}
        pictures, model = draw(Path(folder), options.clients), record_model()
        server = Server(Path(folder) / "home", threads=os.cpu_count() or 1).start()
        try:
            return measure(server, model, pictures, options.each)
        finally:
            server.stop()


def record_model() -> str:
    """Record a run whose network has random weights: as fast as a trained one, and as different between pictures.

    Returns:
        The run's id.
    """
    import torch

    from core.data.traits import Traits
    from core.engine.checkpoint import save_checkpoint
    from core.experiments import find_experiment
    from core.runs.run import FINISHED
    from core.runs.store.run_store import RunStore

    experiment, store = find_experiment(EXPERIMENT), RunStore()
    config = experiment.config(arm="lite0-frozen")
    traits = Traits(("normal", "void", "horizontal defect", "vertical defect", "edge defect", "particle"), *COLOURS)
    torch.manual_seed(0)
    network = experiment.set_up(config, traits).build_network()
    card = {"experiment": EXPERIMENT, "config": config.as_values(), "traits": traits.as_json()}
    run = store.create(EXPERIMENT, config.as_values())
    save_checkpoint(store.files.folder(run.id) / "checkpoint" / "best", {"network": network}, card)
    store.finish(run.id, FINISHED, "Random weights.")
    return run.id


def draw(folder: Path, count: int) -> list[Path]:
    """Draw a picture for each client."""
    paths = []
    for number in range(count):
        path = folder / f"client-{number}.png"
        noise = np.random.default_rng(number).integers(0, 256, (4 + number, 5, 3), np.uint8)
        Image.fromarray(noise).resize((300, 300), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


def ask(client: Client, picture: Path, model: str) -> dict[str, float]:
    """Return the probability of each class that is told."""
    outputs = client.predict(handle_file(picture), model, api_name=f"/{EXPERIMENT}")
    told = next(each for each in outputs if isinstance(each, dict) and "confidences" in each)
    return {each["label"]: each["confidence"] for each in told["confidences"]}


def differ(first: dict[str, float], second: dict[str, float]) -> float:
    """Return by how much two answers differ at most."""
    return max(abs(first.get(name, 0.0) - second.get(name, 0.0)) for name in {*first, *second})


def measure(server: Server, model: str, pictures: list[Path], each: int) -> int:
    """Ask alone, then all at once; print and judge."""
    url = f"{server.url}/gradio/"
    clients = [Client(url, verbose=False, httpx_kwargs={"timeout": 600}) for _ in pictures]
    ask(clients[0], pictures[0], model)  # loads the network and tries settings
    start = time.perf_counter()
    known = [ask(clients[0], picture, model) for picture in pictures]
    alone = len(pictures) / (time.perf_counter() - start)
    page, over = Page(f"{server.url}/"), threading.Event()
    watching = threading.Thread(target=page.watch, args=(over,))
    watching.start()
    start = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        pairs = zip(clients, pictures, strict=True)
        told = list(pool.map(lambda pair: [ask(*pair, model) for _ in range(each)], pairs))
    together = each * len(clients) / (time.perf_counter() - start)
    over.set()
    watching.join()
    others = min(differ(first, second) for number, first in enumerate(known) for second in known[:number])
    assert others > 10 * CLOSE, "the pictures' answers are too alike to tell a wrong pairing"
    wrong = sum(differ(answer, known[number]) > CLOSE for number, answers in enumerate(told) for answer in answers)
    print(f"one client: {alone:.2f} answers/s; {len(clients)} at once: {together:.2f} answers/s")
    print(f"throughput {together / alone:.2f} times one client's (target: at least {TARGET}); wrong answers: {wrong}")
    print(
        f"the page meanwhile: {len(page.took)} times, median {statistics.median(page.took):.2f} s, slowest "
        f"{max(page.took):.2f} s"
    )
    return int(bool(wrong) or together / alone < TARGET)


class Page:
    """How long the first page takes while others ask."""

    def __init__(self, url: str) -> None:
        self.url, self.took = url, [0.0][:0]

    def watch(self, over: threading.Event) -> None:
        """Ask for it until it is over, and fail with it if it does not come."""
        while not over.wait(0.5):
            start = time.perf_counter()
            httpx.get(self.url, timeout=60).raise_for_status()
            self.took.append(time.perf_counter() - start)


if __name__ == "__main__":
    raise SystemExit(main())
