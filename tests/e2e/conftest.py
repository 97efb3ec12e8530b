"""A real server with a home of its own, and a real browser."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.e2e.serving import PATIENCE, Server, Tab

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    """A server of its own; what it said is shown where a test fails."""
    running = Server(home).start()
    yield running
    sys.stdout.write(running.log.read_text(errors="replace")[-4000:])
    running.stop()
    running.kill_workers()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playing:
        yield playing


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, else Playwright's own; a test is skipped without either, unless one is required."""
    path = next((found for name in SYSTEM_BROWSERS if (found := shutil.which(name))), None)
    try:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    except PlaywrightError as error:
        reason = f"there is no browser: {str(error).splitlines()[0]}"
        if os.environ.get("FOVEA_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    yield browser
    browser.close()


@pytest.fixture
def open_tab(chromium: Browser, server: Server) -> Iterator[Callable[..., Tab]]:
    """Return a function that opens a fresh window, with nothing remembered."""
    contexts = []

    def open_one(*, width: int = 1280, height: int = 800) -> Tab:
        context = chromium.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        return Tab(context.new_page(), server)

    yield open_one
    for context in contexts:
        for page in context.pages:
            sys.stdout.write(f"{page.url}\n{page.inner_text('body', timeout=5000)[:4000]}\n")
        context.close()


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    return open_tab()
