import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.data.layouts.blots import load_blot
from core.engine.checkpoint import load_card, load_weights
from core.engine.device import Compute
from core.engine.trainer import Trainer
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.training import build_card
from core.tasks.translation import SSIM
from tests.engine.toy import MemoryRecorder
from tests.messages import naming
from tests.synthetic_sets import SyntheticSets

BLOTS = find_experiment("blots")
ARMS = [each.slug for each in BLOTS.arms]
LEARNERS = {"pix2pix", "reported"}
"""One for each pair of networks; the other arms differ from the reported one in a knob alone, as a test here shows."""
TINY = {"width": 8, "levels": 3, "judge_width": 8, "batch_size": 2, "validation": 0.4, "epochs": 2}


@pytest.fixture(scope="module")
def drawn(synthetic_sets: SyntheticSets) -> Path:
    return synthetic_sets.of("blots", n=10)


def _trainer(drawn: Path, folder: Path, arm: str, **changes: object) -> tuple[Trainer, MemoryRecorder]:
    config = BLOTS.config(arm=arm, recipe="quick", data=str(drawn), changes=TINY | changes)
    setup, recorder = BLOTS.set_up(config), MemoryRecorder()
    torch.manual_seed(config.seed)
    network = setup.build_network()
    trainer = Trainer(
        setup.build_task(network), setup.build_data(network), config, recorder,
        compute=Compute("cpu", "fp32", "contiguous"), folder=folder, card=build_card(setup, "run", {}),
    )  # fmt: skip
    return trainer, recorder


@pytest.mark.parametrize(
    ("arm", "own"),
    [
        ("reported", {}),
        ("slow-discriminator", {"discriminator_rate": 0.25}),
        ("wide-generator", {"width": 128}),
        ("smooth-labels", {"real_target": 0.9}),
        ("pix2pix", {"levels": 6, "l1_weight": 100.0, "beta1": 0.5, "judge_loss": "mean"}),
    ],
)
def test_the_reported_recipe_is_the_reports_but_for_what_an_arm_changes(arm: str, own: dict[str, Any]) -> None:
    expected: dict[str, Any] = {
        "epochs": 118, "batch_size": 1, "optimizer": "adam", "learning_rate": 2e-4, "beta1": 0.9,
        "schedule": "constant", "weight_decay": 0.0, "gradient_clip": 0.0, "width": 64, "levels": 3, "judge_width": 64,
        "l1_weight": 0.0, "discriminator_rate": 1.0, "real_target": 1.0, "judge_loss": "sum", "mirror": False,
        "jitter": 0,
    }  # fmt: skip
    config = BLOTS.config(arm=arm, recipe="reported").as_values()
    assert {name: config[name] for name in expected} == expected | own


@pytest.mark.parametrize("recipe", [each.slug for each in BLOTS.recipes])
@pytest.mark.parametrize("arm", ["slow-discriminator", "wide-generator", "smooth-labels"])
def test_a_remedy_differs_from_the_report_in_one_knob_alone(arm: str, recipe: str) -> None:
    reported, remedied = (BLOTS.config(arm=each, recipe=recipe).as_values() for each in ("reported", arm))
    own = {name for name, value in remedied.items() if value != reported[name]}
    length = {"epochs"} if recipe == "quick" else set()  # a wider network has fewer of them, to stay under a minute
    assert len(own - {"arm"} - length) == 1


@pytest.mark.parametrize(
    ("arm", "recipe", "generator", "discriminator"),
    [
        ("reported", "reported", 1_315_073, 658_497),
        ("slow-discriminator", "reported", 1_315_073, 658_497),
        ("wide-generator", "reported", 5_251_585, 658_497),
        ("smooth-labels", "reported", 1_315_073, 658_497),
        ("pix2pix", "reported", 29_239_489, 663_361),
        ("pix2pix", "improved", 1_543_265, 167_841),
    ],
)
def test_networks_have_the_sizes_that_are_said(arm: str, recipe: str, generator: int, discriminator: int) -> None:
    network: Any = BLOTS.set_up(BLOTS.config(arm=arm, recipe=recipe)).build_network()
    assert sum(each.numel() for each in network.generator.parameters()) == generator
    assert sum(each.numel() for each in network.discriminator.parameters()) == discriminator


def test_the_numbers_of_the_report_are_its_losses_the_last_ones_first() -> None:
    assert len({(each.source, each.score) for each in BLOTS.reported}) == len(BLOTS.reported) == 10
    first = {each.score: each.value for each in reversed(BLOTS.reported)}
    assert first == {"loss_discriminator": 0.0683, "loss_generator": 3.522}
    assert {each.arm for each in BLOTS.reported} == {"reported"}
    assert sorted(each.value for each in BLOTS.reported if each.score == "loss_generator") == [
        0.6840, 0.7412, 2.2424, 3.5220, 4.2039,
    ]  # fmt: skip
    assert sorted(each.value for each in BLOTS.reported if each.score == "loss_discriminator") == [
        0.0263, 0.0683, 0.4921, 1.3699, 1.3715,
    ]  # fmt: skip


