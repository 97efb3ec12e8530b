"""What the browser tests talk to: a server as a user starts it, and a tab that remembers what went wrong."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page

from core.paths import PROJECT

PATIENCE = 240.0
"""Seconds: a busy machine with two cores starts a server or a worker slowly."""


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

    def kill_workers(self) -> None:
        """End what this home's runs still train."""
        for each in psutil.process_iter(["cmdline", "environ"]):
            words, environ = each.info["cmdline"] or [], each.info["environ"] or {}
            if "work" in words and environ.get("FOVEA_HOME") == str(self.home):
                each.kill()


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
