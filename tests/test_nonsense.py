"""Nonsense at every entry: never a traceback, never a wait, always a sentence and the right exit status.

The inputs are drawn from words that have broken programs before, from a fixed seed: 500 over command line, pages,
addresses, stored runs, cards, environment and API.
"""

import json
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import gradio as gr
import pytest
import torch
from mlflow.entities import RunTag
from mlflow.tracking import MlflowClient
from safetensors.torch import save_file

from core.cli import main
from core.experiments import catalogue
from core.runs.store.run_store import RunStore
from core.ui.widgets.app import build_demo
from tests.pages.opened_pages import open_page

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
SECONDS = 5
"""Longer than this, and it counts as a hang."""
WORDS = (
    "",
    " ",
    "-",
    "--",
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "9" * 40,
    "0x10",
    "½",
    "٣",
    "None",
    "true",
    "[]",
    '{"a":',
    "null",
    "a" * 5000,
    "\0",
    "a\nb",
    "\udce4",
    "🩻",
    "\u202eabc",
    "..",
    "../../../etc/passwd",
    "/",
    "/dev/null",
    "/proc",
    "/proc/self/mem",
    "~nobody-there",
    "C:\\x",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "%2e%2e%2f",
    "%00",
    "$(id)",
    "'; drop table runs; --",
    "<script>alert(1)</script>",
    "![a](http://b.example/c.png)",
    ":red[a]",
    "vessels/../chest",
    "*",
    "?",
    "#",
    "a=b",
    "=",
    "synthetic ",
    "SYNTHETIC",
    "core",
    "__init__",
    "[" * 2000,
)
SENDABLE = tuple(word for word in WORDS if word.encode(errors="ignore").decode() == word)
"""What a browser can send in an address."""
COMMANDS = (
    "{}",
    "train {}",
    "train vessels --arm {}",
    "train vessels --recipe {}",
    "train vessels --data {}",
    "train pets --set {}",
    "train pets --set epochs={}",
    "train vessels --set learning_rate={}",
    "train aoi --seed {}",
    "train byol --set backbone_from={}",
    "estimate x{}",
    "estimate chest --data x{}",
    "runs {}",
    "show {}",
    "stop {}",
    "kill {}",
    "resume {}",
    "extend {} --epochs {}",
    "delete {}",
    "restore {}",
    "compare {} {}",
    "compare {} --split {}",
    "study {}",
    "study pets-encoders --seeds {}",
    "study pets-encoders --data {}",
    "study pets-encoders --share {}",
    "study pets-encoders --set {}",
    "evaluate {}",
    "evaluate vessels/chase --data {}",
    "evaluate vessels/chase --split {}",
    "predict {} {}",
    "predict vessels/chase {}",
    "export {} --onnx {}",
    "export {} --folder {}",
    "data {}",
    "data make {} --out {}",
    "data make vessels --out x --n {}",
    "data place x{}",
    "data place aoi --data x{}",
    "work {}",
)
ADDRESSES = {
    "home": ("experiment",),
    "train": ("experiment", "arm", "recipe", "data", "seed", "epochs"),
    "runs": ("run", "run-tab"),
    "compare": ("study", "runs", "ask", "sides-tab"),
    "inspect": ("run", "split", "picture"),
    "reports": ("study", "runs"),
    "predict": ("run", "experiment"),
    "system": ("tab",),
}
VARIABLES = ("FOVEA_SLOTS", "FOVEA_FORK_MINUTES", "FOVEA_HOSTS", "FOVEA_PUBLIC", "FOVEA_MCP")
TAGS = (
    "slug",
    "config",
    "progress",
    "best",
    "best_epoch",
    "worker",
    "attempt",
    "order",
    "ended",
    "earlier",
    "study.x-1",
)


