"""What the browser tests talk to: a server as a user starts it, and a tab that remembers what went wrong."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page

from core.errors import UserError
from core.paths import PROJECT
from core.runs.control import kill
from core.runs.store.run_store import RunStore

PATIENCE = 240.0
"""Seconds: a busy machine with two cores starts a server or a worker slowly."""
POLL = 0.3
"""Seconds: to look into the store takes time that the server and its workers need."""


def wait_until(happened: Callable[[], bool]) -> None:
    """Look again and again until something has happened."""
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < PATIENCE, "it did not happen in time"
        time.sleep(POLL)


@dataclass
class Server:
    """The pages and demos, started as a user starts them, from another folder."""

    home: Path
    port: int = 0
    threads: int = 1
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    log: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self.log = self.home / "server.log"
        words = ["-m", "streamlit", "run", str(PROJECT / "streamlit_app.py"), "--server.port", str(self.port)]
        quiet = {"FOVEA_HOME": str(self.home), "OMP_NUM_THREADS": str(self.threads), "OMP_WAIT_POLICY": "PASSIVE"}
        self.started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words, "--server.headless", "true"],
                cwd=self.home, env=os.environ | quiet, stdout=log, stderr=log,
            )  # fmt: skip
        self._wait()
        return self

    def _wait(self) -> None:
        while time.monotonic() - self.started < PATIENCE:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        pytest.fail(f"the server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def end_runs(self) -> None:
        """End what this home's runs still train, and what waits in its queue; the home must be the current one."""
        store = RunStore()
        for run in store.runs():  # the newest first: what waits would otherwise begin
            if not run.is_final:
                with suppress(UserError):  # it has just ended
                    kill(store, run.id)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Tab:
    """A page of the browser that remembers what went wrong on it."""

    page: Page
    server: Server
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda asked: self._hold(asked.url))

    def _hold(self, url: str) -> None:
        host = f"127.0.0.1:{self.server.port}/"
        if not url.startswith(("data:", "blob:", f"http://{host}", f"ws://{host}")):
            self.foreign.append(url)

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.server.url + path)
        return self.page

    def show_end(self) -> None:
        """Print what is seen, for the report of a test that fails."""
        with suppress(PlaywrightError):
            sys.stdout.write(f"{self.page.url}\n{self.page.inner_text('body', timeout=5000)[:4000]}\n")


def by_key(page: Page | Locator, key: str) -> Locator:
    """Return what Streamlit drew under a key."""
    return page.locator(f".st-key-{re.sub('[^a-zA-Z0-9_-]', '-', key)}")


def settled(page: Page) -> None:
    """Wait until Streamlit has drawn the whole page."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
