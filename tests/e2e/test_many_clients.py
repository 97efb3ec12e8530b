"""Many programs at once: right answers to each, a place in the queue, nobody held up by another's long work."""

import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from benchmarks.many_clients import CLOSE, EXPERIMENT, ask, differ, draw, record_model
from core.paths import PROJECT
from tests.e2e.serving import PATIENCE, Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.filterwarnings("default")]
EYE = PROJECT / "assets" / "examples" / "vessels" / "drawn_1.jpg"


def connect(server: Server) -> Client:
    return Client(f"{server.url}/gradio/", verbose=False, httpx_kwargs={"timeout": PATIENCE})


@pytest.mark.parametrize(("count", "each"), [(3, 1), pytest.param(8, 2, marks=pytest.mark.exhaustive)])
def test_each_client_gets_the_answer_to_its_own_picture_while_the_page_still_comes(
    count: int, each: int, server: Server, tmp_path: Path
) -> None:
    model, pictures = record_model(), draw(tmp_path, count)
    clients = [connect(server) for _ in pictures]
    known = [ask(clients[0], picture, model) for picture in pictures]
    assert min(differ(known[0], other) for other in known[1:]) > 10 * CLOSE
    with ThreadPoolExecutor(len(clients)) as pool:
        pairs = zip(clients, pictures, strict=True)
        asked = pool.map(lambda pair: [ask(*pair, model) for _ in range(each)], pairs)
        assert httpx.get(server.url, timeout=PATIENCE).status_code == 200
        told = list(asked)
    for own, answers in zip(known, told, strict=True):
        assert all(differ(own, answer) <= CLOSE for answer in answers)


def test_a_long_request_holds_up_no_other_experiment_and_who_waits_is_told_the_place(
    server: Server, tmp_path: Path
) -> None:
    client, model, picture = connect(server), record_model(), draw(tmp_path, 1)[0]
    ask(client, picture, model)  # loads the network
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(12):
            archive.write(EYE, f"{number}.jpg")
    long = client.submit([handle_file(tmp_path / "many.zip")], "vessels", "vessels/chase", api_name="/batch")
    waiting = [connect(server).submit(handle_file(EYE), "vessels/chase", 0.5, api_name="/vessels") for _ in range(5)]
    ranks: set[int | None] = set()
    while not all(each.done() for each in waiting) and not ranks & {1, 2, 3}:
        ranks |= {each.status().rank for each in waiting}
        time.sleep(0.1)
    assert ask(client, picture, model)
    assert not long.done()
    assert ranks & {1, 2, 3}
    for each in (*waiting, long):
        each.cancel()
    assert EXPERIMENT != "vessels"
