from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.engine.checkpoint import load_card, load_weights
from core.engine.device import Compute
from core.engine.trainer import Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.reconstruction import WAYS
from core.runs.training import build_card
from tests.engine.toy import MemoryRecorder
from tests.messages import naming
from tests.synthetic_sets import SyntheticSets

ARMS = [each.slug for each in find_experiment("reconstruction").arms]
TINY = {
    "size": 64, "patch": 32, "patches": 4, "batch_size": 4, "width": 8, "bottleneck": 16, "epochs": 2,
    "learning_rate": 1e-2, "validation": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn(synthetic_sets: SyntheticSets) -> Path:
    return synthetic_sets.of("reconstruction")


def _trainer(drawn: Path, folder: Path, arm: str, recorder: MemoryRecorder, **changes: object) -> Trainer:
    experiment = find_experiment("reconstruction")
    config = experiment.config(arm=arm, recipe="quick", data=str(drawn), changes=TINY | changes)
    setup = experiment.set_up(config)
    torch.manual_seed(config.seed)
    network = setup.build_network()
    data = setup.build_data(network)
    return Trainer(
        setup.build_task(network), data, config, recorder, compute=Compute("cpu", "fp32", "contiguous"),
        folder=folder, card=build_card(setup, "run", {}),
    )  # fmt: skip


@pytest.mark.parametrize("arm", ARMS)
def test_the_reported_recipe_is_the_reports(arm: str) -> None:
    config = find_experiment("reconstruction").config(arm=arm, recipe="reported").as_values()
    expected: dict[str, Any] = {
        "size": 512, "keep_shape": False, "patch": 0, "flips": False, "width": 64, "bottleneck": 512, "loss": "mse",
        "normalisation": "batch",
        "optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant", "epochs": 20, "batch_size": 1,
        "weight_decay": 0.0, "gradient_clip": 0.0,
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("arm", "parameters"), [("with-skips", 7_701_379), ("no-skips", 6_927_235), ("denoising", 7_701_379)]
)
def test_the_reported_network_has_the_widths_of_the_report(arm: str, parameters: int) -> None:
    experiment = find_experiment("reconstruction")
    network = experiment.set_up(experiment.config(arm=arm, recipe="reported")).build_network()
    assert sum(each.numel() for each in network.parameters()) == parameters


def test_every_arm_says_what_it_does() -> None:
    assert list(WAYS) == ARMS
    assert [(way.skips, way.noisy) for way in WAYS.values()] == [(True, False), (False, False), (True, True)]


def test_the_reported_numbers_are_the_reports_best() -> None:
    experiment = find_experiment("reconstruction")
    assert [(each.score, each.value) for each in experiment.reported] == [("psnr", 30.84), ("loss", 0.0037)]


@pytest.mark.parametrize("arm", ARMS)
def test_a_short_run_learns_and_can_be_used_again(drawn: Path, tmp_path: Path, arm: str) -> None:
    recorder = MemoryRecorder()
    trainer = _trainer(drawn, tmp_path, arm, recorder, epochs=8, patches=8)
    untrained = trainer.evaluate()
    trainer.fit()
    assert recorder.epochs[8]["val/psnr"] > untrained["psnr"] + 2
    assert recorder.epochs[8]["train/loss"] < 0.6 * recorder.epochs[1]["train/loss"]
    panels = 4 if arm == "denoising" else 3
    assert all(each.pixels.shape == (64, panels * 64, 3) for epoch in recorder.pictures.values() for each in epoch)
    experiment = find_experiment("reconstruction")
    card = load_card(tmp_path / "best")
    again = experiment.set_up(experiment.read_config(card["config"]))
    network = again.build_network()
    task = again.build_task(network)
    load_weights(tmp_path / "best", task.parts())
    network.eval()
    scores = task.new_scores()
    for batch in again.build_split("", "val"):
        task.evaluate(batch, scores)
    assert scores.compute() == pytest.approx(card["validation"], rel=1e-4)
    assert ("psnr_seen" in card["validation"]) is (arm == "denoising")


def test_only_the_denoising_arm_sees_noise(drawn: Path) -> None:
    experiment = find_experiment("reconstruction")
    for arm in ARMS:
        setup = experiment.set_up(experiment.config(arm=arm, recipe="quick", data=str(drawn), changes=TINY))
        for batch in (next(iter(setup.build_data(setup.build_network()).training)), *setup.build_split("", "test")):
            assert torch.equal(batch["images"], batch["targets"]) is (arm != "denoising")


def test_whole_pictures_of_the_reported_size_are_what_the_report_trains_on(drawn: Path) -> None:
    experiment = find_experiment("reconstruction")
    setup = experiment.set_up(experiment.config(recipe="reported", data=str(drawn)))
    batch = next(iter(setup.build_data(setup.build_network()).training))
    assert batch["images"].shape == (1, 3, 512, 512)
    assert -1 <= batch["images"].min() < -0.9
    assert batch["images"].max() <= 1


def test_a_folder_of_nothing_but_pictures_can_be_trained_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(6):
        pixels = np.full((40, 60, 3), rng.integers(0, 255, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.jpg")
    trainer = _trainer(tmp_path / "photos", tmp_path / "run", "no-skips", MemoryRecorder(), keep_shape=True, epochs=1)
    assert trainer.fit().ending == "finished"
    found = find_experiment("reconstruction").open_folder(tmp_path / "photos")
    assert len(found.items("train")) + len(found.items("test")) == 6
    assert len(found.items("test")) in (1, 2)  # a fifth is set aside
    assert find_experiment("reconstruction").check_data(str(tmp_path / "photos"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"patch": 16}, ("patch", 16, 32, 512)),
        ({"patch": 600}, ("patch", 600, 32, 512)),
        ({"patch": 0, "keep_shape": True, "batch_size": 2}, ("batch_size", 2, "keep_shape", "patch", 0, 1)),
    ],
)
def test_knobs_that_do_not_fit_each_other_are_refused_with_their_names(
    changes: dict[str, Any], named: tuple[object, ...]
) -> None:
    with pytest.raises(UserError, match=naming(*named)):
        find_experiment("reconstruction").config(changes=changes)


def test_a_run_that_held_nothing_back_has_no_validation_pictures(drawn: Path) -> None:
    experiment = find_experiment("reconstruction")
    setup = experiment.set_up(experiment.config(data=str(drawn), changes=TINY | {"validation": 0}))
    assert list(setup.build_data(setup.build_network()).validation) == []
    with pytest.raises(UserError, match=naming("test")):  # where else it can be evaluated
        setup.build_split("", "val")
