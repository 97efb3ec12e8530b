"""A visitor of a public server has a share of uploads and trainings, and leaves the rest to others."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from core import public
from core.errors import UserError
from core.experiments import find_experiment
from core.public import MIB, public_limits
from core.runs.run import FINISHED
from core.runs.store.run_store import RunStore
from core.ui.guard import Guard
from core.ui.shared.visitors import UNKNOWN, Visitors, address_of
from core.ui.views import ownership
from core.ui.views.ownership import fair_share, note_own

ONE, OTHER = "203.0.113.7", "198.51.100.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("203.0.113.7", ["8.8.8.8"], "203.0.113.7"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", [], "2001:db8:1:2::/64"),
        (None, [], UNKNOWN),
        ("testclient", [], UNKNOWN),
    ],
)
def test_an_address_that_a_visitor_claims_is_not_believed(peer: str | None, forwarded: list[str], told: str) -> None:
    assert address_of(peer, forwarded) == told


@pytest.mark.parametrize(
    ("forwarded", "told"),
    [
        (["1.1.1.1, 8.8.8.8"], "8.8.8.8"),
        (["1.1.1.1", "8.8.8.8"], "8.8.8.8"),
        (["1.1.1.1, 8.8.8.8, 10.0.3.4"], "8.8.8.8"),
        (["made up, 10.0.3.4"], "10.16.0.1"),
        (["8.8.8.8, made up"], "10.16.0.1"),
        ([], "10.16.0.1"),
        ([""], "10.16.0.1"),
    ],
)
def test_on_a_space_the_last_address_that_is_no_proxys_counts(
    forwarded: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "me/fovea")
    assert address_of("10.16.0.1", forwarded) == told


def test_so_many_visitors_are_remembered_and_each_begins_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    known: Visitors[int] = Visitors(int, most=10, window=100)
    for number in range(1000):
        known.change(str(number), lambda used: used + 1)
    assert len(known) == 10
    assert (known.used("999"), known.used("0")) == (1, 0)
    later = 1e9
    monkeypatch.setattr("core.ui.shared.visitors.time.monotonic", lambda: later)
    assert known.used("999") == 0


def test_no_change_is_lost_between_threads() -> None:
    known: Visitors[int] = Visitors(int)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: known.change("one", lambda used: used + 1), range(400)))
    assert known.used("one") == 400


async def _upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def visit(app: Any, address: str) -> TestClient:
    return TestClient(app, base_url="http://localhost", client=(address, 5000))


def test_a_visitors_uploads_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Starlette(
        routes=[Route("/gradio/gradio_api/upload", _upload, methods=["POST"])], middleware=[Middleware(Guard)]
    )
    path = "/gradio/gradio_api/upload"
    private = visit(app, ONE)
    assert [private.post(path, content=bytes(2 * MIB)).status_code for _ in range(4)] == [200] * 4
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    limits = dataclasses.replace(public.PublicLimits(), visitor_bytes=5 * MIB)
    monkeypatch.setattr("core.ui.guard.public_limits", lambda: limits)
    first, second = visit(app, ONE), visit(app, OTHER)
    forged = {"x-forwarded-for": "192.0.2.1"}
    answers = [first.post(path, content=bytes(2 * MIB), headers=forged) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 413, 413]
    assert " 5 MiB" in answers[-1].text
    assert second.post(path, content=bytes(2 * MIB)).status_code == 200


@pytest.fixture
def visitors(home: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return who asks, to be changed."""
    monkeypatch.setenv("FOVEA_PUBLIC", "1")
    asking = {"address": ONE}
    monkeypatch.setattr(ownership, "visitor", lambda: asking["address"])
    monkeypatch.setattr(ownership.st, "session_state", {})
    ownership.known_runs.cache_clear()
    return asking


def start(store: RunStore, seed: int, count: int = 1) -> Any:
    with fair_share(store, count):
        run = store.create("vessels", find_experiment("vessels").config(recipe="quick", seed=seed).as_values())
        note_own(run)
    return run


def test_a_visitors_trainings_leave_room_for_others(visitors: dict[str, str]) -> None:
    store, limits = RunStore(), public_limits()
    assert limits
    assert limits.visitor_runs < limits.unfinished_runs
    runs = [start(store, seed) for seed in range(limits.visitor_runs)]
    with pytest.raises(UserError, match=f"{limits.visitor_runs} "):
        start(store, 8)
    visitors["address"] = OTHER
    with pytest.raises(UserError, match=f"{limits.visitor_runs + 1} "):
        start(store, 9, count=limits.visitor_runs + 1)
    start(store, 10)
    visitors["address"] = ONE
    store.start(runs[0].id)
    store.finish(runs[0].id, FINISHED, "All epochs are done.")
    start(store, 11)


def test_of_trainings_that_a_visitor_starts_at_once_no_more_come_in(visitors: dict[str, str]) -> None:
    store, limits = RunStore(), public_limits()
    assert limits

    def try_to_start(seed: int) -> bool:
        try:
            return bool(start(store, seed))
        except UserError:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(try_to_start, range(6))) == limits.visitor_runs
