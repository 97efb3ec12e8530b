"""A study as a visitor makes it: from the question to the verdict, the swipe, the report and the link."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.paths import PROJECT
from tests.e2e.serving import PATIENCE, Tab

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("workers"), pytest.mark.filterwarnings("default"),
]  # fmt: skip
expect.set_options(timeout=1000 * PATIENCE)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).first.click()


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def swipe_and_go_back_an_epoch(page: Page) -> str:
    """Open the pictures, move the handle, and return the epoch before the last, which is shown then."""
    page.get_by_role("tab", name="Pictures").click()
    handle = page.locator(".fovea-swipe input").first
    expect(handle).to_be_visible()
    handle.fill("80")
    left = page.locator(".fovea-swipe .first").first
    assert "inset(0" in left.evaluate("each => each.style.clipPath")
    assert "20%" in left.evaluate("each => each.style.clipPath")
    epoch = page.get_by_role("slider", name="After epoch")
    last = epoch.get_attribute("aria-valuetext")
    assert last
    epoch.press("ArrowLeft")
    expect(epoch).not_to_have_attribute("aria-valuetext", last)
    moved = epoch.get_attribute("aria-valuetext")
    assert moved
    return moved


def test_a_question_becomes_a_verdict_a_report_and_a_link(
    tab: Tab, open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    pictures = tmp_path / "twelve"
    words = [sys.executable, "-m", "core", "data", "make", "reconstruction", "--out", str(pictures), "--n", "12"]
    subprocess.run(words, cwd=PROJECT, check=True, capture_output=True)
    page = tab.open("/compare")
    choose(page, "Question", "With and without skips")
    expect(page.get_by_text("6 runs of 2 sides")).to_be_visible()
    choose(page, "Recipe", "Quick look")
    expect(page.get_by_text("--recipe quick")).to_be_visible()
    fill(page, "Seeds of each side", "2")
    expect(page.get_by_text("4 runs of 2 sides")).to_be_visible()
    fill(page, "Data", str(pictures))
    expect(page.get_by_text("twelve --split")).to_be_visible()
    choose(page, "Compare on", "Test split")
    page.get_by_role("button", name="Start 4 runs").click()
    expect(page.get_by_text("4 of 4 runs have ended")).to_be_visible()
    verdict = page.get_by_text("2 seeds each, paired over").first
    expect(verdict).to_be_visible()
    said = verdict.inner_text()
    moved = swipe_and_go_back_an_epoch(page)
    with page.context.expect_page() as opened:
        page.locator('a[href*="/files/report"]:visible').click()
    expect(opened.value.get_by_role("heading", name="What was found")).to_be_visible()
    expect(opened.value.locator("img[src^='data:image/jpeg']").first).to_be_visible()
    with page.expect_download() as curves:
        page.locator('a[href*="/files/curves"]:visible').click()
    assert "val/psnr" in Path(curves.value.path()).read_text()
    other = open_tab().open(page.url.removeprefix(tab.server.url))
    expect(other.get_by_text(said)).to_be_visible()
    expect(other.get_by_role("tab", name="Pictures")).to_have_attribute("aria-selected", "true")
    assert other.get_by_role("slider", name="After epoch").get_attribute("aria-valuetext") == moved
    other = tab.open(f"/reports{page.url[page.url.index('?') :]}")
    inside = other.frame_locator("iframe[src*='/files/report']")
    expect(inside.get_by_text(said)).to_be_visible()
    other.get_by_role("textbox", name="Remarks").fill("We keep the skips.")
    other.get_by_role("textbox", name="Remarks").press("Control+Enter")
    expect(inside.get_by_text("We keep the skips.")).to_be_visible()
    with other.expect_download() as report:
        other.locator('a[href*="save=yes"]:visible').click()
    assert report.value.suggested_filename.endswith(".html")
    assert "We keep the skips." in Path(report.value.path()).read_text()
    assert [each for each in tab.errors if "404" not in each] == []


def press_a_dot(page: Page) -> None:
    """Move over the map's middle row until a picture is named, and press there."""
    box = page.locator(".fovea-map canvas").bounding_box()
    assert box
    for row in range(20, int(box["height"]), 20):
        for column in range(20, int(box["width"]), 12):
            page.mouse.move(box["x"] + column, box["y"] + row)
            if page.locator(".fovea-map .tip").is_visible():
                page.mouse.click(box["x"] + column, box["y"] + row)
                return
    pytest.fail("there is no picture on the map")


def test_a_cell_of_the_confusion_matrix_shows_its_pictures_and_the_epoch_moves(tab: Tab, tmp_path: Path) -> None:
    pictures, core = tmp_path / "lungs", [sys.executable, "-m", "core"]
    make = [*core, "data", "make", "chest", "--out", str(pictures), "--n", "120"]
    train = [*core, "train", "chest", "--recipe", "quick", "--data", str(pictures), "--wait"]
    for words in (make, train):
        subprocess.run(words, cwd=PROJECT, check=True, capture_output=True)
    page = tab.open("/inspect")
    expect(page.get_by_text("Press a cell to see its pictures")).to_be_visible()
    grid = page.get_by_test_id("stDataFrame").locator("canvas").first
    expect(grid).to_be_visible()
    size = grid.bounding_box()
    assert size
    page.mouse.click(size["x"] + size["width"] / 2, size["y"] + 53)
    expect(page.get_by_text("pictures of NORMAL taken for NORMAL")).to_be_visible()
    expect(page.get_by_test_id("stImage").locator("img").first).to_be_visible()
    page.get_by_role("slider", name="After epoch").press("Home")
    expect(page.get_by_text("right after epoch 1.")).to_be_visible()
    assert "epoch=1" in page.url
    page.get_by_role("tab", name="Calibration").click()
    expect(page.get_by_text("Calibration error")).to_be_visible()
    page.get_by_role("tab", name="Map of features").click()
    page.get_by_text("t-SNE", exact=True).click()
    expect(page.get_by_text("Only who is near whom means something")).to_be_visible()
    feature_map = page.locator(".fovea-map")
    expect(feature_map.locator("output")).to_have_text("epoch 1")
    feature_map.get_by_role("checkbox", name="Pictures").check()
    feature_map.get_by_role("button", name="Play").click()
    expect(feature_map.locator("output")).not_to_have_text("epoch 1")
    expect(feature_map.get_by_role("button", name="Play")).to_be_visible()  # it has come to the last epoch
    press_a_dot(page)
    expect(page.get_by_text("% sure; it is").first).to_be_visible()
    page.get_by_text("Where it looks", exact=True).click()
    expect(page.get_by_text("By the weights that are kept")).to_be_visible()
    expect(page.get_by_test_id("stImage").locator("img").first).to_be_visible()
    assert [each for each in tab.errors if "404" not in each] == []
