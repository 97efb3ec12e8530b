"""Wrong, unusual and damaged files in the function of every tab: a sentence or an answer, never anything else."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.experiments import catalogue
from tests.data.image_io.damaged_images import damaged_pictures, judge
from tests.e2e.wrong_files import READ, REFUSED, write_all
from tests.ui.widgets.all_tabs import handlers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
PATIENCE = 60.0
ONE_OF_EACH_KIND = {each.kind: slug for slug, each in catalogue().items()}.values()
"""What reads the pictures of one kind of problem reads those of all its experiments."""
Handlers = dict[str, Callable[[Path], tuple[Any, ...]]]


def tabs_of(usual: Iterable[str]) -> list[Any]:
    """Return all tabs, those beside the usual ones for whoever has more time."""
    usual = set(usual)
    return [
        pytest.param(each, marks=() if each in usual else pytest.mark.exhaustive) for each in (*catalogue(), "batch")
    ]


@pytest.fixture(scope="module")
def tabs(demo: gr.Blocks, tmp_path_factory: pytest.TempPathFactory) -> Handlers:
    """Every tab's own function."""
    return handlers(demo, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_all(folder)
    return folder


@pytest.mark.parametrize("slug", tabs_of(ONE_OF_EACH_KIND)[:-1])
def test_a_tab_refuses_a_wrong_file_and_answers_an_unusual_one(slug: str, tabs: Handlers, files: Path) -> None:
    for name, told in REFUSED.items():
        with pytest.raises(gr.Error) as refusal:
            tabs[slug](files / name)
        assert told in str(refusal.value), name
        assert name in str(refusal.value)
    for name, told in READ.items():
        notes = " ".join(each for each in tabs[slug](files / name) if isinstance(each, str))
        assert told in notes, name


@pytest.mark.parametrize("slug", tabs_of(["aoi", "blots", "batch"]))
def test_a_tab_answers_or_refuses_every_damaged_file(slug: str, tabs: Handlers, tmp_path: Path) -> None:
    told = set()
    for each in damaged_pictures(20, seed=3):
        path = tmp_path / each.name
        path.write_bytes(each.content)
        told.add(judge(each.name, lambda path=path: tabs[slug](path), gr.Error, PATIENCE))
    assert "answered" in told
    assert "refused" in told or slug == "batch"


def test_many_pictures_name_what_was_wrong_with_each(tabs: Handlers, files: Path) -> None:
    for name, told in REFUSED.items():
        table = Path(tabs["batch"](files / name)[0]).read_text()
        assert name in table
        assert told.replace('"', '""') in table, name