@pytest.mark.parametrize(("recipe", "balance"), [("reported", 2 * np.log(2)), ("improved", np.log(2))])
def test_the_line_in_the_chart_of_losses_is_where_neither_side_wins(recipe: str, balance: float) -> None:
    setup = BLOTS.set_up(BLOTS.config(arm="reported", recipe=recipe, changes={"width": 4, "judge_width": 4}))
    network: Any = setup.build_network()
    for each in network.discriminator.parameters():
        each.data.zero_()
    blank = {"images": torch.zeros(1, 2, 64, 64), "target": torch.zeros(1, 1, 64, 64)}
    discriminator, _ = setup.build_task(network).losses(blank)
    assert discriminator.loss.item() == pytest.approx(balance)
    assert BLOTS.loss_level is not None
    assert BLOTS.loss_level[0] == pytest.approx(np.log(2), abs=1e-4)


@pytest.mark.parametrize(
    "arm", [pytest.param(each, marks=() if each in LEARNERS else pytest.mark.exhaustive) for each in ARMS]
)
def test_a_short_run_learns_and_can_be_used_again(drawn: Path, tmp_path: Path, arm: str) -> None:
    trainer, recorder = _trainer(drawn, tmp_path, arm, epochs=8, batch_size=1, l1_weight=100, learning_rate=5e-3)
    untrained = trainer.evaluate()
    trainer.fit()
    assert recorder.epochs[8]["val/l1"] < 0.8 * untrained["l1"]
    assert {"loss_discriminator", "loss_generator", "real_accuracy", "fake_accuracy"} <= recorder.steps[1].keys()
    assert [each.name for each in recorder.pictures[8]] == [each["name"] for each in trainer.data.validation]
    card = load_card(tmp_path / "best")
    again = BLOTS.set_up(BLOTS.read_config(card["config"]))
    network = again.build_network()
    task = again.build_task(network)
    load_weights(tmp_path / "best", task.parts())
    network.eval()
    scores = task.new_scores()
    for batch in again.build_split("", "val"):
        task.evaluate(batch, scores)
    assert scores.compute() == pytest.approx(card["validation"], rel=1e-4)
    assert set(card["validation"]) == set(BLOTS.score_titles)


def test_only_training_blots_are_changed_at_random(drawn: Path) -> None:
    config = BLOTS.config(recipe="improved", data=str(drawn), changes=TINY)
    setup = BLOTS.set_up(config)
    data = setup.build_data(setup.build_network())
    first, again = ([batch["target"] for batch in setup.build_split("", "val")] for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    items = {item.name: item for split in ("train", "test") for item in setup.open_data().items(split)}
    for batch in (*data.validation, *setup.build_split("", "test")):
        templates, target = load_blot(items[batch["name"]])
        assert np.array_equal(batch["images"][0], templates)
        assert np.array_equal(batch["target"][0], target)
    assert len(data.validation) + len(data.training.dataset) == len(setup.open_data().items("train"))  # type: ignore[arg-type]


def test_a_run_that_held_nothing_back_has_no_validation_blots(drawn: Path) -> None:
    setup = BLOTS.set_up(BLOTS.config(data=str(drawn), changes=TINY | {"validation": 0}))
    assert list(setup.build_data(setup.build_network()).validation) == []
    with pytest.raises(UserError, match=naming("test")):  # where else it can be evaluated
        setup.build_split("", "val")


def test_a_generator_that_normalises_a_single_number_is_refused() -> None:
    with pytest.raises(UserError, match=naming("levels", 6, "batch_size", 1, 5, 2)):
        BLOTS.config(arm="reported", changes={"levels": 6, "batch_size": 1})
    BLOTS.config(arm="pix2pix", changes={"levels": 6, "batch_size": 1})
    config = BLOTS.config(arm="reported", changes={"levels": 6, "batch_size": 2, "width": 2})
    network = BLOTS.set_up(config).build_network().train()
    assert network(torch.zeros(2, 2, 64, 64)).shape == (2, 1, 64, 64)


def test_every_arm_is_kept_by_the_likeness_to_the_true_blot() -> None:
    assert {BLOTS.score_of(arm) for arm in ARMS} == {SSIM}


def test_gels_are_held_back_whole(drawn: Path, tmp_path: Path) -> None:
    for place in ("template1", "template2", "target"):
        (tmp_path / place).mkdir()
        for number, path in enumerate(sorted((drawn / place).iterdir())):
            shutil.copy(path, tmp_path / place / f"gel{'abcde'[number % 5]}_{number}.png")
    setup = BLOTS.set_up(BLOTS.config(data=str(tmp_path), changes=TINY))
    held = {batch["name"] for batch in setup.build_split("", "val")}
    gels = {item.name: item.group for item in setup.open_data().items("train")}
    assert len(held) == 4
    assert not {gels[name] for name in held} & {gel for name, gel in gels.items() if name not in held}
