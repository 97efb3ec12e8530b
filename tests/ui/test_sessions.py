"""What the server remembers of visitors of the widgets is bounded."""

import gc
import uuid

import psutil
import pytest
from starlette.testclient import TestClient

from core.ui.server import build_gradio
from core.ui.widgets.app import build_demo

MIB = 1 << 20
WARMING = 70
"""More than are kept: from then on each takes the place of another."""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Gradio
@pytest.mark.exhaustive
def test_500_sessions_of_the_api_take_less_than_50_mib() -> None:
    def ask() -> None:
        body = {"data": [None, "", 0.5, "", False], "session_hash": uuid.uuid4().hex}
        event = client.post("/gradio_api/call/vessels", json=body).json()["event_id"]
        assert "event: error" in client.get(f"/gradio_api/call/vessels/{event}").text

    with TestClient(build_gradio(), base_url="http://localhost") as client:
        for _ in range(WARMING):
            ask()
        gc.collect()
        before = psutil.Process().memory_info().rss
        for _ in range(500):
            ask()
        gc.collect()
        assert psutil.Process().memory_info().rss - before < 50 * MIB


@pytest.mark.filterwarnings("default")  # of Gradio
def test_few_sessions_are_kept() -> None:
    assert build_demo().state_session_capacity <= 100
