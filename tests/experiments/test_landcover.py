import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.data.layouts.landcover import CLASSES, COLOURS
from core.engine.checkpoint import load_card, load_weights
from core.engine.device import Compute
from core.engine.pretrained import find_weights, weights_folder
from core.engine.trainer import Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.landcover import BACKBONES
from core.experiments.setup import Setup
from core.models.backbones import BACKBONES as SPECS
from core.runs.training import build_card
from tests.engine.toy import MemoryRecorder
from tests.messages import naming
from tests.synthetic_sets import SyntheticSets

LANDCOVER = find_experiment("landcover")
ARMS = [each.slug for each in LANDCOVER.arms]
TINY = {"size": 64, "crop": 48, "crops": 2, "batch_size": 4, "epochs": 2, "width": 16}


@pytest.fixture(scope="module")
def drawn(synthetic_sets: SyntheticSets) -> Path:
    return synthetic_sets.of("landcover")


def _setup(drawn: Path | str, arm: str, recipe: str = "quick", **changes: object) -> Setup[Any, Any, Any]:
    return LANDCOVER.set_up(LANDCOVER.config(arm=arm, recipe=recipe, data=str(drawn), changes=changes))


def _trainer(drawn: Path, folder: Path, **changes: object) -> Trainer:
    setup = _setup(drawn, "lite0-unet", **TINY | changes)
    torch.manual_seed(0)
    network = setup.build_network()
    setup.begin(network, None)
    return Trainer(
        setup.build_task(network), setup.build_data(network), setup.config, MemoryRecorder(),
        compute=Compute("cpu", "fp32", "contiguous"), folder=folder, card=build_card(setup, "run", {}),
    )  # fmt: skip


