"""Pets: the report's table, the four networks, and a whole run of each on a few drawn pictures."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.data.image_io.reader import Picture
from core.data.layouts.pets import open_pets
from core.engine.checkpoint import load_card
from core.engine.device import Compute
from core.engine.trainer import BEST, Outcome, Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.checkpoints import Checkpoint
from core.inference.evaluation import evaluate
from core.inference.predictors.kinds import load_predictor
from core.runs.training import build_card
from tests.engine.toy import MemoryRecorder
from tests.messages import naming
from tests.synthetic_sets import SyntheticSets

PETS = find_experiment("pets")
ARMS = [arm.slug for arm in PETS.arms]
TINY = {"size": 96, "width": 0.0625, "weights": "random", "batch_size": 2, "validation": 0.2, "normalise": "own"}

every_arm = pytest.mark.parametrize("arm", ARMS)


@pytest.fixture(scope="module")
def drawn(synthetic_sets: SyntheticSets) -> Path:
    return synthetic_sets.of("pets")


def train(drawn: Path, folder: Path, *, arm: str = "", **changes: Any) -> tuple[Trainer, Outcome]:
    """Train as a run does, in this process."""
    config = PETS.config(arm=arm, recipe="quick", data=str(drawn), changes=TINY | {"epochs": 2} | changes)
    setup = PETS.set_up(config)
    torch.manual_seed(config.seed)
    network = setup.build_network()
    setup.begin(network, None)
    data, task = setup.build_data(network), setup.build_task(network)
    trainer = Trainer(
        task, data, config, MemoryRecorder(), compute=Compute("cpu", "fp32", "contiguous"), folder=folder,
        card=build_card(setup, "run", {}),
    )  # fmt: skip
    return trainer, trainer.fit()


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Trainer, Outcome]]:
    """Return an arm's run of two epochs, trained when it is first asked for."""
    return cache(lambda arm: train(drawn, tmp_path_factory.mktemp(arm), arm=arm))


REPORTED = {
    "size": 512, "shift": 0.1, "scale": 0.2, "rotation": 30.0, "flip": False, "colour": 0.0, "normalise": "own",
    "denoise": False, "optimizer": "adam", "learning_rate": 1e-4, "weight_decay": 2e-4, "schedule": "constant",
    "gradient_clip": 0.0, "batch_size": 8, "epochs": 20, "initialisation": "he", "dropout": 0.1, "width": 1.0,
    "double_sigmoid": True, "foreground": "pet+border", "threshold": 0.5,
}  # fmt: skip


@every_arm
def test_the_reported_recipe_is_the_reports(arm: str) -> None:
    values = PETS.config(arm=arm, recipe="reported").as_values()
    assert {name: values[name] for name in REPORTED} == REPORTED


@pytest.mark.parametrize("recipe", ["improved", "quick"])
def test_other_recipes_leave_the_second_sigmoid_out(recipe: str) -> None:
    assert not PETS.config(recipe=recipe).as_values()["double_sigmoid"]


@pytest.mark.parametrize(
    ("arm", "parameters"),
    [("lite0-unet", 5_198_161), ("unet", 31_036_673), ("resnet34-unet", 48_193_409),
     ("resnet34-unet-standard", 48_193_409)],
)  # fmt: skip
def test_networks_have_as_many_parameters_as_said(arm: str, parameters: int) -> None:
    with torch.device("meta"):
        network = PETS.set_up(
            PETS.config(arm=arm, recipe="reported", changes={"initialisation": "default"})
        ).build_network()
    assert sum(each.numel() for each in network.parameters()) == parameters
    assert f"{parameters / 1e6:.2f} million" in PETS.arm(arm).summary or arm.endswith("standard")


def test_the_two_residual_arms_differ_in_the_blocks_alone() -> None:
    blocks = {}
    for arm in ("resnet34-unet", "resnet34-unet-standard"):
        torch.manual_seed(0)
        blocks[arm] = PETS.set_up(PETS.config(arm=arm, changes=TINY)).build_network().eval()
    first, second = blocks.values()
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))
    images = torch.randn(1, 3, 96, 96)
    assert not torch.allclose(first(images), second(images))


