"""Cards as anybody may write them: a sentence for each that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.cli import main
from core.errors import UserError
from core.inference.cards import find_wrong
from core.inference.checkpoints import find_checkpoint, shipped_checkpoints

GOOD: dict[str, Any] = {"experiment": "chest", "config": {"arm": "lite0-frozen"}, "traits": {"classes": ["a", "b"]}}
OPERATING = {"positive": "b", "threshold": 0.5, "sensitivity": 0.9, "specificity": 0.9, "pictures": 10}
WRONG: dict[str, Any] = {
    "empty": {},
    "a list": [],
    "text": "card",
    "null": None,
    "a number": 7,
    "config null": GOOD | {"config": None},
    "config a list": GOOD | {"config": []},
    "no arm": GOOD | {"config": {}},
    "arm a number": GOOD | {"config": {"arm": 3}},
    "experiment a number": GOOD | {"experiment": 7},
    "traits null": GOOD | {"traits": None},
    "traits text": GOOD | {"traits": "two"},
    "classes text": GOOD | {"traits": {"classes": "ab"}},
    "classes twice": GOOD | {"traits": {"classes": ["a", "a"]}},
    "mean text": GOOD | {"traits": {"mean": "a", "deviation": [1.0]}},
    "mean alone": GOOD | {"traits": {"mean": [0.5]}},
    "no spread": GOOD | {"traits": {"mean": [0.5], "deviation": [0.0]}},
    "calibration null": GOOD | {"calibration": None},
    "calibration a list": GOOD | {"calibration": []},
    "no temperature": GOOD | {"calibration": {}},
    "temperature text": GOOD | {"calibration": {"temperature": "warm"}},
    "temperature 0": GOOD | {"calibration": {"temperature": 0}},
    "operating text": GOOD | {"calibration": {"temperature": 1.0, "operating": "well"}},
    "operating half": GOOD | {"calibration": {"temperature": 1.0, "operating": {"positive": "b"}}},
    "operating class": GOOD | {"calibration": {"temperature": 1.0, "operating": OPERATING | {"positive": "c"}}},
    "operating range": GOOD | {"calibration": {"temperature": 1.0, "operating": OPERATING | {"threshold": 7}}},
    "title a list": GOOD | {"title": []},
    "facts text": GOOD | {"facts": "none"},
}
TEXTS = {name: json.dumps(card) for name, card in WRONG.items()} | {"cut": '{"experiment"', "deep": "[" * 100_000}


def written(folder: Path, text: str) -> Path:
    folder.mkdir()
    save_file({"network.weight": torch.zeros(1)}, folder / "weights.safetensors", metadata={"card": text})
    return folder


@pytest.mark.parametrize("name", TEXTS)
def test_a_card_that_cannot_be_used_is_refused_in_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "model", TEXTS[name])
    with pytest.raises(UserError) as refusal:
        find_checkpoint(str(folder), Path)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert main(["evaluate", str(folder)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_ships_and_what_is_whole_can_be_used() -> None:
    assert find_wrong(GOOD) == find_wrong(GOOD | {"calibration": {"temperature": 1.5, "operating": OPERATING}}) == ""
    assert shipped_checkpoints()
