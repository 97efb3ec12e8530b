from pathlib import Path

import pytest
from torchvision.datasets import OxfordIIITPet

from core.data.pets_download import download_oxford
from core.errors import UserError

UNREACHABLE = (("http://127.0.0.1:9/images.tar.gz", None), ("http://127.0.0.1:9/annotations.tar.gz", None))
"""Nothing listens on the port of the discard service, so this is how a missing network answers."""


def test_without_a_network_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", UNREACHABLE)
    with pytest.raises(UserError, match="could not be fetched") as refusal:
        download_oxford(tmp_path)
    assert "\n" not in str(refusal.value)
    assert "check the network" in str(refusal.value)