def test_the_width_scales_every_layer_without_published_weights() -> None:
    def count(arm: str, width: float) -> int:
        network = PETS.set_up(PETS.config(arm=arm, changes={"width": width})).build_network()
        return sum(each.numel() for each in network.parameters())

    assert count("unet", 0.125) == pytest.approx(31_036_673 / 64, rel=0.02)
    encoder = sum(
        each.numel() for each in PETS.set_up(PETS.config(arm="lite0-unet")).build_network().encoder.parameters()
    )
    assert encoder < count("lite0-unet", 0.125) < encoder + 200_000


def test_he_weights_go_where_asked_and_spare_the_pretrained_encoder() -> None:
    def build(arm: str, initialisation: str) -> nn.Module:
        torch.manual_seed(0)
        return PETS.set_up(PETS.config(arm=arm, changes=TINY | {"initialisation": initialisation})).build_network()

    he, default = (build("unet", each).down[0][3].weight.std().item() for each in ("he", "default"))
    assert he == pytest.approx((2 / (8 * 9)) ** 0.5, rel=0.1)
    assert default < 0.8 * he
    one, other = build("lite0-unet", "he"), build("lite0-unet", "default")
    assert all(torch.equal(a, b) for a, b in zip(one.encoder.parameters(), other.encoder.parameters(), strict=True))
    assert one.head.weight.std() > 2 * other.head.weight.std()


def test_the_pretrained_arm_starts_from_the_bundled_weights_and_says_so() -> None:
    config = PETS.config()
    setup = PETS.set_up(config)
    network = setup.build_network()
    before = next(network.encoder.parameters()).clone()
    said, held = setup.begin(network, None)
    assert "EfficientNet-Lite0" in said
    assert re.search(r"\b4\b", held)  # stages
    assert (said,) == PETS.announce(config)
    assert not torch.equal(next(network.encoder.parameters()), before)
    assert PETS.announce(PETS.config(arm="unet")) == ()
    (said,) = PETS.announce(PETS.config(changes={"weights": "random"}))
    assert "EfficientNet-Lite0" not in said


def test_stages_that_are_held_still_do_not_move_and_random_ones_are_not_held(drawn: Path, tmp_path: Path) -> None:
    changes = {"frozen_stages": 4, "epochs": 1}
    trainer, _ = train(drawn, tmp_path / "held", weights="pretrained", **changes)
    fresh = PETS.set_up(trainer.config).build_network()
    PETS.set_up(trainer.config).begin(fresh, None)
    trained: Any = trainer.task.parts()["network"]
    before, after = fresh.encoder.stages, trained.encoder.stages
    for number in range(4):
        for key, value in before[number].state_dict().items():
            assert torch.equal(value, after[number].state_dict()[key])
    assert not torch.equal(next(before[4].parameters()), next(after[4].parameters()))
    setup = PETS.set_up(PETS.config(changes=TINY | changes))
    network = setup.build_network()
    assert len(setup.begin(network, None)) == 1  # nothing is said of stages
    assert all(each.requires_grad for each in network.parameters())


def test_the_drawn_set_is_in_oxfords_layout(drawn: Path) -> None:
    found = open_pets(drawn)
    assert found.layout == "oxford"
    assert found.items("train")
    assert found.items("test")


@pytest.mark.parametrize(
    "arm", [pytest.param(each, marks=() if each == "unet" else pytest.mark.exhaustive) for each in ARMS]
)
def test_a_run_trains_draws_and_can_be_used(arm: str, trained: Callable[[str], tuple[Trainer, Outcome]]) -> None:
    trainer, outcome = trained(arm)
    assert outcome.epoch == 2
    assert set(PETS.score_titles) == set(outcome.best.scores)
    recorder: Any = trainer.recorder
    assert recorder.pictures[2]
    assert all(each.pixels.ndim == 3 and each.pixels.dtype == np.uint8 for each in recorder.pictures[2])
    folder = trainer.folder / BEST
    checkpoint = Checkpoint("x", folder, load_card(folder))
    pixels = np.random.default_rng(0).integers(0, 256, (131, 97, 3), dtype=np.uint8)
    prediction = load_predictor(checkpoint).predict(Picture(pixels, "cat.png", ()))
    assert prediction.probabilities.shape == (131, 97)
    assert f"{100 * prediction.mask().mean():.1f} %" in prediction.say()
    assert re.search(r"\b96×96\b.*\b97×131\b", prediction.notes[0])
    cutout = prediction.rasters()["cutout"]
    assert cutout.shape == (131, 97, 4)
    assert ((cutout[..., 3] == 255) == prediction.mask()).all()
    found = evaluate(checkpoint, split="val")
    assert found.scores["dice"] == pytest.approx(outcome.best.scores["dice"], abs=0.03)
    assert "boundary_f1" in found.per_picture[0]


