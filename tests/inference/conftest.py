from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.checkpoint import save_checkpoint
from core.engine.device import Compute, choose_compute
from core.experiments import find_experiment
from core.inference import evaluation, predictor


@pytest.fixture(autouse=True)
def one_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictors choose number and memory format by trying, which takes longer than the few answers here.

    The trying is held by tests/engine/test_device.py; the tests of pages and of the command line leave it on.
    """

    def choose(*given: Any, **asked: Any) -> Compute:
        return choose_compute(*given, **asked | {"precision": "fp32", "memory_format": "contiguous"})

    for module in (evaluation, predictor):
        monkeypatch.setattr(module, "choose_compute", choose)


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained small U-Net, stored as a run stores it."""
    experiment = find_experiment("vessels")
    config = experiment.config(changes={"diameter": 128, "test_flips": False})
    torch.manual_seed(0)
    network = experiment.set_up(config).build_network()
    with torch.no_grad():
        network.head.weight.mul_(50)  # spreads the answers, so that a rounded bit does not move many over the threshold
    folder = tmp_path_factory.mktemp("checkpoint")
    card = {"experiment": "vessels", "config": config.as_values()}
    save_checkpoint(folder, {"network": network}, card)
    return folder
