"""The widgets as a program calls them: names that stay, pictures that are doubted, two models on one picture."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.experiments import catalogue
from core.inference.checkpoints import shipped_checkpoints
from core.inference.predictors.classification import ClassificationPredictor
from core.paths import PROJECT
from core.ui.shared.model_choice import list_shipped, open_predictor
from core.ui.widgets.examples import DRAWN, is_example, list_examples
from core.ui.widgets.frame import WITHHELD, say_drawn
from core.ui.widgets.inputs import PictureInput
from tests.pages.opened_pages import numbers
from tests.ui.widgets.all_tabs import ask, functions

FIRST = {
    "aoi": ["picture", "model"],
    "blots": ["lanes", "bands", "model", "samples"],
    "byol": ["picture", "model"],
    "chest": ["picture", "model"],
    "landcover": ["picture", "model"],
    "objects": ["picture", "model"],
    "pets": ["picture", "model", "threshold"],
    "reconstruction": ["picture", "model"],
    "vessels": ["picture", "model", "threshold"],
}
"""What programs already rely on, in this order."""
LATER = {"aoi": ["explain", "similar"], "chest": ["explain", "similar"], "objects": ["explain", "similar"]}
Answers = Callable[[str], Any]


@pytest.fixture(scope="module")
def answers(demo: gr.Blocks) -> Answers:
    """What a tab's first shipped model answers to the tab's first example: vessels at full size take seconds."""

    @cache
    def answer(slug: str) -> Any:
        settings = [0.5] if catalogue()[slug].kind == "segmentation" else []
        return ask(
            demo, slug, list_examples(catalogue()[slug], 1)[0][0], list_shipped(catalogue()[slug])[0][1], *settings
        )

    return answer


def test_language_models_can_tell_the_functions_apart(demo: gr.Blocks) -> None:
    """MCP shows a function's name and text alone."""
    tools = functions(demo)
    assert set(tools) == {*catalogue(), "batch"}
    for name, function in tools.items():
        assert function.__name__ == name
    for slug, experiment in catalogue().items():
        first = (tools[slug].__doc__ or "").splitlines()[0]
        assert first.startswith(f"{experiment.title}: ")
        assert experiment.caution in first


@pytest.fixture
def coloured(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (120, 120, 3), np.uint8)).save(tmp_path / "cat.png")
    return str(tmp_path / "cat.png")


def test_names_and_order_of_the_api_stay_and_what_was_added_may_be_left_out(demo: gr.Blocks) -> None:
    named = demo.get_api_info()["named_endpoints"]
    for slug, first in FIRST.items():
        parameters = named[f"/{slug}"]["parameters"]
        names = [each["parameter_name"] for each in parameters]
        assert names == [*first, "second_model", "use_anyway", *LATER.get(slug, [])]
        assert all(each["parameter_has_default"] for each in parameters[len(first) :]), slug


def test_an_answer_to_a_wrong_picture_is_withheld_until_somebody_insists(demo: gr.Blocks, coloured: str) -> None:
    classes, milliseconds, said, _, _, warning, *_ = ask(demo, "chest", coloured, "chest/kermany")
    assert (classes, milliseconds) == (None, None)
    assert said == WITHHELD
    doubt = warning
    assert doubt
    classes, milliseconds, said, _, _, warning, *_ = ask(demo, "chest", coloured, "chest/kermany", "", True)
    assert sum(classes.values()) == pytest.approx(1)
    assert list(milliseconds) == ["read", "check", "prepare", "network"]
    assert said != WITHHELD
    assert warning == doubt


@pytest.mark.parametrize(
    "slug",
    [
        "aoi",
        pytest.param("chest", marks=pytest.mark.exhaustive),
        "pets",
        pytest.param("vessels", marks=pytest.mark.slow),
    ],
)
def test_an_example_of_our_own_is_answered_without_a_warning_and_a_copy_of_it_is_not_known(
    answers: Answers, slug: str, tmp_path: Path
) -> None:
    found = answers(slug)
    assert found[-5] == "", "the warning"
    assert any(DRAWN in each for each in found if isinstance(each, str))
    drawn = Path(list_examples(catalogue()[slug], 1)[0][0])
    changed = tmp_path / drawn.name
    Image.open(drawn).save(changed, quality=60)
    assert is_example(catalogue()[slug], drawn)
    assert not is_example(catalogue()[slug], changed)


def test_the_drawn_steel_is_what_the_model_of_steel_says_and_does_not_doubt() -> None:
    predictor = open_predictor("aoi/neu")
    drawn = [Path(row[0]) for row in list_examples(catalogue()["aoi"], 1)]
    steel = {each.stem.split("_", 2)[2]: each for each in drawn}
    del steel["horizontal_defect"]  # of the drawn set
    assert len(steel) == 4
    for name, path in steel.items():
        said = predictor.predict_file(path)
        assert (said.classes[said.label], said.doubt) == (name, ""), path.name