def test_colours_are_measured_on_training_pictures_and_travel_with_the_checkpoint(
    trained: Callable[[str], tuple[Trainer, Outcome]],
) -> None:
    trainer, _ = trained("unet")
    traits = load_card(trainer.folder / BEST)["traits"]
    pictures: Any = trainer.data.training.dataset
    pixels = np.stack([pictures.pictures[number][..., :3] for number in range(len(pictures))]) / 255
    assert traits["mean"] == pytest.approx(pixels.mean(axis=(0, 1, 2)).tolist())
    assert traits["deviation"] == pytest.approx(pixels.std(axis=(0, 1, 2)).tolist())


def test_pictures_are_judged_and_tried_at_a_size_of_their_own(drawn: Path) -> None:
    for more, side in (({}, 96), ({"test_size": 128}, 128)):
        setup = PETS.set_up(PETS.config(arm="unet", recipe="quick", data=str(drawn), changes=TINY | more))
        data = setup.build_data(setup.build_network())
        assert next(iter(data.training))["images"].shape[-2:] == (96, 96)
        assert next(iter(data.validation))["images"].shape[-2:] == (side, side)
        prepared = setup.prepare_picture(np.zeros((40, 30, 3), np.uint8))
        assert prepared.images.shape[-2:] == (side, side)
        assert f"{side}×{side}" in prepared.notes[0]


def test_the_decoder_of_the_pretrained_arm_ends_where_asked() -> None:
    blocks = {
        where: len(PETS.set_up(PETS.config(changes={"decoder": where})).build_network().decoder)
        for where in ("whole", "half")
    }
    assert blocks == {"whole": 5, "half": 4}


def test_known_colours_are_those_of_the_network_or_none(drawn: Path) -> None:
    def mean(arm: str, normalise: str) -> tuple[float, ...]:
        return PETS.set_up(PETS.config(arm=arm, changes={"normalise": normalise})).traits.mean

    assert mean("lite0-unet", "imagenet") == pytest.approx((127 / 255,) * 3, abs=0.01)
    assert mean("unet", "imagenet") == pytest.approx((0.485, 0.456, 0.406))
    assert mean("unet", "unit") == (0, 0, 0)


def test_twenty_steps_lower_the_loss(drawn: Path, tmp_path: Path) -> None:
    trainer, _ = train(
        drawn, tmp_path, arm="unet", epochs=10, width=0.125, schedule="constant", shift=0.0, scale=0.0, flip=False
    )
    told: Any = trainer.recorder
    assert trainer.step == 20
    assert told.epochs[10]["train/loss"] < 0.8 * told.epochs[1]["train/loss"]


def test_what_counts_as_foreground_changes_the_label_and_not_the_cached_other(drawn: Path) -> None:
    shares = {}
    for foreground in ("pet", "pet+border", "border"):
        setup: Any = PETS.set_up(PETS.config(data=str(drawn), changes=TINY | {"foreground": foreground}))
        setup.build_data(nn.Identity())
        shares[foreground] = float(np.mean([setup.training[number][..., 3] for number in range(len(setup.training))]))
    assert shares["pet"] + shares["border"] == pytest.approx(shares["pet+border"], rel=0.02)
    assert 0 < shares["border"] < shares["pet"]


def test_without_held_back_pictures_there_is_no_validation_split(drawn: Path) -> None:
    setup = PETS.set_up(PETS.config(data=str(drawn), changes=TINY | {"validation": 0.0}))
    with pytest.raises(UserError, match=naming("test")):  # where else it can be evaluated
        setup.build_split("", "val")


def test_oxford_is_known_by_name_without_fetching_it() -> None:
    assert "3,680" in PETS.check_data("oxford-iiit-pet")


@pytest.mark.real_data
def test_the_real_pets_open() -> None:
    folder = Path(__file__).parents[3] / "shared" / "data" / "pets_cats"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    found = PETS.open_folder(folder)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 688, "val": 192, "test": 101}
