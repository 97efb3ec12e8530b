"""A request can name nothing but what it uploaded: neither mounted, nor where the widgets run alone, nor in public."""

from pathlib import Path

import httpx
import pytest

from core.runs.run import KILLED
from core.runs.store.run_store import RunStore
from tests.e2e.named_files import ask_for, named_paths
from tests.e2e.serving import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
]


def test_no_file_of_the_machine_is_read_and_others_are_answered_meanwhile(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, folder = RunStore(), tmp_path_factory.mktemp("private")
    httpx.get(f"{server.url}/gradio/config", timeout=60)
    for name, path in named_paths(folder, Path(server.home), server.url).items():
        for marked in (True, False):
            assert list(ask_for(f"{server.url}/gradio", path, marked=marked))[-1] == "error", (name, marked)
        assert httpx.get(f"{server.url}/_stcore/health", timeout=5).status_code == 200, name
    run = store.create("vessels", {"arm": "unet", "recipe": "quick", "seed": 0, "data": "synthetic", "epochs": 1})
    store.claim(run.id)  # so that nobody starts it, and it has no log
    assert run.short_id in httpx.get(f"{server.url}/files/log/{run.id}", timeout=20).text, "the store is still seen"
    store.finish(run.id, KILLED, "It was only to be seen.")