@pytest.mark.parametrize("arm", ARMS)
def test_the_reported_recipe_is_the_report_read_plainly(arm: str) -> None:
    config = LANDCOVER.config(arm=arm, recipe="reported").as_values()
    expected: dict[str, Any] = {
        "size": 512, "crop": 512, "crops": 1, "flips": False, "scale": 1.0, "colour": 0.0, "epochs": 100,
        "optimizer": "adam", "learning_rate": 1e-4, "schedule": "constant", "weight_decay": 0.0, "batch_size": 4,
        "weights": "pretrained", "width": 4096, "dropout": 0.5, "auxiliary": 0.0, "even_start": False,
        "test_flips": False,
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected


def test_the_reported_numbers_are_the_reports() -> None:
    assert [(each.arm, each.score, each.value) for each in LANDCOVER.reported] == [
        ("fcn32s", "miou", 0.564), ("deeplabv3", "miou", 0.729),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arm", "recipe", "parameters"),
    [
        ("lite0-unet", "reported", 5_198_886),
        ("lite0-unet-scratch", "reported", 5_198_886),
        ("fcn32s", "reported", 134_432_582),
        ("deeplabv3", "reported", 39_635_014),
        ("deeplabv3", "improved", 41_996_364),
    ],
)
def test_the_networks_have_the_size_their_arms_say(arm: str, recipe: str, parameters: int) -> None:
    with torch.device("meta"):
        network = _setup("synthetic", arm, recipe).build_network()
    assert sum(each.numel() for each in network.parameters()) == parameters
    assert (
        f"{parameters / 1e6:.1f} million" in LANDCOVER.arm(arm).summary
        or arm.endswith("scratch")
        or recipe != "reported"
    )


def test_both_arms_of_the_bundled_encoder_differ_in_nothing_but_their_start() -> None:
    for recipe in LANDCOVER.recipes:
        first, scratch = (LANDCOVER.config(arm=arm, recipe=recipe.slug).as_values() for arm in
                          ("lite0-unet", "lite0-unet-scratch"))  # fmt: skip
        assert {key for key in first if first[key] != scratch[key]} == {"arm"}
    assert BACKBONES["lite0-unet"] == BACKBONES["lite0-unet-scratch"]


def test_the_bundled_weights_get_into_the_encoder_and_scratch_takes_none(drawn: Path) -> None:
    assert find_weights("efficientnet-lite0") is not None
    moved = {}
    for arm in ("lite0-unet", "lite0-unet-scratch"):
        setup = _setup(drawn, arm, weights="pretrained")
        network = setup.build_network()
        before = {key: each.clone() for key, each in network.state_dict().items()}
        said = setup.begin(network, None)
        moved[arm] = {key for key, each in network.state_dict().items() if not torch.equal(each, before[key])}
        assert ("EfficientNet-Lite0" in " ".join(said)) is (arm == "lite0-unet")
    assert moved["lite0-unet-scratch"] == set()
    assert moved["lite0-unet"]
    assert all(key.startswith("encoder.") for key in moved["lite0-unet"])


@pytest.fixture
def nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights but the bundled ones, and no server that has others."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("core.engine.pretrained.DOWNLOADS", "http://127.0.0.1:9/")


@pytest.mark.parametrize("arm", ["fcn32s", "deeplabv3"])
@pytest.mark.usefixtures("nothing_at_hand")
def test_weights_that_are_not_at_hand_are_refused_or_said_to_be_random(drawn: Path, arm: str) -> None:
    network = torch.nn.Module()
    for name in ("load_vgg16", "load_resnet50"):
        setattr(network, name, None)
    title = SPECS[BACKBONES[arm]].title
    with pytest.raises(UserError, match=naming(title, "weights=random")):
        _setup(drawn, arm, weights="pretrained").begin(network, None)
    (said,) = _setup(drawn, arm, weights="auto", even_start=False).begin(network, None)  # it has none of its loaders
    assert title in said


@pytest.mark.usefixtures("nothing_at_hand")
def test_a_plain_network_of_random_weights_starts_evenly_and_one_of_imagenets_as_it_came(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = _setup(drawn, "fcn32s", size=64, crop=64, width=16)
    network = setup.build_network()
    before = [each.weight.detach().clone() for each in network.hidden]
    assert len(setup.begin(network, None)) == 2  # that weights are random, and that they were scaled
    assert not any(torch.equal(each.weight, old) for each, old in zip(network.hidden, before, strict=True))

    weights_folder().mkdir(parents=True)
    torch.save({}, weights_folder() / SPECS["vgg16"].weights[0])  # taken by a loader that loads nothing
    monkeypatch.setattr(network, "load_vgg16", lambda state: True)
    before = [each.weight.detach().clone() for each in network.hidden]
    (said,) = setup.begin(network, None)
    assert SPECS["vgg16"].weights[0] in said
    assert all(torch.equal(each.weight, old) for each, old in zip(network.hidden, before, strict=True))


def test_classes_and_colours_travel_with_the_checkpoint(drawn: Path) -> None:
    traits = _setup(drawn, "lite0-unet").traits
    assert traits.classes == CLASSES
    assert traits.mean == (127 / 255,) * 3
    assert _setup(drawn, "deeplabv3").traits.mean == (0.485, 0.456, 0.406)


def test_the_drawn_set_trains_and_validates(drawn: Path) -> None:
    found = LANDCOVER.open_folder(drawn)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 5, "val": 1}


def test_test_pictures_are_the_validation_pictures_where_there_are_no_others(drawn: Path) -> None:
    setup = _setup(drawn, "lite0-unet")
    names = {
        split: [batch["picture"].name for batch in setup.build_split("", split)] for split in ("val", "test", "train")
    }
    assert names["val"] == names["test"]
    assert not set(names["val"]) & set(names["train"])


def test_a_crop_is_never_larger_than_the_largest_picture(drawn: Path) -> None:
    setup = _setup(drawn, "lite0-unet", size=80, crop=512, batch_size=2)
    batch = next(iter(setup.build_data(setup.build_network()).training))
    assert batch["images"].shape == (2, 3, 80, 80)
    assert batch["labels"].shape == (2, 80, 80)


def test_tiles_that_tell_nothing_are_refused() -> None:
    with pytest.raises(UserError, match=naming("tile", 20)):
        LANDCOVER.config(changes={"tile": 20})


def test_an_uploaded_picture_is_shrunk_as_in_training(drawn: Path) -> None:
    prepared = _setup(drawn, "lite0-unet", size=64).prepare_picture(np.full((100, 200, 3), 127, np.uint8))
    assert prepared.images.shape == (1, 3, 32, 64)
    assert prepared.images.abs().max() < 0.01
    assert prepared.inside.shape == (100, 200)
    (note,) = prepared.notes
    assert "64×32" in note
    assert "200×100" in note


def test_a_short_run_learns_and_can_be_used_again(drawn: Path, tmp_path: Path) -> None:
    trainer = _trainer(drawn, tmp_path, epochs=5, crops=4)
    before = trainer.evaluate()
    outcome = trainer.fit()
    assert outcome.best.scores["miou"] > before["miou"] + 0.05
    recorder = trainer.recorder
    assert isinstance(recorder, MemoryRecorder)
    assert {colour for colour in COLOURS.values() if (recorder.pictures[5][0].pixels == colour).all(axis=-1).any()}
    card = load_card(tmp_path / "best")
    setup = LANDCOVER.set_up(LANDCOVER.read_config(card["config"]))
    network = setup.build_network()
    task = setup.build_task(network)
    load_weights(tmp_path / "best", task.parts())
    network.eval()
    scores = task.new_scores()
    with torch.inference_mode():
        for batch in setup.build_split("", "val"):
            task.evaluate(batch, scores)
    assert math.isclose(scores.compute()["miou"], outcome.best.scores["miou"], abs_tol=1e-4)
