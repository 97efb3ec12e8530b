"""A file in core/experiments/ is enough: catalogue, form, widget and training take it as it comes."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core.experiments
from core.experiments import catalogue, find_experiment
from core.experiments.classification import ClassificationExperiment
from core.experiments.classification_config import SMALL_CNN, Way
from core.experiments.experiment import Arm, Recipe
from core.paths import PROJECT
from tests.experiments.short_runs import small_config, train
from tests.experiments.test_every_arm import parts_without_a_class
from tests.messages import naming

pytestmark = pytest.mark.filterwarnings("default")  # Gradio leaves sockets open
EXAMPLE = Path(__file__).with_name("example")


@pytest.fixture
def leaves(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(core.experiments, "__path__", [*core.experiments.__path__, str(EXAMPLE)])
    catalogue.cache_clear()
    yield "leaves"
    gc.collect()  # what is left of a page or a demo complains now, while it may, and not in another test
    catalogue.cache_clear()
    sys.modules.pop("core.experiments.leaves", None)
    vars(core.experiments).pop("leaves", None)


def test_the_catalogue_and_the_widgets_take_it(leaves: str) -> None:
    from core.ui.widgets.app import build_demo

    assert leaves in catalogue()
    assert f"/{leaves}" in build_demo().get_api_info()["named_endpoints"]


def test_home_and_the_form_show_it(leaves: str) -> None:
    page = AppTest.from_file(str(PROJECT / "pages" / "main.py"), default_timeout=60).run()
    assert not page.exception
    assert "Leaves" in [each.value for each in page.subheader]
    page.query_params["experiment"] = leaves
    page.switch_page("train.py").run()
    assert not page.exception
    assert any(find_experiment(leaves).question in each.value for each in page.caption)


def test_it_trains_on_the_fewest_pictures(leaves: str, tmp_path: Path) -> None:
    experiment = find_experiment(leaves)
    experiment.make_data(tmp_path / "drawn", n=experiment.fewest_pictures)
    config = small_config(leaves, "small-cnn", tmp_path / "drawn")
    assert train(config, leaves, tmp_path / "run").outcome.ending == "finished"


def test_too_few_pictures_are_told_by_what_is_missing(leaves: str, tmp_path: Path) -> None:
    experiment = find_experiment(leaves)
    experiment.make_data(tmp_path / "few", n=6)
    experiment.make_data(tmp_path / "enough", n=experiment.fewest_pictures)
    assert ("validation", "beech") in parts_without_a_class(tmp_path / "few", experiment)
    assert parts_without_a_class(tmp_path / "enough", experiment) == []


def _declare(**changed: object) -> type:
    said: dict[str, object] = {
        "slug": "broken", "title": "Broken", "question": "Why?", "synthetic_pictures": 9, "fewest_pictures": 9,
        "arms": (Arm("one", "One", "One."),), "ways": {"one": Way(SMALL_CNN)},
        "recipes": (Recipe("quick", "Quick", "Quick.", {"epochs": 1}),),
    }  # fmt: skip
    said |= changed
    return type("Broken", (ClassificationExperiment,), {key: each for key, each in said.items() if each is not None})


def test_slips_are_told_where_they_are_made() -> None:
    assert _declare().slug == "broken"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=naming("Broken", "question", "fewest_pictures")):
        _declare(question=None, fewest_pictures=None)
    with pytest.raises(TypeError, match=naming("Broken", "quick", "epoch", "epochs")):
        _declare(recipes=(Recipe("quick", "Quick", "Quick.", {"epoch": 1}),))
    with pytest.raises(TypeError, match=naming("Broken", "quick", "two", "one")):
        _declare(recipes=(Recipe("quick", "Quick", "Quick.", {}, {"two": {}}),))
    with pytest.raises(TypeError, match=naming("backbone", "resnet19", "small-cnn", "resnet18")):
        Way("resnet19")
    with pytest.raises(TypeError, match=naming("tuned", "laststage", "head", "last-stage")):
        Way(SMALL_CNN, "laststage")
