"""Requests to the widgets' API that give something else than an input takes, through the application as mounted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from starlette.testclient import TestClient

from core.ui.server import build_gradio
from core.ui.widgets.inputs import PictureInput

MARK = {"_type": "gradio.FileData"}
NOTHING = (float("nan"), float("inf"), float("-inf"), True, [], {}, [[1]], {"path": 5}, 10**400)
NO_FILES = (
    "abc",
    {"url": "http://there.example/a.png"},
    {"url": "file:///a.png", "meta": MARK},
    {"path": "core/a.png", "meta": MARK},
    {"path": "a/b.png"},
    {"path": "/dev/zero", "meta": MARK},
    {"path": "/dev/zero"},
    {"path": "\0", "meta": MARK},
    {"path": "a" * 5000, "meta": MARK},
    {"path": ["a"], "meta": MARK},
    {"path": "", "meta": MARK},
    {"path": ".", "meta": MARK},
)
FOREIGN = ("Traceback", "pydantic", "NoneType", "object at 0x", "preprocess", "validation error", "event handler")
"""Words of Gradio and Python that no visitor is to read."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOVEA_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        with TestClient(build_gradio(), base_url="http://localhost", raise_server_exceptions=False) as opened:
            yield opened


def blocks(client: TestClient) -> Any:
    return client.app.routes[-1].app.get_blocks()  # type: ignore[attr-defined]


def ask(client: TestClient, function: Any, given: Any) -> tuple[int, str]:
    """Return status and sentence; a private function is named by its number, as the page does."""
    body = json.dumps({"data": given, "fn_index": function._id, "session_hash": "one"})
    answer = client.post("/gradio_api/run/any", content=body, headers={"content-type": "application/json"})
    return answer.status_code, str(answer.json().get("error", ""))


def asked(client: TestClient, *, public: bool) -> list[Any]:
    """Return the functions of Python that a page or a program can call."""
    known = [each for each in blocks(client).fns.values() if callable(each.fn) and each.inputs and not each.js]
    return [each for each in known if (each.api_visibility == "public") is public]


def wrong_for(part: Any) -> tuple[Any, ...]:
    """Return what an input does not take."""
    if isinstance(part, PictureInput):
        return (*NOTHING[:-1], 10**400, *NO_FILES)
    if isinstance(part, gr.File):
        return (*(each for each in NOTHING if each != []), *NO_FILES, [None], [{"path": "/etc/hostname"}])
    if isinstance(part, gr.Slider):
        return (*NOTHING, "abc", None, part.minimum - 1, part.maximum + 1, *([2.5] if part.step == 1 else []))
    if isinstance(part, gr.Dropdown):
        return (*NOTHING, 5, *(["nobody", None] if not part.allow_custom_value else []))
    if isinstance(part, gr.Checkbox):
        return (*(each for each in NOTHING if each is not True), "yes", 1)
    return ()


WHOLE = ("vessels", "blots", "batch")
"""Functions for which everything is tried; the others have the same inputs, and a third is tried."""


def right_for(part: Any) -> Any:
    return getattr(part, "value", None) if not isinstance(part, PictureInput | gr.File) else None


