"""Real servers and a real browser. What only looks or asks shares a server; what ends one has its own."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.e2e.serving import PATIENCE, Server, Tab

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Server]:
    """One server for all tests of this process that end none; its home fills with what they train."""
    folder = tmp_path_factory.mktemp("shared-home")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    running = Server(folder).start()
    yield running
    running.stop()


@pytest.fixture
def server(home: Path, shared_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The shared server, whose home is the test's; where a test fails, what the server said meanwhile is shown."""
    monkeypatch.setenv("FOVEA_HOME", str(shared_server.home))
    before = shared_server.log.stat().st_size
    yield shared_server
    sys.stdout.write(shared_server.log.read_bytes()[before:].decode(errors="replace")[-4000:])
    shared_server.end_runs()


@pytest.fixture
def own_server(home: Path) -> Iterator[Server]:
    """A server for a test that ends it."""
    running = Server(home).start()
    yield running
    sys.stdout.write(running.log.read_text(errors="replace")[-4000:])
    running.stop()
    running.end_runs()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=1000 * PATIENCE)
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


@pytest.fixture(scope="session")
def window(chromium: Browser) -> BrowserContext:
    """A window for all tests that may share what the browser has loaded; a tab in it begins with nothing chosen."""
    return open_window(chromium)


def open_window(chromium: Browser) -> BrowserContext:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(1000 * PATIENCE)
    return context


@pytest.fixture
def open_tab(window: BrowserContext) -> Iterator[Callable[..., Tab]]:
    """Return a function that opens a tab on a server, in the shared window."""
    tabs: list[Tab] = []

    def open_one(server: Server, *, width: int = 1280, height: int = 800) -> Tab:
        page = window.new_page()
        page.set_viewport_size({"width": width, "height": height})
        tabs.append(Tab(page, server))
        return tabs[-1]

    yield open_one
    for each in tabs:
        each.show_end()
        each.page.close()


@pytest.fixture
def tab(open_tab: Callable[..., Tab], server: Server) -> Tab:
    return open_tab(server)


@pytest.fixture
def stranger(chromium: Browser, server: Server) -> Iterator[Tab]:
    """Another visitor: a window with nothing remembered."""
    context = open_window(chromium)
    opened = Tab(context.new_page(), server)
    yield opened
    opened.show_end()
    context.close()
