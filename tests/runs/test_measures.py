import numpy as np
import psutil
import torch
from torch import nn

from core.data.labelled import PreparedPicture
from core.engine.device import Compute
from core.experiments import find_experiment
from core.models.summary import count_flops
from core.runs.measures import count_work, measure_peak_memory

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
