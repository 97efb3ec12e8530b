import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from core.data.torch_datasets.labelled import PreparedPicture
from core.engine.device import Compute
from core.experiments import find_experiment
from core.models.summary import count_flops
from core.runs.measures import (
    FEWEST_PASSES,
    Latency,
    count_work,
    measure_latency,
    measure_peak_memory,
    picture_of,
    say_milliseconds,
)
from core.runs.store.run_store import RunStore
from core.studies.costs import costs_of
from tests.synthetic_sets import SyntheticSets

PROCESSOR = Compute("cpu", "fp32", "contiguous")


class _Squares:
    """A setup that prepares every picture as a square of 32 pixels."""

    def prepare_picture(self, pixels: np.ndarray) -> PreparedPicture:
        return PreparedPicture(torch.zeros(1, 3, 32, 32), np.ones(pixels.shape[:2], bool))


def test_work_is_that_of_one_picture_of_the_batch() -> None:
    setup = find_experiment("vessels").set_up(find_experiment("vessels").config())
    network = setup.build_network()
    batch = torch.zeros(5, 3, 64, 48)
    assert count_work(setup, network, (network, batch)) == count_flops(network, batch[:1])


def test_the_module_that_takes_the_time_is_counted() -> None:
    network = nn.ModuleDict({"generator": nn.Conv2d(3, 8, 3), "discriminator": nn.Conv2d(3, 1, 3)})
    work = count_work(_Squares(), network, (network["generator"], torch.zeros(4, 3, 10, 10)))  # type: ignore[arg-type]
    assert work == 2 * (8 * 3 * 9) * (8 * 8)


def test_where_features_are_stored_the_whole_network_is_counted_on_a_prepared_picture() -> None:
    work = count_work(_Squares(), nn.Conv2d(3, 2, 1), None)  # type: ignore[arg-type]
    assert work == 2 * (2 * 3) * 32 * 32


def test_counting_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    count_work(_Squares(), network, (network, torch.ones(2, 3, 8, 8)))  # type: ignore[arg-type]
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_peak_memory_is_at_least_what_is_in_use_and_never_falls() -> None:
    taken = np.ones(2**23)  # 64 MiB
    in_use = psutil.Process().memory_info().rss / 2**20
    peak = measure_peak_memory(PROCESSOR)
    assert taken.nbytes / 2**20 < in_use <= peak + 1
    del taken
    assert measure_peak_memory(PROCESSOR) >= peak


class _Slow(nn.Module):
    """Sleeps for ten milliseconds, the first time for longer."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[bool, tuple[int, ...]]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(0.01 if self.calls else 0.2)
        self.calls.append((self.training, tuple(images.shape)))
        return images


def test_latency_is_that_of_passes_in_evaluation_after_one_to_warm_up() -> None:
    module = _Slow().train()
    found = measure_latency(module, torch.zeros(1, 3, 8, 6), PROCESSOR, seconds=0.001)
    assert len(found.milliseconds) == FEWEST_PASSES == len(module.calls) - 1
    assert set(module.calls) == {(False, (1, 3, 8, 6))}
    assert module.training
    assert 10 <= found.median <= found.slow < 200
    assert all(each in found.say() for each in ("3 × 8 × 6", "cpu", "fp32", "contiguous", str(FEWEST_PASSES)))
    again = measure_latency(module, torch.zeros(1, 3, 8, 6), PROCESSOR, seconds=0.15)
    assert sum(again.milliseconds) >= 150


def test_a_network_that_takes_long_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.measures.LONGEST", 0.1)
    module = _Slow()
    found = measure_latency(module, torch.zeros(1, 3, 8, 6), PROCESSOR, seconds=0.01)
    assert len(found.milliseconds) == len(module.calls) == 1
    assert found.median >= 200


def test_median_and_nine_in_ten_are_what_they_say() -> None:
    found = Latency(tuple(float(each) for each in range(1, 11)), PROCESSOR, (3, 8, 8))
    assert (found.median, found.slow) == (5.5, 10.0)
    assert sum(each <= found.slow for each in found.milliseconds) >= 9
    assert [say_milliseconds(each) for each in (1234.6, 123.4, 12.34, 0.1234)] == [
        "1,235 ms", "123 ms", "12.3 ms", "0.123 ms",
    ]  # fmt: skip


@pytest.mark.parametrize("slug", ["vessels", "objects"])
def test_the_picture_that_is_timed_is_a_held_back_one_or_a_plain_one(
    slug: str, synthetic_sets: SyntheticSets, tmp_path: Path
) -> None:
    experiment = find_experiment(slug)
    setup = experiment.set_up(experiment.config(recipe="quick", data=str(synthetic_sets.of(slug))))
    network = setup.build_network()
    task = setup.build_task(network)
    module, images = picture_of(setup, task, network)
    assert module is network
    wanted = next(iter(setup.build_split("", "val")))["images"][:1]
    assert torch.equal(images, wanted)
    gone = experiment.set_up(experiment.config(recipe="quick", data=str(tmp_path / "gone")), setup.traits)
    _, plain = picture_of(gone, task, network)
    assert plain.shape[:2] == images.shape[:2]


def test_a_time_taken_while_the_machine_was_busy_says_so_and_stands_beside_no_other(store: RunStore) -> None:
    alone, beside = (Latency((5.0,), PROCESSOR, (3, 8, 8), others) for others in (0.01, 0.6))
    assert (alone.is_fair, beside.is_fair) == (True, False)
    assert "60 %" in beside.say()
    assert "%" not in alone.say()
    run = store.create("vessels", find_experiment("vessels").config(recipe="quick").as_values())
    for fair, known in (("False", False), ("True", True)):
        store.add_facts(run.id, {"latency": "5.0", "latency_fair": fair})
        assert ("latency" in costs_of(store, store.get(run.id))) is known


def test_what_others_take_of_the_machine_is_measured() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(psutil.cpu_count() or 1)]
    try:
        found = measure_latency(_Slow(), torch.zeros(1, 3, 8, 6), PROCESSOR, seconds=0.5)
    finally:
        for each in busy:
            each.kill()
            each.wait()
    assert not found.is_fair
