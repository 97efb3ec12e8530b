"""Hit, miss and false alarm over a picture: sliders answer in the browser, and what is drawn is what is said."""

import re

import pytest
from playwright.sync_api import Page, expect

from core.inference.checkpoints import find_checkpoint
from core.inference.image_errors import CheckedPicture, check_picture
from core.inference.predictors.kinds import load_predictor
from core.inference.scores import score
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.views.inspect.masks import LOOKS, REGION
from tests.e2e.serving import Tab, by_key
from tests.inference.trained_runs import record_trained
from tests.synthetic_sets import SyntheticSets

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.filterwarnings("default"),
]  # fmt: skip
DRAWN = """canvas => {
  const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const counts = {};
  for (let at = 0; at < seen.length; at += 4) {
    const colour = [seen[at], seen[at + 1], seen[at + 2]];
    if (seen[at + 3]) counts[colour] = (counts[colour] ?? 0) + 1;
  }
  return counts;
}"""
HIT, MISS, ALARM = "255,255,255", "255,64,64", "64,160,255"


def check_worst(store: RunStore, run: Run) -> CheckedPicture:
    scored = score(store, run, "val")
    worst = min(range(len(scored.names)), key=lambda each: scored.rows[each]["dice"])
    folder = store.files.folder(run.id) / "checkpoint" / "best"
    predictor = load_predictor(find_checkpoint(str(folder), lambda _: folder), device="cpu")
    return check_picture(predictor, "val", scored.names[worst])


def move(page: Page, name: str, value: float) -> None:
    page.locator(f".fovea-errors .{name}").fill(str(value))


def test_what_the_sliders_draw_is_what_is_said(tab: Tab, synthetic_sets: SyntheticSets) -> None:
    store = RunStore()
    data = synthetic_sets.of("vessels", n=6, halved=True)
    run = record_trained(store, data, "vessels", precision="fp32", memory_format="contiguous")
    seen = check_worst(store, run)
    page = tab.open(f"/inspect?run={run.short_id}")
    canvas, said = page.locator(".fovea-errors canvas"), page.locator(".fovea-errors .said")
    before = seen.labelled
    for threshold in (0.01, 0.45, 0.5, 0.55, 1):
        move(page, "threshold", threshold)
        drawn = canvas.evaluate(DRAWN)
        hits, misses, alarms = (drawn.get(each, 0) for each in (HIT, MISS, ALARM))
        assert hits + misses == seen.labelled
        assert hits <= before
        before = hits
        numbers = (f"{threshold:.2f}", f"{hits:,}", f"{seen.labelled:,}", f"{alarms:,}", f"{hits + alarms:,}")
        expect(said).to_have_text(re.compile(r"\b.*\b".join(map(re.escape, numbers))))
    move(page, "threshold", 0.01)
    drawn = canvas.evaluate(DRAWN)  # everything inside is found, whatever the network says
    assert drawn[HIT] + drawn[ALARM] == seen.counted
    move(page, "opacity", 30)
    assert canvas.evaluate("each => each.style.opacity") == "0.3"
    page.locator(".fovea-errors .show-hits").uncheck()
    assert HIT not in canvas.evaluate(DRAWN)
    by_key(page, LOOKS).locator("label").first.click()
    expect(page.locator(f"[class*='st-key-{REGION}-']")).to_be_visible()  # all of it is found, so all may be explained
    expect(page.get_by_test_id("stImage").locator("img").last).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(canvas).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
