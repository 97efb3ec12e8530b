import asyncio
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.paths import PROJECT
from core.ui.translation_demo import _ask, _show, build_translation_tab

EXAMPLES = PROJECT / "assets" / "examples" / "blots"
BLOTS = find_experiment("blots")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("checkpoint")
    small = {"width": 4, "levels": 3, "judge_width": 4, "precision": "fp32", "memory_format": "contiguous"}
    config = BLOTS.config(arm="pix2pix", changes=small)
    torch.manual_seed(0)
    network: Any = BLOTS.set_up(config).build_network()
    parts = {"generator": network.generator, "discriminator": network.discriminator}
    save_checkpoint(folder, parts, {"experiment": "blots", "config": config.as_values()})
    return str(folder)


def test_two_templates_give_a_blot_samples_times_and_words(model: str) -> None:
    lanes, bands, *_ = (str(path) for path in sorted(EXAMPLES.glob("*.png")))
    drawn, gallery, milliseconds, said = _show(_ask(BLOTS, (lanes, bands), model, samples=3, trusted=True))
    assert drawn.shape == (512, 512)
    assert [caption for _, caption in gallery] == ["Noise 1", "Noise 2", "Noise 3"]
    assert all(picture.shape == (512, 512) for picture, _ in gallery)
    assert list(milliseconds) == ["read", "prepare", "network", "samples"]
    assert "ms" in said


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_template_is_one_sentence(model: str, missing: int) -> None:
    given: list[str | None] = [str(path) for path in sorted(EXAMPLES.glob("*.png"))[:2]]
    given[missing] = None
    with pytest.raises(gr.Error, match="Give both templates"):
        _told(given, model)


def test_a_model_of_another_kind_is_one_sentence(checkpoint_of_vessels: str) -> None:
    given = [str(path) for path in sorted(EXAMPLES.glob("*.png"))[:2]]
    with pytest.raises(gr.Error, match="does not draw from templates; choose a model of Western blots"):
        _told(given, checkpoint_of_vessels)


def _build() -> gr.Blocks:
    """Lay the tab out in a running event loop, because Gradio opens one of its own, for good, where there is none."""

    async def build() -> gr.Blocks:
        with gr.Blocks() as demo:
            build_translation_tab(demo, BLOTS)
        return demo

    with ThreadPoolExecutor(1) as own:  # a browser test before this one may have left its loop in this thread
        return own.submit(asyncio.run, build()).result()


def _told(given: list[Any], model: str) -> Any:
    """Ask as the button does."""
    (asked,) = [each for each in _build().fns.values() if each.api_name == "blots"]
    assert asked.fn is not None
    return asked.fn(*given, model, 2)


@pytest.fixture
def checkpoint_of_vessels(tmp_path: Path) -> str:
    vessels = find_experiment("vessels")
    config = vessels.config()
    card = {"experiment": "vessels", "config": config.as_values()}
    save_checkpoint(tmp_path, {"network": vessels.set_up(config).build_network()}, card)
    return str(tmp_path)


def test_the_function_of_the_api_says_what_it_takes() -> None:
    named = _build().get_api_info()["named_endpoints"]
    assert list(named) == ["/blots"]
    described = named["/blots"]
    names = [each["parameter_name"] for each in described["parameters"]]
    assert names == ["lanes", "bands", "model", "samples", "second_model", "use_anyway"]
    added = described["parameters"][4:]
    assert [(each["parameter_has_default"], each["parameter_default"]) for each in added] == [(True, ""), (True, False)]
    assert len(described["returns"]) == 4 + 5


def test_an_upload_waits_for_the_other_template() -> None:
    waiting = [each.fn for each in _build().fns.values() if each.fn and each.fn.__name__ == "predict_when_whole"]
    assert len(waiting) == 2 + 3  # both boxes; a tick to use the picture all the same; another model, first or second
    assert [each["__type__"] for each in waiting[0]("lanes.png", None, "", 2, "", False)] == ["update"] * 9


def test_a_second_model_answers_the_same_templates(model: str) -> None:
    given = [str(path) for path in sorted(EXAMPLES.glob("*.png"))[:2]]
    (asked,) = [each for each in _build().fns.values() if each.api_name == "blots"]
    assert asked.fn is not None
    *_, warning, swipe, beside, difference, said = asked.fn(*given, model, 0, model, False)
    assert warning == ""
    assert np.array_equal(*swipe)
    assert [caption for _, caption in beside] == ["First model", "Second model"]
    assert not difference.any()
    assert said.startswith("They differ by 0.0 of 255 on average, correlation 1.000")


def test_examples_are_pairs_of_templates_as_the_drawing_program_draws_them(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("draw", PROJECT / "assets" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.draw_blots_examples(tmp_path)
    names = sorted(path.name for path in EXAMPLES.iterdir())
    assert len(names) % 2 == 0
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        np.testing.assert_array_equal(np.asarray(Image.open(EXAMPLES / name)), np.asarray(Image.open(tmp_path / name)))
