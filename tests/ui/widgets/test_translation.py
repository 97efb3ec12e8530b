import importlib.util
import re
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.inference.checkpoints import Checkpoint, read_checkpoint
from core.paths import PROJECT
from core.ui.widgets.tabs.translation import EMPTY
from tests.inference.untrained import record_untrained
from tests.pages.opened_pages import numbers
from tests.ui.widgets.all_tabs import ask

EXAMPLES = PROJECT / "assets" / "examples" / "blots"
BLOTS = find_experiment("blots")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("checkpoint")
    small = {"width": 4, "levels": 3, "judge_width": 4, "precision": "fp32", "memory_format": "contiguous"}
    config = BLOTS.config(arm="pix2pix", changes=small)
    torch.manual_seed(0)
    network: Any = BLOTS.set_up(config).build_network()
    parts = {"generator": network.generator, "discriminator": network.discriminator}
    save_checkpoint(folder, parts, {"experiment": "blots", "config": config.as_values()})
    return read_checkpoint("small", folder)


@pytest.fixture
def model(home: Path, weights: Checkpoint) -> str:
    """A run with these weights, by its id: the widgets open no folder."""
    return record_untrained(weights)


@pytest.fixture
def templates() -> list[str]:
    """Lanes and bands."""
    return [str(path) for path in sorted(EXAMPLES.glob("*.png"))[:2]]


def test_two_templates_give_a_blot_samples_times_and_words(demo: gr.Blocks, templates: list[str], model: str) -> None:
    drawn, gallery, milliseconds, said, *_ = ask(demo, "blots", *templates, model, 3, "", True)
    assert drawn.shape == (512, 512)
    assert [numbers(caption) for _, caption in gallery] == [[1], [2], [3]]
    assert all(picture.shape == (512, 512) for picture, _ in gallery)
    assert list(milliseconds) == ["read", "prepare", "network", "samples"]
    assert all(part in said for part in milliseconds)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_template_is_one_sentence(demo: gr.Blocks, templates: list[str], model: str, missing: int) -> None:
    given: list[str | None] = [*templates]
    given[missing] = None
    with pytest.raises(gr.Error, match=re.escape(EMPTY)):
        ask(demo, "blots", *given, model, 2)


def test_a_model_of_another_kind_is_one_sentence(
    demo: gr.Blocks, templates: list[str], checkpoint_of_vessels: str
) -> None:
    with pytest.raises(gr.Error, match=re.escape(BLOTS.title)) as refusal:
        ask(demo, "blots", *templates, checkpoint_of_vessels, 2)
    assert checkpoint_of_vessels in str(refusal.value)


@pytest.fixture
def checkpoint_of_vessels(home: Path, tmp_path: Path) -> str:
    vessels = find_experiment("vessels")
    config = vessels.config()
    card = {"experiment": "vessels", "config": config.as_values()}
    save_checkpoint(tmp_path, {"network": vessels.set_up(config).build_network()}, card)
    return record_untrained(read_checkpoint("vessels", tmp_path))


def test_a_folder_is_no_model(demo: gr.Blocks, templates: list[str], weights: Checkpoint) -> None:
    with pytest.raises(gr.Error, match=re.escape(str(weights.folder))):
        ask(demo, "blots", *templates, str(weights.folder), 2)


def test_the_function_of_the_api_says_what_it_takes(demo: gr.Blocks) -> None:
    described = demo.get_api_info()["named_endpoints"]["/blots"]
    added = described["parameters"][4:]
    assert [(each["parameter_has_default"], each["parameter_default"]) for each in added] == [(True, ""), (True, False)]
    assert len(described["returns"]) == 4 + 5


def test_an_upload_waits_for_the_other_template(demo: gr.Blocks) -> None:
    asking = [each.fn for each in demo.fns.values() if each.concurrency_id == "blots"]
    waiting = [each for each in asking if each is not None and each.__name__ == "predict_when_whole"]
    assert len(waiting) == 2 + 3  # both boxes; a tick to use the picture all the same; another model, first or second
    assert [each["__type__"] for each in waiting[0]("lanes.png", None, "", 2, "", False)] == ["update"] * 9


def test_a_second_model_answers_the_same_templates(demo: gr.Blocks, templates: list[str], model: str) -> None:
    *_, warning, swipe, beside, difference, said = ask(demo, "blots", *templates, model, 0, model, False)
    assert warning == ""
    assert np.array_equal(*swipe)
    assert len(beside) == 2
    assert not difference.any()
    assert numbers(said) == [0, 255, 1], "mean difference, of these, correlation"


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
