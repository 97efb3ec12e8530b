import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.engine.checkpoint import (
    CARD,
    STATE,
    WEIGHTS,
    load_card,
    load_state,
    load_weights,
    save_checkpoint,
    save_state,
)
from core.errors import UserError
from core.files import write_atomically
from tests.engine.toy import build_toy_network
from tests.messages import naming


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "deep" / "best", {"network": build_toy_network(0)}, {"epoch": 3, "name": "Gefäße"})
    return tmp_path / "deep" / "best"


def _refusal(folder: Path) -> str:
    with pytest.raises(UserError) as refusal:
        load_weights(folder, {"network": build_toy_network(1)})
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_what_is_saved_is_loaded(folder: Path) -> None:
    network = build_toy_network(1)
    load_weights(folder, {"network": network})
    for key, value in build_toy_network(0).state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key


def test_channels_last_weights_survive(tmp_path: Path) -> None:
    network = build_toy_network(0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    save_checkpoint(tmp_path, {"network": network}, {})
    again = build_toy_network(1)
    load_weights(tmp_path, {"network": again})
    torch.testing.assert_close(again.state_dict(), network.state_dict())


def test_parts_of_similar_names_are_kept_apart(tmp_path: Path) -> None:
    parts = {"network": nn.Linear(2, 2), "network2": nn.Linear(2, 2)}
    save_checkpoint(tmp_path, parts, {})
    again = {name: nn.Linear(2, 2) for name in parts}
    load_weights(tmp_path, again)
    for name, part in parts.items():
        assert torch.equal(again[name].weight, part.weight)


def test_the_card_is_readable_beside_the_weights_and_travels_inside_them(folder: Path) -> None:
    assert json.loads((folder / CARD).read_text()) == load_card(folder) == {"epoch": 3, "name": "Gefäße"}
    (folder / CARD).write_text('{"epoch": 99}')
    assert load_card(folder)["epoch"] == 3
    (folder / CARD).unlink()
    assert load_card(folder)["epoch"] == 3


def test_a_failed_write_leaves_the_old_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / WEIGHTS).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(folder, {"network": build_toy_network(5)}, {"epoch": 4})
    with pytest.raises(OSError, match="No space left"):
        save_state(folder, {"epoch": 4})
    assert (folder / WEIGHTS).read_bytes() == before
    assert load_card(folder)["epoch"] == 3
    assert load_state(folder) is None
    test_what_is_saved_is_loaded(folder)


def test_a_card_that_json_cannot_hold_leaves_the_old_checkpoint(folder: Path) -> None:
    with pytest.raises(TypeError):
        save_checkpoint(folder, {"network": build_toy_network(5)}, {"epoch": object()})
    assert load_card(folder)["epoch"] == 3
    test_what_is_saved_is_loaded(folder)


def test_writing_replaces_and_leaves_no_draft(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"old")
    write_atomically(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1, -200])
def test_a_truncated_file_is_refused_in_one_sentence(folder: Path, kept: int) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:kept])
    assert str(folder / WEIGHTS) in _refusal(folder)
    with pytest.raises(UserError, match=naming(folder / WEIGHTS)):
        load_card(folder)


@pytest.mark.parametrize("content", [b"no weights at all" * 100, b"\xff" * 64, b"PK\x03\x04" * 50])
def test_a_file_of_something_else_is_refused_in_one_sentence(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    assert str(folder / WEIGHTS) in _refusal(folder)


def test_a_pickle_in_place_of_weights_is_never_opened(folder: Path) -> None:
    torch.save(build_toy_network(0).state_dict(), folder / WEIGHTS)
    assert str(folder / WEIGHTS) in _refusal(folder)


def test_a_folder_without_weights_is_no_checkpoint(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert re.match(naming(folder, WEIGHTS), _refusal(folder))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"network": nn.Linear(3, 3)}, {})
    assert str(tmp_path) in _refusal(tmp_path)
    save_checkpoint(tmp_path, {"generator": build_toy_network(0)}, {})
    assert str(tmp_path) in _refusal(tmp_path)


def test_weights_without_a_sound_card_are_refused(tmp_path: Path) -> None:
    refusals = set()
    for metadata in (None, {"card": "{oh"}, {"card": "[1]"}):
        save_file({"network.weight": torch.zeros(2)}, tmp_path / WEIGHTS, metadata=metadata)
        with pytest.raises(UserError, match=naming(tmp_path)) as refusal:
            load_card(tmp_path)
        refusals.add(str(refusal.value))
    assert len(refusals) == 3  # none, a damaged one and a strange one are told apart


def test_a_state_is_loaded_as_it_was_stored(tmp_path: Path) -> None:
    state = {
        "epoch": 2,
        "scores": {"dice": 0.5},
        "nested": [{"moment": torch.arange(3.0), "lr": 1e-3}],
        "inf": float("inf"),
    }
    save_state(tmp_path / "last", state)
    found = load_state(tmp_path / "last")
    assert found is not None
    assert torch.equal(found["nested"][0].pop("moment"), state["nested"][0].pop("moment"))  # type: ignore[index]
    assert found == state


def test_no_state_is_none_and_a_damaged_one_a_sentence(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    save_state(tmp_path, {"epoch": 2, "weights": torch.randn(100)})
    content = (tmp_path / STATE).read_bytes()
    for damaged in (b"", b"garbage", content[:200], content[:-100]):
        (tmp_path / STATE).write_bytes(damaged)
        with pytest.raises(UserError, match=naming(tmp_path / STATE)):
            load_state(tmp_path)
