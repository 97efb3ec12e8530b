"""Wrong and unusual files give one clear sentence or the right result: in the command line, the API and the widget."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from core.cli import main
from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.inference.checkpoints import read_checkpoint, shipped_checkpoints
from core.inference.predictors.kinds import load_predictor
from core.ui.widgets.frame import EMPTY, FAILED
from tests.e2e.serving import PATIENCE, Server, Tab
from tests.e2e.wrong_files import READ, REFUSED, write_all
from tests.inference.untrained import record_untrained

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.filterwarnings("default")]
VERB = find_experiment("vessels").verb
ONE_OF_EACH = ("text.png", "huge.png", "deep.png")
"""What is no picture, what is too large, and what is read with a note."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_all(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shipped network that looks at each picture once and at its own size: a file is read no other way for that."""
    shipped = shipped_checkpoints("vessels")[0]
    folder = tmp_path_factory.mktemp("model") / "quick"
    copytree(shipped.folder, folder)
    quick = {"diameter": 0, "test_flips": False, "precision": "fp32", "memory_format": "contiguous"}
    card = shipped.card | {"config": shipped.card["config"] | quick}
    save_checkpoint(folder, load_predictor(shipped, device="cpu").task.parts(), card)
    return folder


def test_in_the_command_line(files: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(model), *(str(files / name) for name in (*REFUSED, *READ)), "--json"]) == 2
    rows = {Path(row["image"]).name: row for row in json.loads(capsys.readouterr().out)["predictions"]}
    for name, said in REFUSED.items():
        assert said in rows[name]["error"], name
    for name, said in READ.items():
        assert said in " ".join(rows[name]["notes"]), name
        assert rows[name]["share"] == pytest.approx(rows["plain.png"]["share"], abs=0.01), name
    assert (rows["turned.jpg"]["width"], rows["turned.jpg"]["height"]) == (240, 230)


def test_through_the_api(files: Path, model: Path, server: Server) -> None:
    client = Client(f"{server.url}/gradio/", verbose=False, httpx_kwargs={"timeout": PATIENCE})
    run = record_untrained(read_checkpoint("quick", model))

    def ask(name: str) -> tuple[str, str]:
        _, _, share, _, said, *_ = client.predict(handle_file(files / name), run, 0.5, api_name="/vessels")
        return share, said

    for name, sentence in REFUSED.items():
        with pytest.raises(AppError) as refusal:
            ask(name)
        assert sentence in str(refusal.value), name
    plain = float(ask("plain.png")[0].split()[0])
    for name, sentence in READ.items():
        share, said = ask(name)
        assert sentence in said, name
        assert float(share.split()[0]) == pytest.approx(plain, abs=1.0), name


@pytest.mark.browser
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(ONE_OF_EACH, id="one of each"),
        pytest.param(
            [name for name, said in (REFUSED | READ).items() if said and name not in ONE_OF_EACH], id="the rest",
            marks=pytest.mark.exhaustive,
        ),
    ],
)  # fmt: skip
def test_in_the_embedded_widget(names: list[str], files: Path, tab: Tab) -> None:
    page = tab.open("/predict?experiment=vessels")
    whole = page.frame_locator("iframe")
    frame = whole.get_by_role("tabpanel").filter(visible=True).first
    expect(frame.get_by_role("button", name=VERB)).to_be_visible()
    frame.locator("input[type=file]").first.set_input_files(files / "plain.png")
    share = frame.locator(".share").locator("input, textarea")
    expect(share).not_to_have_value("")
    before = share.input_value()
    assert before.endswith(" %")
    frame.get_by_role("spinbutton").first.fill("0.9")
    frame.get_by_role("spinbutton").first.press("Enter")
    expect(share).not_to_have_value(before)
    assert float(share.input_value().split()[0]) < float(before.split()[0])
    for name in names:
        frame.get_by_label("Remove Image").or_(frame.get_by_label("Clear")).first.click()
        expect(frame.get_by_text("Drop Image Here").first, name).to_be_visible()
        expect(frame.get_by_text(EMPTY).first, name).to_be_visible()
        frame.locator("input[type=file]").first.set_input_files(files / name)
        sentence = whole.get_by_text((REFUSED | READ)[name]).filter(visible=True).first
        expect(sentence, name).to_be_visible()
        assert (share.input_value() == "") is (name in REFUSED), name
    assert tab.foreign == []


@pytest.mark.browser
def test_an_example_is_predicted_on_a_phone_and_a_wrong_file_leaves_no_answer(
    open_tab: Callable[..., Tab], server: Server, files: Path
) -> None:
    tab = open_tab(server, width=390, height=844)
    page = tab.open("/gradio/?experiment=vessels")
    page.get_by_role("button", name=VERB).wait_for()
    page.locator(".gallery-item").filter(visible=True).first.click()
    panel = page.get_by_role("tabpanel").filter(visible=True).first
    expect(panel.locator(".share").locator("input, textarea")).not_to_have_value("")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    unseen = "[...document.images].filter(each => each.complete && !each.naturalWidth).map(each => each.src)"
    assert page.evaluate(unseen) == []
    beneath = """[...document.querySelectorAll('.block > label')].filter(label => label.offsetParent &&
        [...label.parentElement.querySelectorAll('.image-container img')].some(each =>
            each.getBoundingClientRect().top + 1 < label.getBoundingClientRect().bottom)).map(each => each.innerText)"""
    assert page.evaluate(beneath) == [], "labels that lie over a picture"
    picture = page.locator(".slider-wrap").filter(visible=True)
    label = page.locator(".block").filter(has=picture).locator("label").filter(visible=True).first
    expect(label).to_be_in_viewport()
    above, beneath_it = label.bounding_box(), picture.bounding_box()
    assert above is not None
    assert beneath_it is not None
    assert above["y"] + above["height"] <= beneath_it["y"] + 1, "the label lies over the picture"
    measured = panel.locator(".notes strong").filter(visible=True).first
    before = measured.inner_text()
    page.get_by_role("slider").filter(visible=True).first.press("PageUp")
    expect(measured).not_to_have_text(before)
    panel.get_by_label("Remove Image").or_(panel.get_by_label("Clear")).first.click()
    panel.locator("input[type=file]").first.set_input_files(files / next(iter(REFUSED)))
    expect(page.get_by_text(FAILED)).to_be_visible()
    expect(measured).not_to_be_visible()
