"""The recipes for hosting name what is there: files, options, versions; and the widgets start without the pages."""

import json
import os
import re
import subprocess
import sys
import time
import types
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from core.experiments import catalogue
from core.paths import PROJECT
from core.public import PublicLimits
from tests.e2e.named_files import ask_for, named_paths
from tests.e2e.serving import PATIENCE, free_port

GRADIO, DOCKER = PROJECT / "deploy" / "space-gradio", PROJECT / "deploy" / "space-docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


def front_matter(folder: Path) -> dict[str, str]:
    head = (folder / "README.md").read_text().split("---\n")[1]
    return {name: value.strip('"') for name, _, value in (line.partition(": ") for line in head.splitlines())}


def instructions(word: str) -> list[str]:
    whole = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return [line.removeprefix(word).strip() for line in whole.splitlines() if line.startswith(f"{word} ")]


def pinned(package: str) -> str:
    return re.findall(rf"(?m)^{package}==(.+)$", (PROJECT / "constraints.txt").read_text())[0]


def test_the_gradio_space_is_described_as_the_hub_reads_it() -> None:
    told = front_matter(GRADIO)
    assert told["sdk"] == "gradio"
    assert told["sdk_version"] == pinned("gradio")
    assert (GRADIO / told["app_file"]).is_file()
    assert len(told["short_description"]) <= 60


def test_the_gradio_space_asks_for_the_same_versions_as_the_project() -> None:
    def bounds(path: Path) -> set[str]:
        return {line.partition("#")[0].strip() for line in path.read_text().splitlines()} - {""}

    own = bounds(GRADIO / "requirements.txt")
    zero_gpu = {each for each in own if each.startswith("torch")}
    assert own - zero_gpu <= bounds(PROJECT / "requirements.txt")
    assert not [each for each in own if each.startswith("streamlit")]


def test_the_gradio_space_asks_for_what_zero_gpu_offers() -> None:
    assert front_matter(GRADIO)["python_version"] in ("3.12.12", "3.10.13")
    needed = (GRADIO / "requirements.txt").read_text()
    assert {Version(each) for each in ("2.8.0", "2.11.0")} == {
        each for each in map(Version, ("2.7.1", "2.8.0", "2.11.0", "2.12.0")) if each in _allowed(needed, "torch")
    }
    assert Version("0.26.0") in _allowed(needed, "torchvision"), "which belongs to torch 2.11"


def _allowed(requirements: str, package: str) -> SpecifierSet:
    return SpecifierSet(re.findall(rf"(?m)^{package}([<>=].+)$", requirements)[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_gradio_space_serves_by_itself_without_streamlit_and_is_public(tmp_path: Path) -> None:
    port = free_port()
    own = {"FOVEA_HOME": str(tmp_path / "home"), "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    environment = {name: value for name, value in os.environ.items() if name not in ("FOVEA_PUBLIC", "GRADIO_TEMP_DIR")}
    program = (
        "import sys, runpy; sys.modules['streamlit'] = None; sys.modules['plotly'] = None\n"
        f"runpy.run_path({str(GRADIO / 'app.py')!r}, run_name='__main__')"
    )
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment | own, stdout=log, stderr=log
        )
    try:
        url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
        while True:
            try:
                page = httpx.get(f"{url}config", timeout=30).json()
                break
            except httpx.TransportError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert PublicLimits().say() in [each["props"].get("value") for each in page["components"]]
        private = tmp_path / "private"
        private.mkdir()
        for name, path in named_paths(private, tmp_path / "home", url.rstrip("/")).items():
            for marked in (True, False):
                assert list(ask_for(url.rstrip("/"), path, marked=marked))[-1] == "error", (name, marked)
        assert httpx.get(f"{url}config", headers={"Host": "evil.example"}, timeout=30).status_code == 421
        client = Client(url, verbose=False, httpx_kwargs={"timeout": PATIENCE})
        assert set(client.view_api(return_format="dict")["named_endpoints"]) == {
            f"/{name}" for name in (*catalogue(), "batch")
        }
        picture = handle_file(PROJECT / "assets" / "examples" / "aoi" / "drawn_1_scratches.jpg")
        assert client.predict(picture, "aoi/neu", api_name="/aoi")[0]["label"] == "scratches"
        with pytest.raises(Exception, match="aoi/neu"):
            client.predict(picture, str(PROJECT / "checkpoints" / "aoi" / "other"), api_name="/aoi")
        tried = tmp_path / "home" / "tried"
        assert any(tried.rglob("*.jpg"))
        for place in (tried, PROJECT / "README.md", "/etc/passwd"):
            assert httpx.get(f"{url}gradio_api/file={place}").status_code == 403
    finally:
        server.terminate()
        server.wait(20)


def test_a_gpu_is_borrowed_only_where_the_package_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.ui.widgets.zero_gpu import lend_gpu

    def answer() -> str:
        return "answer"

    assert lend_gpu(answer) is answer
    fake = types.ModuleType("spaces")
    fake.__spec__ = types.SimpleNamespace(name="spaces")  # type: ignore[assignment]
    fake.GPU = lambda function: lambda: f"{function()} with a GPU"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", fake)
    assert lend_gpu(answer)() == "answer with a GPU"


def test_everything_that_the_image_copies_is_there_and_nothing_needed_is_left_out() -> None:
    sources = [word for line in instructions("COPY") for word in line.split()[:-1] if not word.startswith("--")]
    for source in sources:
        assert (PROJECT / source).exists(), source
    assert {"core", "pages", "assets", "checkpoints", ".streamlit", "streamlit_app.py", "requirements.txt"} <= {
        *sources
    }


def test_the_image_runs_as_user_1000_with_its_state_in_one_folder() -> None:
    assert instructions("USER") == ["user"]
    assert "--uid 1000 user" in DOCKERFILE
    assert all("--chown=user" in line for line in instructions("COPY"))
    settings = dict(re.findall(r"(\w+)=(\S+)", instructions("ENV")[0]))
    assert settings["FOVEA_HOME"] == "/data"
    assert settings["FOVEA_PUBLIC"] == "1"
    assert "chown user:user /data" in DOCKERFILE


def test_the_image_starts_with_options_that_streamlit_knows() -> None:
    from streamlit import config

    words = json.loads(instructions("CMD")[-1])
    assert words[:3] == ["streamlit", "run", "streamlit_app.py"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    known = set(config.get_config_options())
    assert {each.removeprefix("--") for each in given} <= known
    told = front_matter(DOCKER)
    assert told["sdk"] == "docker"
    assert given["--server.port"] == told["app_port"] == instructions("EXPOSE")[0]
    assert given["--server.address"] == "0.0.0.0"
    assert f"127.0.0.1:{told['app_port']}/_stcore/health" in instructions("HEALTHCHECK")[0]


def test_the_python_of_the_image_is_the_one_of_the_tests() -> None:
    assert instructions("FROM") == ["python:3.11-slim"]
