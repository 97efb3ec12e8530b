"""Gradio beside the pages on one port, built when somebody first asks for it."""

import asyncio
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse
from starlette.types import Message, Receive, Scope, Send
from streamlit import get_option

from core.paths import nameless_folder, tried_folder
from core.public import public_limits
from core.ui.guard import say_open
from core.ui.shared.tracking import load_tracking

FIRST_LOOK = 4.0
"""Seconds after which a new server looks at the queue and loads the demos: first it shows its first page."""
BREATH = 1.0
"""Seconds between signs of life to a program that asked before the demos were there; most give up after five."""
ASKED_FIRST = ("/config", "/gradio_api/info")
"""What programs ask for before anything else; the answer is JSON, which may begin with spaces."""

WAITING = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<title>Fovea</title><style>
body { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; color: #64748b; background: transparent }
body { margin: 0; min-height: 60vh; display: grid; place-content: center; justify-items: center; text-align: center }
i { width: 28px; height: 28px; border-radius: 50%; border: 3px solid #94a3b855; border-top-color: #0b7285 }
i { animation: turn 1s linear infinite }
@keyframes turn { to { transform: rotate(1turn) } }
</style></head><body><i></i><p>Loading the demo.<br>The first time takes a few seconds.</p></body></html>"""


class LazyGradio:
    """An ASGI application that becomes the Gradio demos at its first request.

    Importing Gradio and torch takes seconds, which the pages must not wait for. A browser that comes too early gets a
    page that says so and asks again; a program waits.
    """

    def __init__(self, build: Callable[[], Starlette] | None = None) -> None:
        """Prepare; nothing is imported yet.

        Args:
            build: Returns the application with the demos at its root; called once, in a thread.
        """
        self._build = build or build_gradio
        self._app: asyncio.Future[Starlette] | None = None
        self._life: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, starting the demos first if nobody did."""
        ready = self._start()
        if not ready.done() and _is_page(scope):
            await HTMLResponse(WAITING, headers={"Cache-Control": "no-store"})(scope, receive, send)
            return
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            if not ready.done() and scope["type"] == "http" and scope["path"].endswith(ASKED_FIRST):
                send = await _breathe(ready, closing, send)
            await asyncio.wait((ready, closing), return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                return  # the server ends
            await self._serve(ready, closing, scope, receive, send)
        finally:
            closing.cancel()

    async def _serve(
        self, ready: "asyncio.Future[Starlette]", closing: "asyncio.Future[Any]", scope: Scope, receive: Receive,
        send: Send,
    ) -> None:  # fmt: skip
        """Let the demos answer, until they have or the server ends."""
        if ready.exception():
            self._app = None  # the next request tries again
        serving = asyncio.ensure_future(ready.result()(scope, receive, send))
        try:
            await asyncio.wait((serving, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            open_still = serving.cancel()
        if not open_still:
            await serving

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Look after the queue while the server runs, and end the demos with it."""
        self._listen_for_the_end()
        for sentence in say_open(str(get_option("server.address") or ""), int(get_option("server.port"))):
            sys.stderr.write(f"{sentence}\n")
        closing, loop = threading.Event(), asyncio.get_running_loop()

        def load() -> None:
            if not closing.is_set():
                loop.call_soon_threadsafe(self._start)

        threading.Thread(target=_look_after_runs, args=(closing, load), name="queue", daemon=True).start()
        try:
            yield
        finally:
            closing.set()
            self._closing.set()
            if self._life is not None:
                if self._app is not None and not self._app.done():
                    self._life.cancel()  # what is still being loaded is not waited for
                with suppress(asyncio.CancelledError):
                    await self._life

    def _listen_for_the_end(self) -> None:
        """Close open streams as soon as the server is told to end.

        Every open demo holds a stream, and the server waits for all requests before it ends a lifespan: one forgotten
        tab would keep it from stopping.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)

            def end(number: int, frame: FrameType | None, before: Any = before) -> None:
                loop.call_soon_threadsafe(self._closing.set)
                if callable(before):
                    before(number, frame)

            signal.signal(number, end)

    def _start(self) -> "asyncio.Future[Starlette]":
        if self._app is None:
            self._app = asyncio.get_running_loop().create_future()
            self._life = asyncio.create_task(self._live(self._app))
        return self._app

    async def _live(self, ready: "asyncio.Future[Starlette]") -> None:
        """Hold the demos' lifespan open from start to end in one task, as its cancel scopes demand.

        Without it the pages of Gradio load and every queued call hangs for ever.
        """
        try:
            app = await _in_background(self._build)
            async with app.router.lifespan_context(app):
                ready.set_result(app)
                await self._closing.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)


def _in_background(act: Callable[[], Starlette]) -> "asyncio.Future[Starlette]":
    """Call in a thread for which the end of the process does not wait."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[Starlette] = loop.create_future()

    def tell(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not ready.done():
            set_outcome(outcome)

    def run() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            try:
                app = act()
            except Exception as error:
                loop.call_soon_threadsafe(tell, ready.set_exception, error)
            else:
                loop.call_soon_threadsafe(tell, ready.set_result, app)

    threading.Thread(target=run, name="demos", daemon=True).start()
    return ready


async def _breathe(ready: "asyncio.Future[Starlette]", closing: "asyncio.Future[Any]", send: Send) -> Send:
    """Begin an answer in JSON and send spaces until the demos are there; return where the rest of it goes."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-encoding", b"identity"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while not ready.done() and not closing.done():
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.wait((ready, closing), timeout=BREATH, return_when=asyncio.FIRST_COMPLETED)

    async def send_rest(message: Message) -> None:
        if message["type"] != "http.response.start":
            await send(message)

    return send_rest


def _look_after_runs(closing: threading.Event, load_demos: Callable[[], None]) -> None:
    """Find dead workers and start what is queued, also while nobody has a page open; have the demos loaded before."""
    if closing.wait(FIRST_LOOK):
        return
    load_tracking()
    load_demos()
    from core.runs.queue import keep_dispatching  # noqa: PLC0415 - takes seconds, which the first page needs first

    keep_dispatching(closing)


def _is_page(scope: Scope) -> bool:
    """Say whether a browser asks for a page, not a program for data."""
    return scope["type"] == "http" and "text/html" in Request(scope).headers.get("accept", "")


def build_gradio() -> Starlette:
    """Return the demos as an application whose root is theirs."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # Gradio names a result by its content and writes it anew each time: two servers must not share a folder, or one
    # cuts the file short that the other is sending.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(nameless_folder() if public_limits() else tried_folder()))
    load_tracking()  # it and Gradio have packages in common
    import gradio  # noqa: PLC0415 - takes seconds, and only the demos need it
    from fastapi import FastAPI  # noqa: PLC0415

    from core.ui.widgets.app import build_demo, mount_options  # noqa: PLC0415

    app: Starlette = gradio.mount_gradio_app(
        FastAPI(), build_demo(), path="/", root_path="/gradio", run_history=False, **mount_options()
    )
    return app


async def send_plotly(_request: Request) -> FileResponse:
    """Send the program that draws the charts, which comes with the Plotly package: no other server is asked for it."""
    found = importlib.util.find_spec("plotly")
    path = Path(str(found.origin if found else "")).parent / "package_data" / "plotly.min.js"
    return FileResponse(path, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})