def test_whatever_an_input_does_not_take_is_answered_by_its_name_and_what_it_takes(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    tried = 0
    for function in asked(client, public=True):
        names = [each["parameter_name"] for each in _parameters(client, function)]
        assert len(names) == len(function.inputs)
        for place, (name, part) in enumerate(zip(names, function.inputs, strict=True)):
            for wrong in wrong_for(part)[:: 1 if function.api_name in WHOLE else 3]:
                given = [right_for(each) for each in function.inputs]
                given[place] = wrong
                status, said = ask(client, function, given)
                assert status == 500, (function.api_name, name, wrong)
                assert name in said, (function.api_name, name, wrong, said)
                assert len(said) < 400, (name, wrong)
                _assert_plain(said)
                tried += 1
    assert tried > 250
    log = capfd.readouterr().err
    assert "Traceback" not in log
    assert log.count("\n") <= tried


def _parameters(client: TestClient, function: Any) -> list[dict[str, Any]]:
    info = client.get("/gradio_api/info").json()["named_endpoints"]
    return list(info[f"/{function.api_name}"]["parameters"])


def _assert_plain(said: str) -> None:
    assert said
    assert not [word for word in (*FOREIGN, str(Path.cwd())) if word in said], said
    assert "\n" not in said


def test_what_only_the_page_calls_is_as_strict(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    kinds = {(each.fn.__qualname__, *map(type, each.inputs)): each for each in asked(client, public=False)}
    for function in kinds.values():
        for place, part in enumerate(function.inputs):
            for wrong in (*wrong_for(part), *([7, "x", {"a": 1}] if isinstance(part, gr.JSON | gr.Markdown) else [])):
                given = [right_for(each) for each in function.inputs]
                given[place] = wrong
                status, said = ask(client, function, given)
                if status != 200:
                    _assert_plain(said)
    assert "Traceback" not in capfd.readouterr().err


def test_too_few_or_too_many_inputs_are_counted(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    for function in asked(client, public=True):
        most = len(function.inputs)
        for count in (0, 1, most - 1, most + 1, most + 40):
            status, said = ask(client, function, [None] * count)
            assert status == 500, function.api_name
            assert f" {count} " in said
            assert f" {most} " in said
            _assert_plain(said)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{", "data"),
        ('{"data": 5}', "data"),
        ("{}", "data"),
        ("[]", "data"),
        ('{"data": NaN}', "data"),
        ("5", "data"),
        ('{"data": [], "session_hash": 5}', "session_hash"),
    ],
)
def test_a_body_of_another_form_is_answered(
    body: str, named: str, client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    for place in ("call/vessels", "run/vessels"):
        answer = client.post(f"/gradio_api/{place}", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        assert named in answer.json()["detail"]
        _assert_plain(answer.json()["detail"])
    assert "Traceback" not in capfd.readouterr().err


def test_a_function_or_an_input_that_is_not_there_is_answered(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    def sent(place: str, body: Any) -> tuple[int, str]:
        answer = client.post(f"/gradio_api/{place}", json=body)
        return answer.status_code, str(answer.json()["detail"])

    for place in ("call/nobody", "call/v2/nobody", "run/nobody"):
        status, said = sent(place, {"data": []})
        assert (status, "nobody" in said) == (404, True)
        _assert_plain(said)
    for number in (9999, -1, 10**30):
        for place in ("queue/join", "run/predict", "api/predict", "run/vessels"):
            assert sent(place, {"data": [], "fn_index": number, "session_hash": "a"})[0] == 404
        part = {"data": [], "component_id": number, "fn_name": "ls", "session_hash": "a"}
        assert sent("component_server", part)[0] == 404
    for body, name in (({"threshold": 0.5}, "picture"), ({"picture": None, "model": "", "other": 1}, "other")):
        status, said = sent("call/v2/vessels", body)
        assert (status, name in said) == (422, True)
        _assert_plain(said)
    assert "Traceback" not in capfd.readouterr().err


def upload(client: TestClient, folder: Path) -> str:
    path = folder / "grey.png"
    Image.new("RGB", (64, 64), (90, 20, 10)).save(path)
    return str(client.post("/gradio_api/upload", files=[("files", ("grey.png", path.read_bytes()))]).json()[0])


def test_no_image_of_the_machine_is_read_without_the_mark_of_a_file_either(client: TestClient, tmp_path: Path) -> None:
    chest = next(each for each in asked(client, public=True) if each.api_name == "chest")
    held, outside = upload(client, tmp_path), tmp_path / "grey.png"
    (link := Path(held).with_name("link.png")).symlink_to(outside)
    for given in ({"path": held}, {"path": held, "meta": MARK}):
        assert ask(client, chest, [given, "", "", False, False, False])[0] == 200
    for given in (
        {"path": str(outside)},
        {"path": str(outside), "is_stream": True},
        {"path": str(link)},
        {"path": str(link), "meta": MARK},
    ):
        status, said = ask(client, chest, [given, "", "", False, False, False])
        assert (status, "picture" in said) == (500, True)


def test_a_fault_of_ours_is_logged_in_full_and_told_without_its_words(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*given: Any) -> None:
        raise ZeroDivisionError("secret of the machine")

    monkeypatch.setattr("core.ui.widgets.frame.choose_predictor", fail)
    chest = next(each for each in asked(client, public=True) if each.api_name == "chest")
    status, said = ask(client, chest, [{"path": upload(client, tmp_path), "meta": MARK}, "", "", False, False, False])
    assert (status, "secret" in said, "ZeroDivisionError" in said) == (500, False, True)
    log = capfd.readouterr().err
    assert "Traceback" in log
    assert "in fail" in log
    assert "ZeroDivisionError: secret" in log
