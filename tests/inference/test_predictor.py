import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.data.image_io.reader import Picture
from core.data.synthetic.fundus.make import draw_fundus
from core.engine.checkpoint import WEIGHTS, load_card, save_checkpoint
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.checkpoints import Checkpoint, find_checkpoint, shipped_checkpoints
from core.inference.evaluation import evaluate
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.segmentation import SegmentationPredictor
from core.inference.predictors.translation import TranslationPredictor
from tests.synthetic_sets import SyntheticSets


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def unknown_run(run_id: str) -> Path:
    raise UserError(f"no run {run_id}")


@pytest.fixture(scope="module")
def predictor(checkpoint_folder: Path) -> SegmentationPredictor:
    return load_predictor(find_checkpoint(str(checkpoint_folder), unknown_run))


@pytest.fixture(scope="module")
def fundus() -> Picture:
    return Picture(draw_fundus(np.random.default_rng(1), height=321, width=300).image, "eye.png", ())


def test_the_answer_has_the_size_of_the_picture(predictor: SegmentationPredictor, fundus: Picture) -> None:
    prediction = predictor.predict(fundus)
    assert prediction.probabilities.shape == fundus.pixels.shape[:2]
    assert prediction.mask().shape == fundus.pixels.shape[:2]
    assert set(prediction.milliseconds) == {"prepare", "network", "scale back"}


def test_a_picture_that_was_resized_says_so(predictor: SegmentationPredictor, fundus: Picture) -> None:
    assert "300×321" in " ".join(predictor.predict(fundus).notes)


def test_nothing_is_found_outside_the_field_of_view(predictor: SegmentationPredictor, fundus: Picture) -> None:
    prediction = predictor.predict(fundus)
    assert not prediction.mask(0.0)[~prediction.inside].any()
    assert prediction.share(0.0) == 1.0


def test_the_predictor_gives_what_the_network_gives(predictor: SegmentationPredictor, fundus: Picture) -> None:
    """The whole way, repeated by hand in fp32 with the experiment's own pieces."""
    prepared = predictor.setup.prepare_picture(fundus.pixels)
    with torch.inference_mode():
        logits = predictor.network(prepared.images.contiguous()).float()
    small = logits.sigmoid()[0, 0].numpy()
    found = predictor.predict(fundus).probabilities
    rows, columns = (np.linspace(0, side - 1, 7).astype(int)[1:-1] for side in small.shape)
    for row in rows:
        for column in columns:
            y, x = round((row + 0.5) * 321 / small.shape[0]), round((column + 0.5) * 300 / small.shape[1])
            if prepared.inside[y, x]:
                assert abs(found[y, x] - small[row, column]) < 0.1


def test_loading_again_gives_the_same_answer(
    predictor: SegmentationPredictor, checkpoint_folder: Path, fundus: Picture
) -> None:
    again = load_predictor(find_checkpoint(str(checkpoint_folder), unknown_run))
    first, second = (each.predict(fundus).probabilities for each in (predictor, again))
    assert np.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("source", ["vessels/none", "/nowhere/at/all", "."])
def test_what_is_no_checkpoint_is_one_sentence(source: str) -> None:
    with pytest.raises(UserError, match=rf"{re.escape(source)} .*{re.escape(WEIGHTS)}"):
        find_checkpoint(source, unknown_run)


def test_an_empty_name_is_one_sentence() -> None:
    with pytest.raises(UserError):
        find_checkpoint("", lambda _: pytest.fail("no run is meant"))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    experiment = find_experiment("vessels")
    small = experiment.config()
    card = {"experiment": "vessels", "config": experiment.config(changes={"colour": "grey"}).as_values()}
    save_checkpoint(tmp_path, {"network": experiment.set_up(small).build_network()}, card)
    with pytest.raises(UserError, match=re.escape(str(tmp_path))):
        load_predictor(Checkpoint("x", tmp_path, load_card(tmp_path)))


def test_evaluation_agrees_with_scoring_by_hand(checkpoint_folder: Path, synthetic_sets: SyntheticSets) -> None:
    drive = synthetic_sets.of("vessels", halved=True)
    checkpoint = find_checkpoint(str(checkpoint_folder), unknown_run)
    found = evaluate(checkpoint, data=str(drive), split="test")
    predictor = load_predictor(checkpoint)
    hits = wrong = 0
    for path in sorted((drive / "test/images").glob("*.tif")):
        number = path.name[:2]
        label = grey(drive / f"test/1st_manual/{number}_manual1.gif") > 127
        inside = grey(drive / f"test/mask/{number}_test_mask.gif") > 127
        said = (predictor.predict_file(path).probabilities >= predictor.setup.config.threshold)[inside]
        hits += int((said & label[inside]).sum())
        wrong += int((said ^ label[inside]).sum())
    assert found.scores["dice"] == pytest.approx(2 * hits / (2 * hits + wrong), abs=0.02)
    assert 0.7 < found.human["dice"] < 0.97


def test_every_shipped_checkpoint_says_what_it_is() -> None:
    shipped = shipped_checkpoints()
    assert shipped
    for checkpoint in shipped:
        for key in ("title", "data", "terms", "command", "test", "limits"):
            assert checkpoint.card.get(key), f"{checkpoint.name} does not say its {key}"
        assert (checkpoint.folder / "README.md").is_file()


@pytest.mark.parametrize("checkpoint", shipped_checkpoints(), ids=lambda each: each.name)
def test_a_shipped_checkpoint_predicts(checkpoint: Checkpoint, fundus: Picture) -> None:
    predictor = load_predictor(checkpoint)
    both = isinstance(predictor, TranslationPredictor)  # takes two templates side by side
    prediction = predictor.predict(
        replace(fundus, pixels=np.hstack([fundus.pixels[:300, :300]] * 2)) if both else fundus
    )
    assert prediction.say()
    if checkpoint.experiment.slug == "vessels":
        assert 0.03 < prediction.share() < 0.2
