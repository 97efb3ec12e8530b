"""A study as a visitor makes it: from the question to the verdict, the swipe, the report and the link."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.experiments import find_experiment
from core.inference.epoch_predictions import load_answers
from core.inference.explanations.feature_map import METHODS
from core.runs.launcher import launch, wait
from core.runs.run import FINISHED
from core.runs.store.run_store import RunStore
from core.studies.study import open_study
from core.studies.templates import Template, find_template
from core.ui.components.feature_map import METHOD
from core.ui.views.compare.report import REMARKS
from core.ui.views.compare.scoring import SPLITS
from core.ui.views.compare.studies import DATA, PICTURES, RECIPE, SEEDS, SPLIT, TEMPLATE
from core.ui.views.compare.verdict import conclude_kept
from core.ui.views.inspect.run import CALIBRATION, LOOKS, MAP
from tests.e2e.serving import Tab, by_key, wait_until
from tests.synthetic_sets import SyntheticSets

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.filterwarnings("default"),
]  # fmt: skip
REMARK = "We keep it so."


def choose(page: Page, key: str, option: str) -> None:
    by_key(page, key).get_by_role("combobox").click()
    page.get_by_role("option", name=option).first.click()


def fill(page: Page, key: str, value: str) -> None:
    field = by_key(page, key).locator("input")
    field.fill(value)
    field.press("Enter")


def ask(page: Page, question: Template, data: Path, seeds: int) -> None:
    """Fill the form of a new study; it says how many runs each answer would make."""
    start, form = by_key(page, "start-study").get_by_role("button"), by_key(page, "new-study")
    expect(form.locator("summary")).to_be_visible()
    if not form.locator("details[open]").count():  # where there is a study already, the form is folded
        form.locator("summary").click()
    choose(page, TEMPLATE, question.title)
    expect(start).to_have_text(re.compile(rf"\b{question.seeds * len(question.lines)}\b"))
    choose(page, f"{RECIPE}-{question.slug}", find_experiment(question.experiment).recipe("quick").title)
    expect(page.get_by_text("--recipe quick")).to_be_visible()
    fill(page, f"{SEEDS}-{question.slug}", str(seeds))
    expect(start).to_have_text(re.compile(rf"\b{seeds * len(question.lines)}\b"))
    fill(page, DATA, str(data))
    expect(page.get_by_text(f"{data.name} --split")).to_be_visible()
    choose(page, SPLIT, SPLITS["test"])
    expect(page.get_by_text("--split test")).to_be_visible()
    start.click()


def swipe_and_go_back_an_epoch(page: Page) -> str:
    """Open the pictures, move the handle, and return the epoch before the last, which is shown then."""
    page.get_by_role("tab", name=PICTURES).first.click()
    handle = page.locator(".fovea-swipe input").first
    expect(handle).to_be_visible()
    handle.fill("80")
    left = page.locator(".fovea-swipe .first").first
    assert "inset(0" in left.evaluate("each => each.style.clipPath")
    assert "20%" in left.evaluate("each => each.style.clipPath")
    epoch = by_key(page, "swipe-epoch").get_by_role("slider")
    last = epoch.get_attribute("aria-valuetext")
    assert last
    epoch.press("ArrowLeft")
    expect(epoch).not_to_have_attribute("aria-valuetext", last)
    moved = epoch.get_attribute("aria-valuetext")
    assert moved
    return moved


@pytest.mark.parametrize(
    ("slug", "seeds", "score"),
    [
        ("pets-normalisation", 1, "val/dice"),
        pytest.param("reconstruction-skips", 2, "val/psnr", marks=pytest.mark.exhaustive),
    ],
)
def test_a_question_becomes_a_verdict_a_report_and_a_link(
    slug: str, seeds: int, score: str, tab: Tab, stranger: Tab, synthetic_sets: SyntheticSets
) -> None:
    page, store, question = tab.open("/compare"), RunStore(), find_template(slug)
    ask(page, question, synthetic_sets.of(question.experiment, n=12, halved=True), seeds)
    page.wait_for_url(re.compile(rf"[?&]study={slug}"))
    study = page.url.partition("study=")[2].partition("&")[0]
    wait_until(lambda: open_study(store, study).is_over)
    ended = open_study(store, study)
    assert [run.status for run in ended.runs] == [FINISHED] * (seeds * len(question.lines))
    wait_until(lambda: conclude_kept(store, ended.sides, "test") is not None)
    found = conclude_kept(store, ended.sides, "test")
    assert found
    (claim,) = found.claims
    assert claim.verdict.seeds == (seeds, seeds)
    expect(page.get_by_text(claim.said)).to_be_visible()
    moved = swipe_and_go_back_an_epoch(page)
    with page.context.expect_page() as opened:
        page.locator('a[href*="/files/report"]:visible').click()
    expect(opened.value.get_by_text(claim.said)).to_be_visible()
    expect(opened.value.locator("img[src^='data:image/jpeg']").first).to_be_visible()
    opened.value.close()
    with page.expect_download() as curves:
        page.locator('a[href*="/files/curves"]:visible').click()
    assert score in Path(curves.value.path()).read_text()
    other = stranger.open(page.url.removeprefix(tab.server.url))
    expect(other.get_by_text(claim.said)).to_be_visible()
    expect(other.get_by_role("tab", name=PICTURES).first).to_have_attribute("aria-selected", "true")
    assert by_key(other, "swipe-epoch").get_by_role("slider").get_attribute("aria-valuetext") == moved
    remark_on_the_report(tab.open(f"/reports{page.url[page.url.index('?') :]}"), claim.said)
    assert [each for each in tab.errors if "404" not in each] == []


def remark_on_the_report(page: Page, said: str) -> None:
    """See the verdict in the report, add a sentence to it, and save it."""
    inside = page.frame_locator("iframe[src*='/files/report']")
    expect(inside.get_by_text(said)).to_be_visible()
    remarks = by_key(page, REMARKS).get_by_role("textbox")
    remarks.fill(REMARK)
    remarks.press("Control+Enter")
    expect(inside.get_by_text(REMARK)).to_be_visible()
    with page.expect_download() as report:
        page.locator('a[href*="save=yes"]:visible').click()
    assert report.value.suggested_filename.endswith(".html")
    assert REMARK in Path(report.value.path()).read_text()


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


def test_a_cell_of_the_confusion_matrix_shows_its_pictures_and_the_epoch_moves(
    tab: Tab, synthetic_sets: SyntheticSets
) -> None:
    store, chest = RunStore(), find_experiment("chest")
    changes = {"epochs": 6, "size": 64, "learning_rate": 1e-2, "validation": 0.3, "precision": "fp32"}
    config = chest.config(recipe="quick", data=str(synthetic_sets.of("chest", n=60)), changes=changes)
    run = wait(store, launch(store, "chest", config).id)
    assert run.status == FINISHED, run.reason
    answers = load_answers(store, run, run.best_epoch)
    true = int(answers.confusion()[:, 0].argmax())  # of what was taken for the first class, the commonest
    cell = answers.of_cell(true, 0)
    assert cell
    page = tab.open(f"/inspect?run={run.short_id}")
    grid = by_key(page, f"confusion-{run.id}").locator("canvas").first
    expect(grid).to_be_visible()
    size = grid.bounding_box()
    assert size
    page.mouse.click(size["x"] + size["width"] / 2, size["y"] + 53 + 35 * true)
    named = rf"^{len(cell)}\b.*\b{answers.classes[true]}\b.*\b{answers.classes[0]}$"
    expect(page.locator("strong").filter(has_text=re.compile(named))).to_be_visible()
    pictures = page.get_by_test_id("stImage").locator("img")
    expect(pictures).to_have_count(min(12, len(cell)))
    by_key(page, f"inspect-epoch-{run.id}").get_by_role("slider").press("Home")
    page.wait_for_url(re.compile(r"epoch=1\b"))
    page.get_by_role("tab", name=CALIBRATION).click()
    expect(by_key(page, "chart-inspect-calibration").locator(".js-plotly-plot")).to_be_visible()
    show_the_map(page)
    press_a_dot(page)
    expect(pictures).to_have_count(1)
    before = pictures.first.get_attribute("src")
    by_key(page, LOOKS).locator("label").first.click()
    expect(pictures.first).not_to_have_attribute("src", before or "")
    expect(page.get_by_text(re.compile(rf"\b{run.best_epoch}\b")).last).to_be_visible()
    assert [each for each in tab.errors if "404" not in each] == []


def show_the_map(page: Page) -> None:
    """Open the map of features by t-SNE, with pictures, and play it from the first epoch to the last."""
    page.get_by_role("tab", name=MAP).click()
    by_key(page, METHOD).get_by_text(METHODS["tsne"], exact=True).click()
    expect(page.locator("[class*='st-key-map-'][class*='-tsne']")).to_be_visible()
    feature_map = page.locator(".fovea-map")
    shown, play = feature_map.locator("output"), feature_map.locator(".play")
    expect(shown).to_have_text(re.compile(r"\b1$"))
    waiting = play.inner_text()
    feature_map.locator(".thumbs").check()
    play.click()
    expect(shown).not_to_have_text(re.compile(r"\b1$"))
    expect(play).to_have_text(waiting)  # it has come to the last epoch
