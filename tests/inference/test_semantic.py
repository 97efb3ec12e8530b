import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.data.image_io.reader import Picture
from core.data.layouts.landcover import CLASSES, COLOURS, read_colours
from core.data.synthetic.landcover.land import SCENES
from core.data.synthetic.landcover.make import draw_tile, write_landcover
from core.engine.checkpoint import load_card, save_checkpoint
from core.experiments import find_experiment
from core.inference.checkpoints import Checkpoint
from core.inference.evaluation import evaluate
from core.inference.export.files import save_prediction
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.semantic import ClassMapPrediction, SemanticPredictor
from core.ui.widgets.tabs.semantic import render_legend


def _checkpoint(folder: Path, **changes: object) -> Checkpoint:
    """An untrained network, stored as a run stores it."""
    experiment = find_experiment("landcover")
    config = experiment.config(changes={"test_flips": False, "size": 96, "tile": 64, **changes})
    setup = experiment.set_up(config)
    torch.manual_seed(3)
    network = setup.build_network()
    card = {"experiment": "landcover", "config": config.as_values(), "traits": setup.traits.as_json()}
    save_checkpoint(folder, {"network": network}, card)
    return Checkpoint("test", folder, load_card(folder))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> SemanticPredictor:
    found = load_predictor(_checkpoint(tmp_path_factory.mktemp("checkpoint")), device="cpu")
    assert isinstance(found, SemanticPredictor)
    return found


@pytest.fixture(scope="module")
def tile() -> Picture:
    return Picture(draw_tile(np.random.default_rng(0), scene=SCENES[7], side=128).image[:100], "tile.jpg", ())


@pytest.fixture(scope="module")
def prediction(predictor: SemanticPredictor, tile: Picture) -> ClassMapPrediction:
    found = predictor.predict(tile)
    assert isinstance(found, ClassMapPrediction)
    return found


def _known() -> ClassMapPrediction:
    labels = np.zeros((10, 10), np.uint8)
    labels[:7], labels[9] = 4, 2
    colours = np.array([COLOURS[name] for name in CLASSES], np.uint8)
    return ClassMapPrediction(np.full((10, 10, 3), 100, np.uint8), labels, CLASSES, colours, ("A note.",), {"a": 3.0})


def test_every_pixel_of_the_picture_has_a_class(prediction: ClassMapPrediction, tile: Picture) -> None:
    assert prediction.labels.shape == tile.pixels.shape[:2]
    assert prediction.labels.max() < len(CLASSES)
    assert sum(prediction.shares.values()) == pytest.approx(1)
    assert "128×100" in " ".join(prediction.notes)
    assert set(prediction.milliseconds) == {"prepare", "network", "scale back"}


def test_the_shares_are_counted_and_the_largest_is_first() -> None:
    shares = _known().shares
    assert list(shares)[:3] == ["water", "urban", "rangeland"]
    assert [shares[name] for name in ("water", "urban", "rangeland", "forest")] == [0.7, 0.2, 0.1, 0.0]


def test_the_sentence_names_what_is_there_and_nothing_else() -> None:
    said = _known().say()
    places = [said.index(each) for each in ("70.0", "20.0", "10.0", "A note.")]
    assert places == sorted(places)
    assert {name for name in CLASSES if name in said} == {"water", "urban", "rangeland"}


def test_the_document_is_plain_json(prediction: ClassMapPrediction) -> None:
    document = json.loads(json.dumps(prediction.as_json()))
    assert document["classes"] == list(CLASSES)
    assert sum(document["shares"].values()) == pytest.approx(1, abs=1e-4)


def test_the_map_is_drawn_as_the_data_set_draws_its_masks(prediction: ClassMapPrediction, tmp_path: Path) -> None:
    files = save_prediction(prediction, tmp_path, "tile.jpg")
    with Image.open(files["map"]) as coloured, Image.open(files["labels"]) as numbers:
        assert np.array_equal(read_colours(np.asarray(coloured)), prediction.labels)
        assert np.array_equal(np.asarray(numbers), prediction.labels)


def test_the_overlay_lies_between_picture_and_map() -> None:
    overlay = _known().render_overlay()
    assert tuple(overlay[0, 0]) == (50, 50, 178)  # water, blue


def test_the_legend_shows_each_class_with_its_colour_and_share() -> None:
    legend = render_legend(_known())
    assert legend.index("water") < legend.index("urban") < legend.index("barren")
    assert "70.0 %" in legend
    assert "rgb(0, 0, 255)" in legend
    assert legend.count("<tr>") == len(CLASSES)


def test_evaluation_counts_what_the_predictor_says(predictor: SemanticPredictor, tmp_path: Path) -> None:
    write_landcover(tmp_path / "land", n=2, side=128)
    found = evaluate(predictor.checkpoint, data=str(tmp_path / "land"), split="test", device="cpu")
    said = predictor.predict_file(tmp_path / "land" / "validation" / "0001_sat.jpg").labels
    with Image.open(tmp_path / "land" / "validation" / "0001_mask.png") as mask:
        labels = read_colours(np.asarray(mask.convert("RGB")))
    known = labels < len(CLASSES)
    assert found.scores["pixel_accuracy"] == pytest.approx((said == labels)[known].mean(), abs=0.01)
    assert len(found.per_picture) == 1
    assert found.human == {}
