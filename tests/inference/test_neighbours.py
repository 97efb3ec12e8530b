from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.image_io.reader import Picture
from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.inference.checkpoints import Checkpoint
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.neighbours import NeighbourPrediction, NeighbourPredictor
from core.metrics.neighbours import classify_by_neighbours

CLASSES = ("cup", "key", "lamp")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> NeighbourPredictor:
    """An untrained network with a gallery of random features."""
    experiment = find_experiment("byol")
    config = experiment.config(recipe="quick", changes={"gallery": 10, "hidden": 8, "projection": 4})
    from core.data.traits import Traits

    traits = Traits(CLASSES, (0.5,) * 3, (0.5,) * 3)
    torch.manual_seed(0)
    network = experiment.set_up(config, traits).build_network()
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randint(0, 256, (30, 64, 64, 3), generator=generator).to(torch.uint8)
    network.gallery.fill(pictures, torch.arange(30) % 3)  # type: ignore[union-attr, operator]
    network.gallery.features.copy_(torch.rand(30, 128, generator=generator))  # type: ignore[union-attr, operator]
    folder: Path = tmp_path_factory.mktemp("checkpoint")
    card = {"experiment": "byol", "config": config.as_values(), "traits": traits.as_json()}
    save_checkpoint(folder, {"online": network}, card)
    found = load_predictor(Checkpoint("test", folder, card), device="cpu")
    assert isinstance(found, NeighbourPredictor)
    return found


@pytest.fixture(scope="module")
def prediction(predictor: NeighbourPredictor) -> NeighbourPrediction:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    answer = predictor.predict(Picture(pixels, "a.png", ("A note.",)))
    assert isinstance(answer, NeighbourPrediction)
    return answer


def test_the_vote_is_the_one_that_the_score_counts(
    predictor: NeighbourPredictor, prediction: NeighbourPrediction
) -> None:
    gallery = predictor.task.gallery
    rng = np.random.default_rng(5)
    for _ in range(5):
        features = torch.from_numpy(rng.random((1, 128), np.float32))
        prepared = predictor.setup.prepare_picture(prediction.pixels)
        from core.inference.predictors.predictor import Clock

        found = predictor.conclude(features, Picture(prediction.pixels, "a", ()), prepared, Clock())
        expected = classify_by_neighbours(gallery.features.numpy(), gallery.labels.numpy(), features.numpy())
        assert found.label == expected[0]


def test_neighbours_come_in_order_with_their_own_labels(
    predictor: NeighbourPredictor, prediction: NeighbourPrediction
) -> None:
    assert (np.diff(prediction.similarities) <= 0).all()
    assert len(prediction.similarities) == 20
    hung = predictor.task.gallery.pictures.numpy()
    for pixels, label in zip(prediction.neighbours, prediction.labels, strict=True):
        (place,) = np.flatnonzero((hung == pixels).all(axis=(1, 2, 3)))
        assert place % 3 == label
    assert prediction.votes.sum() == pytest.approx(1)


def test_a_prediction_says_itself_in_words_values_and_pictures(prediction: NeighbourPrediction) -> None:
    said = prediction.say()
    for told in (CLASSES[prediction.labels[0]], f"{prediction.similarities[0]:.3f}", CLASSES[prediction.label],
                 f"{100 * prediction.votes[prediction.label]:.0f}", "A note."):  # fmt: skip
        assert told in said
    values = prediction.as_json()
    assert values["class"] == CLASSES[prediction.label]
    assert len(values["nearest"]) == 20
    assert list(prediction.ranked(2).values()) == sorted(prediction.votes, reverse=True)[:2]
    assert len(prediction.captioned()) == 10
    assert prediction.captioned()[0][1].startswith(CLASSES[prediction.labels[0]])
    raster = prediction.rasters()["nearest"]
    assert raster.shape == (128, 6 * 128 + 8, 3)
