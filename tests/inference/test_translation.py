import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.data.image_io.reader import Picture
from core.data.layouts.blots import load_blot, open_blots
from core.data.synthetic.blots import Blot, draw_blot
from core.engine.checkpoint import save_checkpoint
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.checkpoints import find_checkpoint
from core.inference.evaluation import evaluate
from core.inference.export.files import save_prediction
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.translation import HALVES, NO_NOISE, TranslationPredictor
from tests.synthetic_sets import SyntheticSets

TINY = {"width": 4, "levels": 3, "judge_width": 4, "precision": "fp32", "memory_format": "contiguous"}


def _unknown_run(run_id: str) -> Path:
    raise AssertionError(run_id)


def _predictor(folder: Path, arm: str) -> TranslationPredictor:
    experiment = find_experiment("blots")
    config = experiment.config(arm=arm, changes=TINY)
    torch.manual_seed(0)
    network: Any = experiment.set_up(config).build_network()
    parts = {"generator": network.generator, "discriminator": network.discriminator}
    for each in network.generator.parameters():
        each.data.mul_(4)  # so that noise is seen after rounding to whole grey values
    save_checkpoint(folder, parts, {"experiment": "blots", "config": config.as_values()})
    found = load_predictor(find_checkpoint(str(folder), _unknown_run), device="cpu")
    assert isinstance(found, TranslationPredictor)
    return found


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> TranslationPredictor:
    return _predictor(tmp_path_factory.mktemp("checkpoint"), "pix2pix")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> TranslationPredictor:
    return _predictor(tmp_path_factory.mktemp("checkpoint"), "reported")


@pytest.fixture(scope="module")
def blot() -> Blot:
    return draw_blot(np.random.default_rng(4))


def _png(*greys: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.concatenate(greys, axis=1)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("which", ["noisy", "quiet"])
def test_one_picture_of_two_halves_says_the_same_as_two_pictures(
    which: str, blot: Blot, request: pytest.FixtureRequest
) -> None:
    predictor: TranslationPredictor = request.getfixturevalue(which)
    joined = predictor.predict_file(_png(blot.layout, blot.bands))
    pair = predictor.predict_pair(_png(blot.layout), _png(blot.bands))
    assert joined.generated.shape == (64, 64)
    np.testing.assert_array_equal(joined.generated, pair.generated)
    np.testing.assert_array_equal(joined.templates, pair.templates)
    assert HALVES in joined.notes
    assert pair.notes == ()
    assert list(joined.milliseconds) == ["read", "prepare", "network"] == list(pair.milliseconds)


def test_the_predictor_gives_what_the_network_gives(quiet: TranslationPredictor, blot: Blot) -> None:
    templates = np.stack([blot.layout, blot.bands]).astype(np.float32) / 127.5 - 1
    with torch.inference_mode():
        expected = quiet.network(torch.from_numpy(templates)[None])[0, 0].numpy()
    found = quiet.predict_pair(_png(blot.layout), _png(blot.bands))
    np.testing.assert_allclose(found.templates, templates, atol=1e-6)
    assert np.abs(found.generated / 127.5 - 1 - expected).max() < 0.05


def test_swapped_templates_give_another_blot(quiet: TranslationPredictor, blot: Blot) -> None:
    first = quiet.predict_pair(_png(blot.layout), _png(blot.bands)).generated
    assert not np.array_equal(first, quiet.predict_pair(_png(blot.bands), _png(blot.layout)).generated)


def test_samples_differ_from_each_other_and_are_the_same_each_time(noisy: TranslationPredictor, blot: Blot) -> None:
    first, again = (noisy.predict_pair(_png(blot.layout), _png(blot.bands), samples=3) for _ in range(2))
    assert len(first.samples) == 3
    pictures = [first.generated, *first.samples]
    for number, picture in enumerate(pictures):
        assert not any(np.array_equal(picture, other) for other in pictures[number + 1 :])
    for one, other in zip(first.samples, again.samples, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "samples" in first.milliseconds
    more = noisy.draw_samples(first, 5).samples
    np.testing.assert_array_equal(more[2], first.samples[2])


def test_a_network_without_noise_draws_no_samples_and_says_so(quiet: TranslationPredictor, blot: Blot) -> None:
    prediction = quiet.predict_pair(_png(blot.layout), _png(blot.bands), samples=3)
    assert prediction.samples == ()
    assert prediction.notes == (NO_NOISE,)


@pytest.mark.parametrize("samples", [-1, 17])
def test_too_many_samples_are_one_sentence(noisy: TranslationPredictor, blot: Blot, samples: int) -> None:
    with pytest.raises(UserError, match=rf"{samples}\b.*\b0\b.*\b16\b"):
        noisy.predict_pair(_png(blot.layout), _png(blot.bands), samples=samples)


def test_a_picture_that_holds_no_two_templates_is_one_sentence(quiet: TranslationPredictor) -> None:
    with pytest.raises(UserError, match="64 × 64"):
        quiet.predict_file(_png(np.zeros((64, 64), np.uint8)))


def test_a_template_that_is_squeezed_says_so(quiet: TranslationPredictor, blot: Blot) -> None:
    prediction = quiet.predict_pair(_png(blot.layout, blot.layout), _png(blot.bands))
    (note,) = prediction.notes
    assert all(value in note for value in ("1:", "128×64"))
    assert "2:" in quiet.predict_pair(_png(blot.layout), _png(blot.bands, blot.bands)).notes[0]


def test_a_prediction_is_said_survives_json_and_is_written(
    noisy: TranslationPredictor, blot: Blot, tmp_path: Path
) -> None:
    prediction = noisy.predict_pair(_png(blot.layout), _png(blot.bands), samples=2)
    values = json.loads(json.dumps(prediction.as_json(), allow_nan=False))
    assert (values["width"], values["height"], values["samples"]) == (64, 64, 2)
    assert values["lanes"] == prediction.lanes >= 3
    assert all(value in prediction.say() for value in ("64×64", str(prediction.lanes)))
    files = save_prediction(prediction, tmp_path, "a.png")
    assert set(files) == {"generated", "sample_1", "sample_2", "beside_templates"}
    np.testing.assert_array_equal(np.asarray(Image.open(files["generated"])), prediction.generated)
    beside = np.asarray(Image.open(files["beside_templates"]))
    assert beside.shape == (256, 3 * 256 + 2 * 6, 3)
    np.testing.assert_array_equal(beside[::4, 524::4, 0], prediction.generated)


def test_evaluation_agrees_with_predicting_each_blot(
    quiet: TranslationPredictor, synthetic_sets: SyntheticSets
) -> None:
    blots = synthetic_sets.of("blots")
    found = evaluate(quiet.checkpoint, data=str(blots), split="train", device="cpu")
    errors = []
    for item in open_blots(blots).items("train"):
        templates = [np.asarray(Image.open(path)) for path in item.templates]
        drawn = quiet.predict(Picture(np.repeat(np.concatenate(templates, 1)[..., None], 3, 2), item.name, ()))
        errors.append(np.abs(drawn.generated / 127.5 - 1 - load_blot(item)[1][0]).mean())
    assert len(found.per_picture) == len(errors) > 3
    assert found.scores["l1"] == pytest.approx(np.mean(errors), abs=0.01)
    assert 0 <= found.scores["fake_accuracy"] <= 1
    assert found.human == {}
