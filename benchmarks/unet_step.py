"""One training step of the 31 M parameter U-Net at 512×512: plain fp32 against the setting that is chosen by trying.

    python benchmarks/unet_step.py [--steps 3]

Both columns are whole steps (forward, loss, backward, Adam) as a run takes them.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from core.engine.device import Compute, choose_compute
from core.engine.stepper import Stepper
from core.experiments import find_experiment


def median_seconds(compute: Compute, steps: int) -> float:
    """Return the median time of a step, after one to warm up."""
    experiment = find_experiment("vessels")
    config = experiment.config(arm="unet", recipe="reported")
    torch.manual_seed(0)
    setup = experiment.set_up(config)
    network = setup.build_network()
    stepper = Stepper(setup.build_task(network), config, compute, steps=steps + 1)
    batch = {
        "images": compute.place(torch.rand(1, 1, 512, 512)),
        "mask": (torch.rand(1, 1, 512, 512) > 0.9).float().to(compute.device),
    }
    seconds = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        stepper.step(batch)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    steps = parser.parse_args().steps
    experiment = find_experiment("vessels")
    network = experiment.set_up(experiment.config(arm="unet", recipe="reported")).build_network()
    start = time.perf_counter()
    chosen = choose_compute(network, torch.rand(1, 1, 512, 512))
    print(f"chosen in {time.perf_counter() - start:.1f} s: {chosen.describe()}", flush=True)
    plain = median_seconds(Compute(chosen.device, "fp32", "contiguous"), steps)
    print(f"plain fp32   {plain:.2f} s a step", flush=True)
    fast = median_seconds(chosen, steps)
    print(f"chosen       {fast:.2f} s a step\nspeed-up     {plain / fast:.2f}")


if __name__ == "__main__":
    main()
