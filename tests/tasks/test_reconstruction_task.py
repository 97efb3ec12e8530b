import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.config import RunConfig
from core.data.torch_datasets.whole_images import prepare_example
from core.engine.device import Compute
from core.engine.stepper import Stepper
from core.engine.task import Batch
from core.models.autoencoder import Autoencoder
from core.tasks.reconstruction import PSNR, Loss, ReconstructionTask, amplify_difference, emptied


class _Brighter(nn.Module):
    """Gives a picture back, everything a tenth brighter; half of it passes a bottleneck, the other half does not."""

    def __init__(self) -> None:
        super().__init__()
        self.bottleneck = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 0.5 * images + 0.5 * self.bottleneck(images) + 0.1


def _task(network: nn.Module, loss: Loss = F.mse_loss) -> ReconstructionTask:
    return ReconstructionTask(network, loss, bottleneck=network.get_submodule("bottleneck"))


def _batch(*, noise: float = 0.0, shape: tuple[int, int] = (24, 36)) -> Batch:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    return dict(prepare_example(pixels, name="eye", noise=noise))


@pytest.fixture
def task() -> ReconstructionTask:
    return _task(_Brighter())


def test_a_picture_is_scored_whole_at_the_size_the_network_sees(task: ReconstructionTask) -> None:
    scores = task.new_scores()
    made = task.evaluate(_batch(), scores)
    assert made.shape == (1, 3, 24, 36)
    found = scores.compute()
    assert found["psnr"] == pytest.approx(26.0206, abs=1e-3)  # 10 log10(4 / 0.01)
    assert found["mse"] == pytest.approx(0.01, rel=1e-4)
    assert found["mae"] == pytest.approx(0.1, rel=1e-4)
    assert found["loss"] == pytest.approx(0.01, rel=1e-4)
    assert scores.names == ["eye"]
    assert scores.reference() == {}


def test_every_key_of_a_split_is_one_of_the_experiment(task: ReconstructionTask) -> None:
    from core.experiments import find_experiment

    scores = task.new_scores()
    task.evaluate(_batch(noise=0.1), scores)
    assert set(scores.compute()) == set(find_experiment("reconstruction").score_titles)
    assert PSNR.key in scores.compute()


def test_the_loss_of_a_split_is_the_mean_over_its_pictures() -> None:
    task = _task(_Brighter(), F.l1_loss)
    scores = task.new_scores()
    for shape in ((24, 36), (60, 80)):
        task.evaluate(_batch(shape=shape), scores)
    assert scores.compute()["loss"] == pytest.approx(0.1, rel=1e-4)
    assert [row["loss"] for row in scores.per_picture()] == pytest.approx([0.1, 0.1], rel=1e-4)


def test_an_emptied_bottleneck_leaves_what_passes_by_it(task: ReconstructionTask) -> None:
    scores, batch = task.new_scores(), _batch()
    made = task.evaluate(batch, scores)
    target = batch["targets"]
    left = 0.5 * target + 0.5 * target.mean(dim=(2, 3), keepdim=True) + 0.1
    expected = 10 * torch.log10(4 / F.mse_loss(left, target))
    assert scores.compute()["psnr_emptied"] == pytest.approx(float(expected), abs=1e-3)
    assert torch.equal(task.predict(batch["images"]), made)  # it is full again


def test_a_bottleneck_is_filled_again_after_an_error() -> None:
    bottleneck = nn.Identity()
    maps = torch.arange(8.0).reshape(1, 2, 2, 2)
    with pytest.raises(ValueError, match="stop"), emptied(bottleneck):
        assert bottleneck(maps).std(dim=(2, 3)).max() == 0
        raise ValueError("stop")
    assert torch.equal(bottleneck(maps), maps)


def test_without_skips_nothing_passes_by_the_bottleneck() -> None:
    """All places are then answered alike, but for the eight pixels that one place of the bottleneck stands for."""
    torch.manual_seed(0)
    for skips in (True, False):
        made = _task(Autoencoder(widths=(4, 4, 4), bottleneck=8, skips=skips).eval()).predict_emptied(
            _batch(shape=(80, 80))["images"]
        )
        one, next_to_it = made[..., 32:40, 32:40], made[..., 40:48, 32:40]
        assert torch.allclose(one, next_to_it, atol=1e-5) is not skips


def test_noise_is_measured_where_there_is_any(task: ReconstructionTask) -> None:
    clean, noisy = task.new_scores(), task.new_scores()
    task.evaluate(_batch(shape=(64, 64)), clean)
    task.evaluate(_batch(shape=(64, 64), noise=0.1), noisy)
    assert "psnr_seen" not in clean.compute()
    assert noisy.compute()["psnr_seen"] == pytest.approx(26.02, abs=0.2)
    assert noisy.compute()["psnr"] == pytest.approx(23.0, abs=0.3)  # noise and brightness together: 4 / (0.01 + 0.01)


def test_a_sample_shows_picture_answer_and_difference(task: ReconstructionTask) -> None:
    batch = _batch()
    (sample,) = task.draw(batch, task.evaluate(batch, task.new_scores()))
    assert sample.name == "eye"
    assert sample.pixels.shape == (24, 3 * 36, 3)
    picture, made, difference = np.split(sample.pixels, 3, axis=1)
    moved = made.astype(int) - picture
    bright = picture.astype(int) + 13 > 255  # a tenth of -1 to 1 is 12.75 of 255
    assert np.isin(moved[~bright], (12, 13)).all()
    assert (made[bright] == 255).all()
    assert (difference == np.minimum(5 * np.abs(moved), 255)).all()


def test_a_sample_shows_what_a_denoiser_saw(task: ReconstructionTask) -> None:
    batch = _batch(noise=0.3)
    (sample,) = task.draw(batch, task.evaluate(batch, task.new_scores()))
    picture, seen, made, _ = np.split(sample.pixels, 4, axis=1)
    assert np.abs(picture.astype(int) - seen).mean() > 15
    assert np.abs(seen.astype(int) - made).mean() < 14


def test_equal_pictures_differ_by_black_and_large_differences_stay_white() -> None:
    dark, bright = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert not amplify_difference(bright, bright).any()
    assert (amplify_difference(dark, bright) == 255).all()
    assert (amplify_difference(bright, dark) == 255).all()
    assert (amplify_difference(dark, dark + 10) == 50).all()


def test_the_target_and_not_the_noisy_input_is_learned() -> None:
    network = nn.Conv2d(3, 3, 1)
    task = ReconstructionTask(network, F.mse_loss, bottleneck=network)
    batch = _batch(noise=0.5)
    (step,) = task.losses(batch)
    assert step.part == "network"
    assert step.loss.requires_grad
    assert torch.allclose(step.loss, F.mse_loss(network(batch["images"]), batch["targets"]))


@pytest.mark.parametrize("skips", [True, False])
def test_twenty_steps_lower_the_loss_and_move_every_weight(skips: bool) -> None:
    torch.manual_seed(0)
    network = Autoencoder(widths=(4, 8, 8), bottleneck=8, skips=skips)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    task = _task(network)
    config = RunConfig(learning_rate=1e-2)
    stepper = Stepper(task, config, Compute("cpu", "fp32", "contiguous"), steps=20)
    batch = _batch(shape=(32, 32))
    losses = [stepper.step(batch)["loss"] for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    assert [name for name, value in network.named_parameters() if torch.equal(value, before[name])] == []
