"""Gradio beside the pages on one port, built when somebody first asks for it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

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
        self._closing: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, starting the demos first if nobody did."""
        ready = self._start()
        if not ready.done() and _is_page(scope):
            await HTMLResponse(WAITING, headers={"Cache-Control": "no-store"})(scope, receive, send)
            return
        app = await asyncio.shield(ready)
        await app(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """End the demos with the server."""
        try:
            yield
        finally:
            if self._life is not None and self._closing is not None:
                self._closing.set()
                await self._life

    def _start(self) -> "asyncio.Future[Starlette]":
        if self._app is None:
            self._app = asyncio.get_running_loop().create_future()
            self._closing = asyncio.Event()
            self._life = asyncio.create_task(self._live(self._app, self._closing))
        return self._app

    async def _live(self, ready: "asyncio.Future[Starlette]", closing: asyncio.Event) -> None:
        """Hold the demos' lifespan open from start to end in one task, as its cancel scopes demand.

        Without it the pages of Gradio load and every queued call hangs for ever.
        """
        try:
            app = await asyncio.to_thread(self._build)
            async with app.router.lifespan_context(app):
                ready.set_result(app)
                await closing.wait()
        except Exception as error:
            if ready.done():
                raise
            self._app = None  # the next request tries again
            ready.set_exception(error)


def _is_page(scope: Scope) -> bool:
    """Say whether a browser asks for a page, not a program for data."""
    return scope["type"] == "http" and "text/html" in Request(scope).headers.get("accept", "")


def build_gradio() -> Starlette:
    """Return the demos as an application whose root is theirs."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import gradio  # noqa: PLC0415 - takes seconds, and only the demos need it
    from fastapi import FastAPI  # noqa: PLC0415

    from core.ui.demos import build_demo, mount_options  # noqa: PLC0415

    app: Starlette = gradio.mount_gradio_app(FastAPI(), build_demo(), path="/", run_history=False, **mount_options())
    return app
