"""Many pictures at once: what stands first on the page, what is counted, and what a public server keeps to itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.ui import batch_demo
from core.ui.batch_demo import FIRST, WIDTHS, _Done, _predict

SOUND = {
    "image": "a.png", "width": 8, "height": 8, "class": "void", "label": 1,
    "probabilities": {"normal": 0.2, "void": 0.8}, "notes": ["Turned."], "warning": "",
}  # fmt: skip
DOUBTED = SOUND | {"image": "b.png", "warning": "This does not look like an inspection picture: it has colours."}
BROKEN = {"image": "c.png", "error": '"c.png" is empty.'}


def test_the_answer_stands_before_its_reasons_and_these_before_all_else() -> None:
    shown = _Done([SOUND, DOUBTED, BROKEN], None).shown[1]
    assert shown["headers"] == ["image", "class", "error", "warning", "probability", "width", "height", "label"]
    assert shown["data"][0][:5] == ["a.png", "void", "", "", 0.8]
    assert shown["data"][2] == ["c.png", "", BROKEN["error"], "", "", "", "", ""]
    broken_first = _Done([BROKEN, SOUND], None).shown[1]
    assert broken_first["headers"][:4] == ["image", "class", "error", "warning"]
    assert len(WIDTHS) > len(shown["headers"]) > len({*FIRST} - {"share", "psnr"}), "a kind has one of the answers"


def test_what_was_refused_and_what_is_doubted_is_counted() -> None:
    said = {
        "1 of 1 pictures were predicted.": [SOUND],
        "2 of 3 pictures were predicted. 1 could not be: the column error says why. "
        "1 looks wrong for this model: the column warning says why.": [SOUND, DOUBTED, BROKEN],
        "2 of 2 pictures were predicted. 2 look wrong for this model: the column warning says why.": [DOUBTED, DOUBTED],
    }
    for sentence, rows in said.items():
        assert _Done(rows, None).shown[0] == sentence


def test_the_table_that_is_taken_away_tells_no_place_of_a_public_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Iterator[tuple[dict[str, Any], str]]:
        yield {"image": "a.png", "error": f"{home / 'artifacts' / 'mask.png'} is damaged."}, ""

    class Kind:
        kind = "classification"

    monkeypatch.setattr(batch_demo, "choose_predictor", lambda *_: Kind())
    monkeypatch.setattr(batch_demo, "predict_many", refuse)
    for public, shown in (("0", str(home)), ("1", "(runs)")):
        monkeypatch.setenv("FOVEA_PUBLIC", public)
        done = _predict(["a.png"], "vessels", "", lambda *_, **__: None)
        assert f"{shown}/artifacts/mask.png is damaged." in done.table
        assert f"{shown}/artifacts/mask.png is damaged." in str(done.shown)
