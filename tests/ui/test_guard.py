"""Whose requests are answered: by Host, by Origin, and by how much they bring."""

from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.public import MIB, public_limits
from core.ui import guard
from core.ui.guard import Guard, is_known, is_own, say_open


async def _echo(request: Request) -> Response:
    forwarded = request.headers.get("x-forwarded-host", "none")
    return PlainTextResponse(f"{len(await request.body())} {forwarded}")


async def _upload(request: Request) -> Response:
    async with request.form() as form:
        return PlainTextResponse(str(len(form.getlist("files"))))


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("open")
    await socket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/", _echo, methods=["GET", "POST"]),
        Route("/gradio/gradio_api/upload", _upload, methods=["POST"]),
        Route("/gradio/call", _echo, methods=["GET", "POST"]),
        WebSocketRoute("/stream", _socket),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)])
    return TestClient(app, base_url="http://localhost:8501", headers={"host": "localhost:8501"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8501",
        "127.0.0.1:8501",
        "[::1]:8501",
        "10.0.0.7:80",
        "a.localhost",
        "LOCALHOST.",
        "LocalHost.:8501",
        "localhost:",
        "[::1]",
        "[FE80::1]:80",
        "127.0.0.1.",
    ],
)
def test_addresses_and_the_local_name_are_known(host: str, client: TestClient) -> None:
    assert is_known(host)
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example:8501",
        "127.0.0.1.nip.io",
        "",
        "a b",
        "user@localhost",
        "[::1",
        "::1",
        "[::1]evil",
        "[::1];x",
        "[localhost]",
        "localhost..",
        ".",
        ":8501",
        "localhost:port",
        "localhost:99999",
        "localhost:80:80",
        "localhost,evil.example",
        "x" * 5000,
    ],
)
def test_a_name_that_somebody_made_point_here_is_refused(host: str, client: TestClient) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "FOVEA_HOSTS" in answer.text
    assert len(answer.text) < 300


def test_of_two_hosts_none_is_believed(client: TestClient) -> None:
    for second in ("evil.example", "localhost:8501"):
        twice = [("host", "localhost:8501"), ("host", second)]
        request = client.build_request("GET", "/")
        request.headers = httpx.Headers(twice)
        assert client.send(request).status_code == 400


def test_of_two_origins_both_must_be_own(client: TestClient) -> None:
    own = ("origin", "http://localhost:8501")
    assert client.get("/", headers=[own, ("origin", "http://evil.example")]).status_code == 403  # type: ignore[arg-type]
    assert client.get("/", headers=[own]).status_code == 200  # type: ignore[arg-type]


def test_further_names_are_given_by_the_environment(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_HOSTS", "lab.example, Other.example.")
    monkeypatch.setenv("SPACE_HOST", "me-fovea.hf.space")
    for host in ("lab.example:443", "lab.example.", "OTHER.example", "me-fovea.hf.space"):
        assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("http://localhost:8501", True),
        ("http://LOCALHOST.:8501", True),
        ("http://localhost:3000", False),
        ("https://evil.example", False),
        ("null", False),
        ("http://127.0.0.1:8501", False),
        ("http://[broken", False),
        ("file://", False),
    ],
)
def test_a_page_of_another_site_may_not_use_the_server(origin: str, own: bool, client: TestClient) -> None:
    assert is_own(origin, "localhost:8501") is own
    for method in ("GET", "POST"):
        assert client.request(method, "/", headers={"origin": origin}).status_code == (200 if own else 403)
    headers = {"origin": origin, "host": "localhost:8501"}
    if own:
        with client.websocket_connect("ws://localhost:8501/stream", headers=headers) as socket:
            assert socket.receive_text() == "open"
    else:
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("ws://localhost:8501/stream", headers=headers),
        ):
            pass


def test_a_proxy_may_ask_under_a_name_of_its_own(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.post("/", headers={"origin": "https://lab.example"}).status_code == 403
    monkeypatch.setenv("FOVEA_HOSTS", "lab.example")
    assert client.post("/", headers={"origin": "https://lab.example"}).status_code == 200


def test_pages_elsewhere_may_call_the_api_of_a_public_server_alone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"origin": "https://elsewhere.example"}
    assert client.post("/gradio/call", headers=headers).status_code == 403
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    assert client.post("/gradio/call", headers=headers).status_code == 200
    assert client.post("/", headers=headers).status_code == 403


def test_no_foreign_name_is_passed_on_to_make_links_of(client: TestClient) -> None:
    assert client.get("/", headers={"x-forwarded-host": "evil.example"}).text.endswith("none")
    assert client.get("/", headers={"x-forwarded-host": "localhost"}).text.endswith("localhost")
    two = [("x-forwarded-host", "localhost"), ("x-forwarded-host", "evil.example")]
    assert client.get("/", headers=two).text.endswith("none")  # type: ignore[arg-type]


def test_every_answer_says_what_a_page_may_load_and_who_may_frame_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = client.get("/").headers
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert not [each for each in policy.values() if "*" in each or "http:" in each or "https:" in each]
    assert headers["x-content-type-options"] == "nosniff"
    monkeypatch.setenv("SPACE_ID", "me/fovea")
    assert "https://huggingface.co" in client.get("/").headers["content-security-policy"]


def _files(count: int, size: int) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (f"{number}.png", bytes(size))) for number in range(count)]


def test_a_public_server_takes_so_many_files_and_bytes_at_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/gradio/gradio_api/upload"
    assert client.post(path, files=_files(60, 10)).text == "60", "nothing is counted where visitors are trusted"
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    limits = public_limits()
    assert limits
    assert client.post(path, files=_files(limits.upload_pictures, 10)).text == str(limits.upload_pictures)
    answer = client.post(path, files=_files(limits.upload_pictures + 1, 10))
    assert (answer.status_code, str(limits.upload_pictures) in answer.text) == (413, True)
    large = limits.upload_all_bytes + 2 * MIB
    assert client.post("/", content=_pieces(large)).status_code == 413, "no length was told"
    assert client.post("/", content=b"a", headers={"content-length": str(large)}).status_code == 413


def _pieces(size: int) -> "Callable[[], object]":
    return (bytes(MIB) for _ in range(size // MIB))  # type: ignore[return-value]


def test_a_full_folder_of_uploads_takes_no_more(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("uploads")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    monkeypatch.setattr(guard, "LOOK_SECONDS", -1.0)
    path = "/gradio/gradio_api/upload"
    assert client.post(path, files=_files(1, 10)).status_code == 200
    limits = public_limits()
    assert limits
    with (folder / "large").open("wb") as file:
        file.truncate(limits.stored_bytes + 1)
    assert client.post(path, files=_files(1, 10)).status_code == 507


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_server_for_this_machine_alone_says_nothing(address: str) -> None:
    assert not list(say_open(address, 8501))


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "10.0.0.7"])
def test_an_open_server_says_what_it_lets_others_do(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = " ".join(say_open(address, 8501))
    assert "8501" in said
    assert "FOVEA_PUBLIC" in said
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    assert said != " ".join(say_open(address, 8501))
