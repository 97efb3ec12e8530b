"""docs/api.md says what the widgets are, and its examples work on a real server."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from core.experiments import catalogue
from core.paths import PROJECT
from tests.e2e.serving import PATIENCE, Server
from tests.inference.untrained import record_untrained, untrained

TEXT = (PROJECT / "docs" / "api.md").read_text()
SECTIONS = {part.split("`")[1]: part for part in TEXT.split("\n## ")[1:]}

pytestmark = pytest.mark.filterwarnings("default")


def block(section: str, language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[0]


def test_every_experiment_has_its_section() -> None:
    assert set(SECTIONS) == {*(f"/{slug}" for slug in catalogue()), "/batch"}, "run python docs/make_api.py"


def test_the_text_is_what_the_widgets_say() -> None:
    spec = importlib.util.spec_from_file_location("make_api", PROJECT / "docs" / "make_api.py")
    assert spec
    assert spec.loader
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    told = program.describe()
    assert not re.findall(r"\| \w+_\d+ \|", told), "a widget without a label"
    assert told == TEXT, "run python docs/make_api.py"


def sections(*, the_rest: bool) -> dict[str, str]:
    """Return the first section whose example has a shipped model, the first without, and the batch; or the rest."""
    first = {'"RUN"' in block(section, "python"): name for name, section in reversed(SECTIONS.items())}
    chosen = {*first.values(), "/batch"}
    return {name: section for name, section in SECTIONS.items() if (name in chosen) != the_rest}


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("the_rest", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_the_examples_in_python_and_with_curl_work(
    the_rest: bool, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    clients = {"http://localhost:8501/gradio/": Client(f"{server.url}/gradio/", verbose=False,
                                                       httpx_kwargs={"timeout": PATIENCE})}  # fmt: skip
    for name, section in sections(the_rest=the_rest).items():
        slug = name.removeprefix("/")
        program = block(section, "python")
        if '"RUN"' in program:
            model = record_untrained(untrained(slug, catalogue()[slug].arms[0].slug, tmp_path / slug))
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
