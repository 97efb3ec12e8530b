"""A training as a visitor starts it."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from core.runs.run import Run
from core.runs.store.run_store import RunStore
from tests.e2e.serving import Tab, by_key, wait_until

SMALL = "set=patch=64&set=batch_size=4&set=precision=fp32&set=memory_format=contiguous"


def start_training(tab: Tab, pictures: Path, *, epochs: int, patches: int = 2) -> Run:
    """Start a quick training of blood vessels from the page; the tab follows it."""
    page = tab.open(
        f"/train?experiment=vessels&recipe=quick&data={quote(str(pictures))}&set=epochs={epochs}&set=patches={patches}&{SMALL}"
    )
    by_key(page, "start-training").get_by_role("button").click()
    store = RunStore()
    try:
        page.wait_for_url(re.compile(r"/runs\?run="))
    except PlaywrightError:
        pytest.fail(f"Start led nowhere. Runs: {[(run.state, run.reason) for run in store.runs()]}.")
    return store.get(page.url.partition("run=")[2][:8])


def press(page: Page, run: Run, name: str) -> None:
    """Press a button of a run's menu, which a page that changes meanwhile may close."""
    wanted = by_key(page, f"{name}-{run.id}").get_by_role("button")

    def pressed() -> bool:
        if not wanted.is_visible():
            by_key(page, f"more-{run.id}").get_by_role("button").first.click()
        try:
            wanted.click(timeout=3000)
        except PlaywrightError:
            return False  # it has closed
        return True

    wait_until(pressed)
