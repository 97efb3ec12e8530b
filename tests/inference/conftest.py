from pathlib import Path

import pytest
import torch

from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from tests.number_format import one_number_format  # noqa: F401 - a fixture of every test here


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
