"""The demos beside the pages: one real call through the one port, and the page that waits for them."""

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import Message

from core.ui.server import WAITING, LazyGradio
from core.ui.widgets.frame import EMPTY
from tests.e2e.serving import PATIENCE, Server

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_program_can_call_a_demo_through_the_one_port(server: Server) -> None:
    client = Client(f"{server.url}/gradio/", verbose=False, httpx_kwargs={"timeout": PATIENCE})
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert "/vessels" in named
    with pytest.raises(AppError, match=re.escape(EMPTY)):
        client.predict(None, "", 0.5, api_name="/vessels")


def small_app(events: list[str], failures: list[str]) -> Starlette:
    if failures:
        raise RuntimeError(failures.pop())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        events.append(f"begin {id(asyncio.current_task())}")
        yield
        events.append(f"end {id(asyncio.current_task())}")

    return Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))], lifespan=lifespan)


def serve(events: list[str], failures: list[str]) -> Starlette:
    lazy = LazyGradio(lambda: small_app(events, failures))
    return Starlette(routes=[Mount("/gradio", lazy)], lifespan=lazy.lifespan)


def test_nothing_is_built_before_it_is_asked_for_and_all_of_it_ends_in_the_task_where_it_began() -> None:
    events: list[str] = []
    with TestClient(serve(events, [])) as client:
        assert events == []
        assert client.get("/gradio/").text == "here"
        assert client.get("/gradio/").text == "here"
        assert len(events) == 1
    assert events[1] == events[0].replace("begin", "end")


def test_a_server_that_nobody_asked_for_a_demo_ends_without_building_one() -> None:
    events: list[str] = []
    with TestClient(serve(events, [])):
        pass
    assert events == []


def test_a_browser_that_comes_too_early_is_told_to_wait_and_then_gets_the_demo() -> None:
    with TestClient(serve([], [])) as client:
        browser = {"Accept": "text/html"}
        first = client.get("/gradio/", headers=browser)
        assert first.text == WAITING
        assert client.get("/gradio/").text == "here"
        assert client.get("/gradio/", headers=browser).text == "here"


def test_a_demo_that_failed_to_start_is_tried_again() -> None:
    events: list[str] = []
    with TestClient(serve(events, ["no memory"])) as client:
        with pytest.raises(RuntimeError, match="no memory"):
            client.get("/gradio/")
        assert client.get("/gradio/").text == "here"


def test_a_browser_is_not_kept_waiting_for_a_demo_that_failed() -> None:
    with TestClient(serve([], ["no memory"]), raise_server_exceptions=False) as client:
        browser = {"Accept": "text/html"}
        assert client.get("/gradio/", headers=browser).text == WAITING
        while (answer := client.get("/gradio/", headers=browser)).text == WAITING:
            time.sleep(0.01)
        assert answer.status_code == 500


def test_a_program_that_asks_first_gets_signs_of_life_and_then_whole_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.ui.server.BREATH", 0.05)
    sent: list[Message] = []

    def build() -> Starlette:
        time.sleep(0.4)
        return Starlette(routes=[Route("/config", lambda _: JSONResponse({"version": "7"}))])

    async def ask() -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/config", "headers": [], "query_string": b""}
        await LazyGradio(build)(scope, receive, send)

    with ThreadPoolExecutor(1) as own:  # a browser test may have left a loop in this thread
        own.submit(asyncio.run, ask()).result()
    starts = [each for each in sent if each["type"] == "http.response.start"]
    assert [each["status"] for each in starts] == [200]
    bodies = [each["body"] for each in sent if each["type"] == "http.response.body"]
    assert bodies.count(b" ") > 3, "most programs give up after five seconds of silence"
    assert json.loads(b"".join(bodies)) == {"version": "7"}


def test_a_server_that_ends_while_it_loads_the_demos_does_not_wait_for_them() -> None:
    going_on = threading.Event()

    def build() -> Starlette:
        going_on.wait(60)
        return small_app([], [])

    lazy = LazyGradio(build)
    app = Starlette(routes=[Mount("/gradio", lazy)], lifespan=lazy.lifespan)
    start = time.monotonic()
    with TestClient(app) as client:
        assert client.get("/gradio/", headers={"Accept": "text/html"}).text == WAITING
    going_on.set()
    assert time.monotonic() - start < 10