def test_whatever_asks_for_an_answer_takes_the_last_one_away_where_it_fails(demo: gr.Blocks) -> None:
    asking = {number for number, each in demo.fns.items() if each.concurrency_id in catalogue()}
    failing = {each.trigger_after for each in demo.fns.values() if each.trigger_only_on_failure}
    assert len(asking) > 5 * len(catalogue())
    assert asking <= failing


def test_an_x_ray_is_answered_with_its_threshold_explained_and_compared(demo: gr.Blocks) -> None:
    drawn = str(sorted((PROJECT / "assets" / "examples" / "chest").glob("*.jpg"))[0])
    found = ask(demo, "chest", drawn, "chest/kermany", "chest/kermany", True, True, False)
    classes, _, said, heat, nearest, _, swipe, beside, difference, compared = found
    assert set(classes) == {"NORMAL", "PNEUMONIA"}
    predictor = open_predictor("chest/kermany")
    assert isinstance(predictor, ClassificationPredictor)
    assert predictor.predict_file(Path(drawn), trusted=True).say_operating() in said
    assert catalogue()["chest"].caution in said
    assert heat[0].shape == heat[1].shape == (224, 224, 3)
    assert (heat[0] != heat[1]).any()
    assert nearest is None
    assert np.array_equal(*swipe)
    assert len(beside) == 2
    assert difference is None
    first, second = numbers(compared)[:2]
    assert first == second == pytest.approx(100 * max(classes.values()), abs=0.1)
    assert max(classes, key=classes.__getitem__) in compared


def test_where_the_training_pictures_are_gone_it_says_so(demo: gr.Blocks, coloured: str) -> None:
    *_, said, _, nearest, _, _, _, _, _ = ask(demo, "chest", coloured, "chest/kermany", "", True, False, True)
    assert nearest is None
    assert str(open_predictor("chest/kermany").setup.config.data) in said


def test_vessels_are_measured_and_pets_cut_out(answers: Answers) -> None:
    *_, cutout, lines, _, _, _, _, _ = answers("vessels")
    assert cutout is None
    assert 1 < lines["width"] < lines["widest"] < 30
    assert 1 <= lines["tortuosity"] < 1.5
    *_, view, cutout, lines, _, _, _, _, _ = answers("pets")
    assert lines is None
    assert cutout.shape == (*view.pixels.shape[:2], 4)
    assert set(np.unique(cutout[..., 3])) == {0, 255}


def test_a_model_that_knows_drawn_pictures_alone_says_so_and_others_do_not() -> None:
    said = {each.name: say_drawn(each.name) for each in shipped_checkpoints()}
    assert {name for name, text in said.items() if text} == {name for name in said if name.endswith("/drawn")}
    assert say_drawn("") == say_drawn(None) == say_drawn("no such run") == ""


def test_no_picture_can_be_sent_to_another_site_with_a_button(demo: gr.Blocks) -> None:
    shown = [each for each in demo.blocks.values() if isinstance(each, gr.Image | gr.Gallery) and not each.interactive]
    assert len(shown) > 20
    assert all(each.buttons and "share" not in each.buttons for each in shown if not isinstance(each, PictureInput))


def test_two_models_are_swiped_and_mapped_only_where_answers_lie_on_the_picture(demo: gr.Blocks) -> None:
    tabs = [each for each in demo.blocks.values() if isinstance(each, gr.Tab)]
    placed = [each for each in catalogue().values() if each.kind not in ("classification", "neighbours")]
    assert len(placed) < len(catalogue())
    for name, wanted in {"swipe": placed, "beside": catalogue(), "difference": placed}.items():
        assert sum(each.id == name and bool(each.visible) for each in tabs) == len(wanted), name
    opened = [
        each for each in tabs if isinstance(each.parent, gr.Tabs) and each.id in ("swipe", "beside", "difference")
    ]
    opened = [each for each in opened if each.id == each.parent.selected]
    assert len(opened) == len(catalogue())
    assert all(each.visible for each in opened)


def test_the_shipped_models_know_the_drawn_examples_of_things(demo: gr.Blocks) -> None:
    wanted = {
        "objects": ["dotted triangle", "dotted heart", "plain arrow", "plain ring"],
        "byol": ["Bike", "Mug", None],
    }
    for slug, names in wanted.items():
        for (path,), name in zip(list_examples(catalogue()[slug], 1), names, strict=True):
            ranked = next(each for each in ask(demo, slug, path, f"{slug}/drawn") if isinstance(each, dict))
            assert name in (None, max(ranked, key=ranked.__getitem__)), path


def test_captions_of_galleries_stand_below_their_pictures(demo: gr.Blocks) -> None:
    galleries = [each for each in demo.blocks.values() if isinstance(each, gr.Gallery)]
    assert len(galleries) > len(catalogue())
    assert all("captioned" in each.elem_classes and each.height is None for each in galleries)
