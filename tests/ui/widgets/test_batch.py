"""Many pictures at once: what stands first on the page, what is counted, and what a public server keeps to itself."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.paths import PROJECT
from core.ui.widgets.tabs import batch
from core.ui.widgets.tabs.batch import FIRST, WIDTHS
from tests.pages.opened_pages import numbers
from tests.ui.widgets.all_tabs import ask

EXAMPLE = "drawn_1_scratches.jpg"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A picture that the model of steel knows, one in colours that it does not, and one that is none."""
    folder = tmp_path_factory.mktemp("many")
    doubted, broken = folder / "cat.png", folder / "text.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)).save(doubted)
    broken.write_text("Dear all")
    sound = PROJECT / "assets" / "examples" / "aoi" / EXAMPLE
    return {"sound": str(sound), "doubted": str(doubted), "broken": str(broken)}


def answer(demo: gr.Blocks, files: dict[str, str], *names: str) -> tuple[list[dict[str, str]], str, dict[str, Any]]:
    """Return the rows of the table to take away, what is said, and what is shown."""
    table, masks, said, shown = ask(demo, "batch", [files[each] for each in names], "aoi", "aoi/neu")
    assert masks is None, "classes are no pictures"
    return list(csv.DictReader(Path(table).read_text().splitlines())), said, shown


def test_the_answer_stands_before_its_reasons_and_these_before_all_else(demo: gr.Blocks, files: dict[str, str]) -> None:
    rows, _, shown = answer(demo, files, "sound", "doubted", "broken")
    assert shown["headers"][:5] == ["image", "class", "error", "warning", "probability"]
    sound, doubted, broken = shown["data"]
    assert sound[:4] == [EXAMPLE, "scratches", "", ""]
    assert 0 < sound[4] <= 1
    assert (doubted[0], bool(doubted[1]), doubted[2], bool(doubted[3])) == ("cat.png", True, "", True)
    assert broken == ["text.png", "", rows[2]["error"], *[""] * (len(broken) - 3)]
    assert "text.png" in rows[2]["error"]
    assert answer(demo, files, "broken", "sound")[2]["headers"][:4] == ["image", "class", "error", "warning"]
    assert len(WIDTHS) > len(shown["headers"]) > len({*FIRST} - {"share", "psnr"}), "a kind has one of the answers"


@pytest.mark.parametrize(
    ("names", "counted"),
    [
        (["sound"], [1, 1]),
        (["sound", "doubted", "broken"], [2, 3, 1, 1]),
        (["doubted", "doubted"], [2, 2, 2]),
    ],
)
def test_what_was_refused_and_what_is_doubted_is_counted(
    demo: gr.Blocks, files: dict[str, str], names: list[str], counted: list[float]
) -> None:
    assert numbers(answer(demo, files, *names)[1]) == counted


def test_the_table_that_is_taken_away_tells_no_place_of_a_public_server(
    demo: gr.Blocks, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Iterator[tuple[dict[str, Any], str]]:
        yield {"image": "a.png", "error": f"{home / 'artifacts' / 'mask.png'} is damaged."}, ""

    class Kind:
        kind = "classification"

    monkeypatch.setattr(batch, "choose_predictor", lambda *_: Kind())
    monkeypatch.setattr(batch, "predict_many", refuse)
    for public in ("0", "1"):
        monkeypatch.setenv("FOVEA_PUBLIC", public)
        table, _, _, shown = ask(demo, "batch", ["a.png"], "vessels", "")
        for text in (Path(table).read_text(), str(shown)):
            assert "/artifacts/mask.png is damaged." in text
            assert (str(home) in text) is (public == "0")
