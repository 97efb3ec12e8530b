"""What a whole request costs beside the network's own work: every part in milliseconds, for a 512×512 fundus.

    python benchmarks/request_overhead.py [--repeats 10] [--batching]

Starts a server in a home of its own and asks it as a program does: the picture is uploaded, waits in the queue, is
answered, and what came of it is fetched. The parts within the server are the answer's own. Other work on the machine
makes all parts longer, so the figures are upper bounds; the load is told. With ``--batching`` it is also tried what
putting small requests together would gain.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from gradio_client import Client, handle_file
from PIL import Image

from tests.e2e.serving import Server

MODEL, SIDE, TARGET = "vessels/chase", 512, 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--batching", action="store_true")
    options = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.batching:
        try_batching()
        return
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "fundus.jpg"
        with Image.open(PROJECT / "assets" / "examples" / "vessels" / "drawn_1.jpg") as drawn:
            drawn.resize((SIDE, SIDE)).save(picture, quality=95)
        os.environ |= {"FOVEA_HOME": str(Path(folder) / "home"), "GRADIO_TEMP_DIR": str(Path(folder) / "tried")}
        server = Server(Path(folder) / "home", threads=os.cpu_count() or 1).start()
        try:
            report([ask(each, picture) for each in connect(server, options.repeats)][2:])
        finally:
            server.stop()


def connect(server: Server, repeats: int) -> list[Client]:
    """Return one client as often as asked, and twice more: the first two requests load and try settings."""
    return [Client(f"{server.url}/gradio/", verbose=False, httpx_kwargs={"timeout": 120})] * (repeats + 2)


def ask(client: Client, picture: Path) -> dict[str, float]:
    """Return the milliseconds of the parts of one request and of the whole of it."""
    start = time.perf_counter()
    outputs = client.predict(handle_file(picture), MODEL, 0.5, api_name="/vessels")
    whole = 1e3 * (time.perf_counter() - start)
    parts: dict[str, Any] = next(each for each in outputs if isinstance(each, dict) and "network" in each)
    return {**parts, "whole": whole}


def report(asked: list[dict[str, float]]) -> None:
    """Print the median of each part, and the overhead of each request over its own network's time."""
    parts = [name for name in asked[0] if name != "whole"]
    for name in parts:
        print(f"{name:28} {statistics.median(each[name] for each in asked):8.1f} ms")
    rest = [each["whole"] - sum(each[name] for name in parts) for each in asked]
    print(f"{'upload, queue, draw, fetch':28} {statistics.median(rest):8.1f} ms")
    print(f"{'whole request':28} {statistics.median(each['whole'] for each in asked):8.1f} ms")
    overhead = statistics.median(each["whole"] / each["network"] - 1 for each in asked)
    print(f"overhead over the network's pass: {100 * overhead:.0f} % (target: at most {100 * TARGET:.0f} %)")


def try_batching() -> None:
    """Print what a picture takes in batches of several sizes on the network that answers most requests of classes."""
    import torch

    from core.models.backbones import build_backbone
    from core.models.classifier import Classifier

    network = Classifier(build_backbone("efficientnet-lite0"), 6).eval().to(memory_format=torch.channels_last)
    for size in (1, 2, 4, 8):
        images = torch.randn(size, 3, 224, 224).to(memory_format=torch.channels_last)
        took = []
        with torch.inference_mode():
            for _ in range(15):
                start = time.perf_counter()
                network(images)
                took.append(1e3 * (time.perf_counter() - start) / size)
        print(f"batch of {size}: {min(took):6.1f} ms a picture at best, median {statistics.median(took):6.1f}")


if __name__ == "__main__":
    main()
