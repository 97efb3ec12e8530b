from pathlib import Path

import pytest
from torchvision.datasets import OxfordIIITPet

from core.data.layouts.pets_download import download_oxford
from tests.data.layouts.sentences import refuses

UNREACHABLE = (("http://127.0.0.1:9/images.tar.gz", None), ("http://127.0.0.1:9/annotations.tar.gz", None))
"""Nothing listens on the port of the discard service, so this is how a missing network answers."""


def test_without_a_network_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", UNREACHABLE)
    with refuses(tmp_path, "images.tar.gz", "annotations.tar.gz"):
        download_oxford(tmp_path)