@contextmanager
def in_time() -> Iterator[None]:
    def give_up(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no answer within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def drawn(seed: str, count: int) -> Iterator[random.Random]:
    for number in range(count):
        yield random.Random(f"{seed}-{number}")


@pytest.fixture
def store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A home in which nothing starts, and a folder to write nonsense into."""
    monkeypatch.setenv("FOVEA_FORK_MINUTES", "0")
    monkeypatch.setattr("core.runs.queue.slot_count", lambda: 0)
    monkeypatch.chdir(tmp_path)
    return RunStore()


def test_commands(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    for rng in drawn("commands", 220):
        words = [word.replace("{}", rng.choice(WORDS)) for word in rng.choice(COMMANDS).split()]
        with in_time():
            status = main(words)
        told = capsys.readouterr()
        assert status in (0, 2), words
        assert "Traceback" not in told.err, words
        if status:
            assert 1 <= len(told.err.strip().splitlines()) <= 3, (words, told.err)
            assert len(told.err) < 1500, words
        for run in store.unfinished():
            store.request_stop(run.id)


def test_addresses_of_pages(store: RunStore) -> None:
    for rng in drawn("addresses", 80):
        page = rng.choice(list(ADDRESSES))
        asked: dict[str, Any] = {name: rng.choice(SENDABLE) for name in ADDRESSES[page] if rng.random() < 0.7}
        with in_time():
            open_page(page, **asked)


def test_the_field_of_a_folder(store: RunStore) -> None:
    for rng in drawn("data", 30):
        with in_time():
            app = open_page("train", experiment=rng.choice(list(catalogue())), data=rng.choice(SENDABLE))
        assert not [each for each in app.error if "Traceback" in each.value]


def test_stored_runs(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    client, config = MlflowClient(store.uri), catalogue()["vessels"].config(recipe="quick").as_values()
    for rng in drawn("stored", 60):
        run = store.create("vessels", config)
        value = rng.choice((*WORDS, json.dumps({"arm": rng.choice(WORDS[:20])}), "[[1, 2]]", "-7", '{"x": null}'))
        client.log_batch(run.id, tags=[RunTag(f"fovea.{rng.choice(TAGS)}", value.encode(errors="replace").decode())])
        if rng.random() < 0.5:
            client.set_terminated(run.id, "FINISHED")
    assert len(store.runs()) == 60
    for words in (["runs"], ["runs", "--json"], ["study", "list"]):
        with in_time():
            assert main(words) == 0
    for run in store.runs()[:12]:
        with in_time():
            assert main(["show", run.short_id]) == 0
            open_page("runs", run=run.short_id)
    for page in ("home", "runs", "compare", "inspect", "reports", "system"):
        with in_time():
            open_page(page)
    capsys.readouterr()


def test_cards(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = {"experiment": "chest", "config": catalogue()["chest"].config(recipe="quick").as_values(), "traits": {}}
    for number, rng in enumerate(drawn("cards", 50)):
        card: Any = json.loads(json.dumps(whole))
        place = rng.choice((card, card["config"], card["traits"]))
        place[rng.choice([*place, "classes", "calibration", "borrowed", "temperature"])] = rng.choice(
            (
                None,
                0,
                -1.5,
                True,
                [],
                {},
                [[1]],
                {"a": {}},
                *(word for word in WORDS if word.isascii()),
            )
        )
        folder = tmp_path / str(number)
        folder.mkdir()
        text = json.dumps(card) if rng.random() < 0.8 else rng.choice(WORDS).encode(errors="replace").decode()
        save_file({"network.weight": torch.zeros(1)}, folder / "weights.safetensors", metadata={"card": text})
        with in_time():
            assert main(["predict", str(folder), "core/none.png"]) == 2, card
        assert capsys.readouterr().err.count("\n") <= 3


def test_variables(store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for rng in drawn("variables", 30):
        value = rng.choice([word for word in WORDS if "\0" not in word])
        with monkeypatch.context() as patch, in_time():
            patch.setenv(rng.choice(VARIABLES), value)
            assert main(["runs"]) in (0, 2)
            open_page("system")
        capsys.readouterr()


def test_functions_of_the_api(store: RunStore) -> None:
    """What a program gives is no picture, no model and no number; uploads are another test's."""
    demo = build_demo()
    named: dict[str, Callable[..., Any]] = {str(each.api_name): each.fn for each in demo.fns.values() if each.fn}
    odd: tuple[Any, ...] = (None, 0, -1, 1e999, True, [], {}, [None], {"path": 7}, *WORDS)
    for rng in drawn("api", 40):
        name = rng.choice([*catalogue(), "batch"])
        count = len(demo.fns[next(key for key, each in demo.fns.items() if each.api_name == name)].inputs)
        given = [None if place == 0 else rng.choice(odd) for place in range(count)]
        with in_time(), pytest.raises(gr.Error) as refusal:
            named[name](*given)
        assert str(refusal.value.message if hasattr(refusal.value, "message") else refusal.value), (name, given)
