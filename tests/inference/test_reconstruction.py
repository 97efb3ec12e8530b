import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.data.image_io.reader import Picture
from core.engine.checkpoint import save_checkpoint
from core.experiments import find_experiment
from core.inference.checkpoints import find_checkpoint
from core.inference.evaluation import evaluate
from core.inference.predictors.kinds import load_predictor
from core.inference.predictors.reconstruction import ReconstructionPrediction, ReconstructionPredictor
from core.metrics.reconstruction import ReconstructionScores

TINY = {
    "batch_size": 1,
    "size": 32,
    "patch": 0,
    "width": 4,
    "bottleneck": 8,
    "precision": "fp32",
    "memory_format": "contiguous",
}


def _unknown_run(run_id: str) -> Path:
    raise AssertionError(run_id)


def _predictor(folder: Path, arm: str = "with-skips", **changes: object) -> ReconstructionPredictor:
    experiment = find_experiment("reconstruction")
    config = experiment.config(arm=arm, changes=TINY | changes)
    torch.manual_seed(0)
    network = experiment.set_up(config).build_network()
    save_checkpoint(folder, {"network": network}, {"experiment": "reconstruction", "config": config.as_values()})
    found = load_predictor(find_checkpoint(str(folder), _unknown_run))
    assert isinstance(found, ReconstructionPredictor)
    return found


def _picture(height: int = 50, width: int = 70) -> Picture:
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([2 * rows, 3 * columns, rows + columns], axis=2).astype(np.uint8)
    return Picture(pixels, "slope.png", ())


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> ReconstructionPredictor:
    return _predictor(tmp_path_factory.mktemp("checkpoint"))


@pytest.mark.parametrize("shape", [(50, 70), (32, 32), (17, 300), (201, 40)])
def test_the_answer_has_the_size_of_the_picture(predictor: ReconstructionPredictor, shape: tuple[int, int]) -> None:
    prediction = predictor.predict(_picture(*shape))
    assert prediction.reconstruction.shape == prediction.difference.shape == (*shape, 3)
    assert set(prediction.milliseconds) == {"prepare", "network", "compare", "scale back"}
    assert [f"{shape[1]}×{shape[0]}" in note for note in prediction.notes] == [True] * (shape != (32, 32))


def test_a_picture_of_the_working_size_is_compared_as_it_is(predictor: ReconstructionPredictor) -> None:
    picture = _picture(32, 32)
    prediction = predictor.predict(picture)
    assert prediction.notes == ()
    numbers = torch.from_numpy(picture.pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    with torch.inference_mode():
        made = predictor.network(numbers)[0].permute(1, 2, 0).numpy()
    scores = ReconstructionScores()
    scores.update("", made, numbers[0].permute(1, 2, 0).numpy())
    assert {**prediction.scores, "psnr_emptied": 0} == pytest.approx({**scores.compute(), "psnr_emptied": 0}, rel=1e-4)
    shown = np.clip(np.rint((made + 1) * 127.5), 0, 255)
    assert np.abs(prediction.reconstruction - shown).max() <= 1
    gap = np.abs(prediction.reconstruction.astype(int) - picture.pixels)
    assert (prediction.difference == np.minimum(5 * gap, 255)).all()


def test_scores_do_not_hang_on_the_size_that_the_answer_is_scaled_back_to(predictor: ReconstructionPredictor) -> None:
    small = _picture(32, 32)
    large = Picture(small.pixels.repeat(4, axis=0).repeat(4, axis=1), "large.png", ())
    assert predictor.predict(large).scores == pytest.approx(predictor.predict(small).scores, rel=1e-4)


def test_a_kept_shape_is_not_squashed(tmp_path: Path) -> None:
    prediction = _predictor(tmp_path, keep_shape=True).predict(_picture(100, 50))
    assert all(size in prediction.say() for size in ("16×32", "50×100"))


def test_a_denoiser_gets_the_picture_as_it_is_and_says_what_its_scores_mean(tmp_path: Path) -> None:
    plain, denoiser = _predictor(tmp_path / "a"), _predictor(tmp_path / "b", arm="denoising")
    first, second = (each.predict(_picture(32, 32)) for each in (plain, denoiser))
    assert (first.reconstruction == second.reconstruction).all()  # the same weights and the same input
    assert first.notes == ()
    (meaning,) = second.notes
    assert meaning in second.say()


def test_a_prediction_survives_json_and_is_written_as_pictures(predictor: ReconstructionPredictor) -> None:
    prediction = predictor.predict(_picture())
    values = json.loads(json.dumps(prediction.as_json(), allow_nan=False))
    assert (values["width"], values["height"], values["difference_scale"]) == (70, 50, 5)
    assert values["psnr"] == pytest.approx(prediction.scores["psnr"], abs=1e-5)
    assert set(prediction.rasters()) == {"reconstruction", "bottleneck_emptied", "difference_x5"}
    assert f"{prediction.scores['psnr']:.2f}" in prediction.say()


def test_a_picture_that_is_too_small_for_ssim_has_none() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    scores = {"psnr_emptied": 29.8, "psnr": 30.0, "ssim": float("nan"), "mse": 0.004, "mae": 0.05}
    prediction = ReconstructionPrediction(pixels, pixels, pixels, pixels, scores, (), {})
    assert re.findall(r"\d[\d.]*", prediction.say_scores()) == ["30.00"]
    assert "nan" not in prediction.say_scores()
    assert json.loads(json.dumps(prediction.as_json(), allow_nan=False))["ssim"] is None


def test_it_is_said_whether_the_bottleneck_is_needed() -> None:
    pixels, meanings = np.zeros((16, 16, 3), np.uint8), []
    for emptied in (29.8, 30.4, 12.0):
        scores = {"psnr": 30.0, "ssim": 0.9, "mse": 0.004, "mae": 0.05, "psnr_emptied": emptied}
        prediction = ReconstructionPrediction(pixels, pixels, pixels, pixels, scores, (), {})
        said = prediction.say_emptied()
        assert said in prediction.say()
        assert all(value in said for value in (f"{emptied:.2f}", "30.00"))
        meanings.append(said.replace(f"{emptied:.2f}", ""))
    assert meanings[0] == meanings[1] != meanings[2]


def test_evaluation_agrees_with_predicting_each_picture(tmp_path: Path) -> None:
    predictor = _predictor(tmp_path / "checkpoint")
    for number in range(3):
        (tmp_path / "set/test").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set/train").mkdir(parents=True, exist_ok=True)
        Image.fromarray(_picture(40 + number, 60).pixels).save(tmp_path / f"set/test/{number}.png")
        Image.fromarray(_picture(40 + number, 50).pixels).save(tmp_path / f"set/train/{number}.png")
    found = evaluate(predictor.checkpoint, data=str(tmp_path / "set"), split="test", device="cpu")
    said = [predictor.predict_file(path).scores for path in sorted((tmp_path / "set/test").glob("*.png"))]
    assert len(found.per_picture) == 3
    for key in ("psnr", "ssim", "mse", "mae", "psnr_emptied"):
        assert found.scores[key] == pytest.approx(np.mean([each[key] for each in said]), rel=0.02)
    assert found.human == {}
