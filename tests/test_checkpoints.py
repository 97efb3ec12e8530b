"""What ships: small, whole, told in full, and without a photograph."""

import argparse
import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from safetensors import safe_open

from core.engine.checkpoint import CARD, WEIGHTS
from core.errors import UserError
from core.experiments import catalogue
from core.inference.checkpoints import Checkpoint, shipped_checkpoints
from core.inference.ood.detector import INPUT, InputCheck
from core.paths import PROJECT, checkpoints_folder

SHIPPED = shipped_checkpoints()
SCORED_ANEW = {"landcover/drawn": "miou", "objects/drawn": "accuracy"}
REAL = {"aoi/neu", "chest/kermany", "pets/cats", "vessels/chase"}


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ship", PROJECT / "checkpoints" / "ship.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_of_it_is_small() -> None:
    assert sum(each.stat().st_size for each in checkpoints_folder().rglob("*") if each.is_file()) < 40_000_000


@pytest.mark.parametrize("checkpoint", SHIPPED, ids=lambda each: each.name)
def test_a_folder_holds_weights_and_words_and_nothing_else(checkpoint: Checkpoint) -> None:
    names = {each.name for each in checkpoint.folder.iterdir()}
    assert names - {INPUT} == {WEIGHTS, CARD, "README.md"}


@pytest.mark.parametrize("checkpoint", SHIPPED, ids=lambda each: each.name)
def test_the_readme_is_what_the_card_says(checkpoint: Checkpoint, program: ModuleType) -> None:
    """Its numbers, names in code and addresses, line by line; in which words is for the program to say."""
    lines = (checkpoint.folder / "README.md").read_text(encoding="utf-8").splitlines()
    built = program.build_readme(checkpoint.card).splitlines()
    facts = re.compile(r"(?<!\w)\d[\d.,]*|`[^`]+`|https?://\S+")
    assert [facts.findall(each) for each in lines] == [facts.findall(each) for each in built]


@pytest.mark.parametrize("checkpoint", SHIPPED, ids=lambda each: each.name)
def test_a_card_names_no_folder_of_a_machine_and_every_score_has_its_interval(checkpoint: Checkpoint) -> None:
    text = (checkpoint.folder / CARD).read_text(encoding="utf-8")
    assert not any(place in text for place in ("/tmp/", "/home/", "/work/", "/root/"))
    test = checkpoint.card["test"]
    assert test["pictures"] > 0
    for key, (low, high) in test["intervals"].items():
        assert low <= high, key
        if key != "calibration_error":  # drawing pictures again makes this one larger on the whole
            assert low - 1e-6 <= test["scores"][key] <= high + 1e-6, key


@pytest.mark.parametrize("checkpoint", [each for each in SHIPPED if each.name in REAL], ids=lambda each: each.name)
def test_a_model_of_real_pictures_carries_its_check(checkpoint: Checkpoint) -> None:
    check = InputCheck.load(checkpoint.folder)
    assert check is not None
    assert check.bounds.chosen["accepted_of_test"] >= 0.95
    assert checkpoint.card["input_check"]["distance"] == check.bounds.distance


@pytest.mark.parametrize("checkpoint", SHIPPED, ids=lambda each: each.name)
def test_what_is_published_is_not_stored_again(checkpoint: Checkpoint) -> None:
    borrowed = checkpoint.card.get("borrowed")
    if borrowed is None:
        return
    with safe_open(checkpoint.folder / WEIGHTS, framework="np") as kept:
        stored = [name for name in kept.keys() if name.startswith(borrowed["module"])]  # noqa: SIM118 - not a dict
    assert borrowed["tensors"] > 0
    if checkpoint.card["config"]["arm"].endswith(("-frozen", "-fixed")):
        assert stored == [], "its backbone was held still as a whole"


def test_every_experiment_has_something_to_answer_with() -> None:
    assert {each.experiment.slug for each in SHIPPED} == set(catalogue())


@pytest.mark.parametrize(("name", "score"), SCORED_ANEW.items())
def test_sets_without_a_test_split_are_judged_on_pictures_drawn_anew(name: str, score: str) -> None:
    (checkpoint,) = [each for each in SHIPPED if each.name == name]
    test = checkpoint.card["test"]
    assert re.findall(r"\d+", test["split"]) == ["7"], "the seed"
    assert str(test["pictures"]) in (checkpoint.folder / "README.md").read_text(encoding="utf-8")
    assert abs(test["scores"][score] - checkpoint.card["validation"][score]) < 0.1, "it learnt no picture by heart"


def test_a_judgement_on_pictures_drawn_anew_never_sees_those_of_the_training(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint,) = [each for each in SHIPPED if each.name == "landcover/drawn"]
    few = checkpoint.experiment.fewest_pictures
    monkeypatch.setattr(type(checkpoint.experiment), "synthetic_pictures", few)
    said = argparse.Namespace(drawn_anew=7, data="synthetic", split="test")
    drawn = checkpoint.experiment.open_data("synthetic")
    own = {each.image.read_bytes() for part in ("train", "val") for each in drawn.items(part)}
    with program.judged_on(checkpoint, said) as (folder, split, called):
        items = checkpoint.experiment.open_data(folder).items(split)
        assert items
        assert own.isdisjoint(each.image.read_bytes() for each in items)
        assert called == checkpoint.card["test"]["split"]
    assert not Path(folder).exists()


def test_a_model_that_carries_photographs_is_not_shipped(program: ModuleType) -> None:
    (checkpoint,) = [each for each in SHIPPED if each.name == "byol/drawn"]
    program.refuse_photographs(checkpoint)
    config = checkpoint.card["config"] | {"data": "office"}
    with pytest.raises(UserError, match="office"):
        program.refuse_photographs(replace(checkpoint, card=checkpoint.card | {"config": config}))
