"""Wrong and unusual files give one clear sentence or the right result: in the command line, the API and the widget."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from core.inference.checkpoints import shipped_checkpoints
from core.paths import PROJECT
from tests.e2e.serving import PATIENCE, Server, Tab
from tests.e2e.wrong_files import READ, REFUSED, write_all

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers"), pytest.mark.filterwarnings("default")]
MODEL = shipped_checkpoints("vessels")[0].name


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_all(folder)
    return folder


def test_in_the_command_line(files: Path) -> None:
    names = [*REFUSED, *READ]
    words = [sys.executable, "-m", "core", "predict", MODEL, *(str(files / name) for name in names), "--json"]
    ended = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    rows = {Path(row["image"]).name: row for row in json.loads(ended.stdout)["predictions"]}
    for name, said in REFUSED.items():
        assert said in rows[name]["error"], name
    for name, said in READ.items():
        assert said in " ".join(rows[name]["notes"]), name
        assert rows[name]["share"] == pytest.approx(rows["plain.png"]["share"], abs=0.03), name
    assert (rows["turned.jpg"]["width"], rows["turned.jpg"]["height"]) == (240, 230)


def test_through_the_api(files: Path, server: Server) -> None:
    client = Client(f"{server.url}/gradio/", verbose=False, httpx_kwargs={"timeout": PATIENCE})

    def ask(name: str) -> tuple[str, str]:
        _, _, share, _, said, *_ = client.predict(handle_file(files / name), MODEL, 0.5, api_name="/vessels")
        return share, said

    for name, sentence in REFUSED.items():
        with pytest.raises(AppError) as refusal:
            ask(name)
        assert sentence in str(refusal.value), name
    plain = float(ask("plain.png")[0].split()[0])
    for name, sentence in READ.items():
        share, said = ask(name)
        assert sentence in said, name
        assert float(share.split()[0]) == pytest.approx(plain, abs=3.0), name


@pytest.mark.browser
def test_in_the_embedded_widget(files: Path, tab: Tab) -> None:
    page = tab.open("/predict?experiment=vessels")
    whole = page.frame_locator("iframe")
    frame = whole.get_by_role("tabpanel").filter(visible=True).first
    expect(frame.get_by_role("button", name="Find the vessels")).to_be_visible(timeout=1000 * PATIENCE)
    frame.locator("input[type=file]").first.set_input_files(files / "plain.png")
    expect(frame.get_by_text(" ms: read")).to_be_visible(timeout=1000 * PATIENCE)
    share = frame.get_by_label("Vessel share of the field of view")
    before = share.input_value()
    assert before.endswith(" %")
    frame.get_by_role("spinbutton").first.fill("0.9")
    frame.get_by_role("spinbutton").first.press("Enter")
    expect(share).not_to_have_value(before)
    assert float(share.input_value().split()[0]) < float(before.split()[0])
    for name, sentence in {**REFUSED, **{name: said for name, said in READ.items() if said}}.items():
        frame.get_by_label("Remove Image").or_(frame.get_by_label("Clear")).first.click()
        expect(frame.get_by_text("Drop Image Here").first, name).to_be_visible(timeout=1000 * PATIENCE)
        expect(frame.get_by_text("Give a picture").first, name).to_be_visible(timeout=1000 * PATIENCE)
        frame.locator("input[type=file]").first.set_input_files(files / name)
        expect(whole.get_by_text(sentence).filter(visible=True).first, name).to_be_visible(timeout=1000 * PATIENCE)
    assert tab.foreign == []


@pytest.mark.browser
def test_an_example_is_predicted_on_a_phone_and_a_wrong_file_leaves_no_answer(
    open_tab: Callable[..., Tab], files: Path
) -> None:
    tab = open_tab(width=390, height=844)
    page = tab.open("/gradio/?experiment=vessels")
    page.get_by_role("button", name="Find the vessels").wait_for(timeout=1000 * PATIENCE)
    page.locator(".gallery-item").filter(visible=True).first.click(timeout=1000 * PATIENCE)
    expect(page.get_by_text(" ms: read")).to_be_visible(timeout=1000 * PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    unseen = "[...document.images].filter(each => each.complete && !each.naturalWidth).map(each => each.src)"
    assert page.evaluate(unseen) == []
    beneath = """[...document.querySelectorAll('.block > label')].filter(label => label.offsetParent &&
        [...label.parentElement.querySelectorAll('.image-container img')].some(each =>
            each.getBoundingClientRect().top + 1 < label.getBoundingClientRect().bottom)).map(each => each.innerText)"""
    assert page.evaluate(beneath) == [], "labels that lie over a picture"
    swipe = page.get_by_text("Picture | result: drag the line").filter(visible=True)
    expect(swipe).to_be_in_viewport()
    picture = page.locator(".slider-wrap").filter(visible=True).bounding_box()
    label = swipe.bounding_box()
    assert picture is not None
    assert label is not None
    assert label["y"] + label["height"] <= picture["y"] + 1, "the label lies over the picture"
    measured = page.get_by_text("Mean width")
    before = measured.inner_text()
    page.get_by_role("slider").filter(visible=True).first.press("PageUp")
    expect(measured).not_to_have_text(before)
    panel = page.get_by_role("tabpanel").filter(visible=True).first
    panel.get_by_label("Remove Image").or_(panel.get_by_label("Clear")).first.click()
    panel.locator("input[type=file]").first.set_input_files(files / next(iter(REFUSED)))
    expect(page.get_by_text("There is no answer; the message says why.")).to_be_visible(timeout=1000 * PATIENCE)
    expect(measured).not_to_be_visible()
