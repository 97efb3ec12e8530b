"""docs/api.md says what the widgets are, and its examples work on a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from core.experiments import catalogue
from core.paths import PROJECT
from tests.e2e.serving import PATIENCE, Server
from tests.inference.untrained import untrained

TEXT = (PROJECT / "docs" / "api.md").read_text()
SECTIONS = {part.split("`")[1]: part for part in TEXT.split("\n## ")[1:]}

pytestmark = [pytest.mark.xdist_group("workers"), pytest.mark.filterwarnings("default")]


def block(section: str, language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[0]


@pytest.fixture
def server(home: Path) -> object:
    running = Server(home).start()
    yield running
    running.stop()


def test_every_experiment_has_its_section() -> None:
    assert set(SECTIONS) == {*(f"/{slug}" for slug in catalogue()), "/batch"}, "run python docs/make_api.py"


def test_the_text_is_what_the_widgets_say(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "docs/make_api.py", "--print"], cwd=PROJECT, capture_output=True, text=True,
        check=False, env=os.environ | {"FOVEA_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == TEXT, "run python docs/make_api.py"


@pytest.mark.slow
def test_the_examples_in_python_and_with_curl_work(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    clients = {"http://localhost:8501/gradio/": Client(f"{server.url}/gradio/", verbose=False,
                                                       httpx_kwargs={"timeout": PATIENCE})}  # fmt: skip
    for name, section in SECTIONS.items():
        slug = name.removeprefix("/")
        program = block(section, "python")
        if '"RUN"' in program:
            model = untrained(slug, catalogue()[slug].arms[0].slug, tmp_path / slug).name
            program = program.replace('"RUN"', repr(model))
        given: dict[str, object] = {"Client": clients.__getitem__, "handle_file": handle_file}
        exec(program, given)
        answer = given["answer"]
        assert isinstance(answer, tuple), name
        assert len(answer) == len(re.findall(r"(?m)^\| \d+ \|", section)), name
    words = block(TEXT, "bash").replace("http://localhost:8501", server.url)
    told = subprocess.run(["bash", "-c", words], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert "event: complete" in told
    assert " %" in told
