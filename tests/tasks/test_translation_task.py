import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import RunConfig
from core.engine.device import Compute
from core.engine.stepper import Stepper
from core.engine.task import Batch, PartLoss
from core.models.blot_gan import BlotDiscriminator, BlotGenerator, ConditionalGan
from core.models.pix2pix import build_pix2pix
from core.tasks.translation import Game, TranslationScores, TranslationTask

CPU = Compute("cpu", "fp32", "contiguous")


def _reported() -> ConditionalGan:
    torch.manual_seed(0)
    return ConditionalGan(BlotGenerator((4, 8)), BlotDiscriminator((4, 8)))


def _pix2pix() -> ConditionalGan:
    torch.manual_seed(0)
    return build_pix2pix(widths=(4, 8, 8), discriminator_widths=(4, 8, 8))


PAIRS = pytest.mark.parametrize("build", [_reported, _pix2pix])


def _batch(count: int = 3, seed: int = 1) -> Batch:
    source = torch.Generator().manual_seed(seed)
    images = (torch.rand(count, 2, 32, 32, generator=source) > 0.6).float() * 2 - 1
    return {"images": images, "target": -0.8 * images[:, 1:] + 0.1}


def _stepper(task: TranslationTask, **knobs: object) -> Stepper:
    values = {"optimizer": "adam", "learning_rate": 2e-3, "beta1": 0.5} | knobs
    return Stepper(task, RunConfig(**values), CPU, steps=50)  # type: ignore[arg-type]


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def _equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, second[key]) for key, value in first.items())


def _is_statistic(key: str) -> bool:
    return "running" in key or "num_batches" in key


class _Watched(TranslationTask):
    """Looks at both networks before a step, between its two halves, and after it."""

    def __init__(self, network: ConditionalGan, game: Game) -> None:
        super().__init__(network, game)
        self.moved: list[str] = []
        self.states: list[dict[str, dict[str, Tensor]]] = []
        self.with_gradient: list[set[str]] = []

    def losses(self, batch: Batch) -> Iterator[PartLoss]:
        self.look()
        for each in super().losses(batch):
            for parameter in self.network.parameters():
                parameter.grad = None
            yield each
            self.moved.append(each.part)
            self.look()

    def look(self) -> None:
        parts = self.parts()
        self.states.append({name: _state(part) for name, part in parts.items()})
        self.with_gradient.append(
            {name for name, part in parts.items() if any(each.grad is not None for each in part.parameters())}
        )


def _compare(first: dict[str, Tensor], second: dict[str, Tensor]) -> set[bool]:
    """Return whether what training moves is the same: for each tensor that is no statistic of batches."""
    return {torch.equal(value, second[key]) for key, value in first.items() if not _is_statistic(key)}


@PAIRS
def test_each_step_moves_its_own_network_and_leaves_the_other_alone(build: object) -> None:
    task = _Watched(build(), Game(l1_weight=10))  # type: ignore[operator]
    _stepper(task).step(_batch())
    assert task.moved == ["discriminator", "generator"]
    assert task.with_gradient == [set(), {"discriminator"}, {"generator"}]
    before, between, after = task.states
    assert _compare(before["generator"], between["generator"]) == {True}
    assert _compare(before["discriminator"], between["discriminator"]) == {False}
    assert _compare(between["generator"], after["generator"]) == {False}
    assert _equal(between["discriminator"], after["discriminator"])
    assert all(each.requires_grad for each in task.network.discriminator.parameters())


def test_batch_normalisation_of_the_generator_counts_every_batch_once() -> None:
    network = _reported()
    stepper = _stepper(TranslationTask(network, Game()))
    for count in (1, 2, 3):
        stepper.step(_batch())
        counted = {each for key, each in network.generator.state_dict().items() if key.endswith("num_batches_tracked")}
        assert {int(each) for each in counted} == {count}
    assert not [key for key in network.discriminator.state_dict() if _is_statistic(key)]


def test_the_generators_step_sees_the_discriminator_that_has_moved() -> None:
    network = _reported()
    task = TranslationTask(network, Game())
    network.train()
    batch, losses = _batch(), task.losses(_batch())
    generated = _reported().train().generator(batch["images"])
    next(losses)
    with torch.no_grad():
        for each in network.discriminator.parameters():
            each.mul_(0.3)
        expected = F.softplus(-network.discriminator(batch["images"], generated)).mean()
    torch.testing.assert_close(next(losses).loss, expected)


@PAIRS
@pytest.mark.parametrize(("mean", "level"), [(True, math.log(2)), (False, 2 * math.log(2))])
def test_a_discriminator_that_guesses_has_the_loss_of_balance(build: object, mean: bool, level: float) -> None:
    network = build()  # type: ignore[operator]
    for each in network.discriminator.parameters():
        each.data.zero_()
    game = Game(mean=mean)
    judge, generator = TranslationTask(network, game).losses(_batch())
    assert judge.loss.item() == pytest.approx(level)
    assert generator.loss.item() == pytest.approx(math.log(2))


@PAIRS
@pytest.mark.parametrize("real_target", [1.0, 0.9])
def test_losses_are_binary_cross_entropies_against_the_labels(build: object, real_target: float) -> None:
    network = build().train()  # type: ignore[operator]
    batch = _batch()
    torch.manual_seed(3)
    generated = network.generator(batch["images"])
    real, fake = (network.discriminator(batch["images"], each) for each in (batch["target"], generated))
    truth = F.binary_cross_entropy(real.sigmoid(), torch.full_like(real, real_target))
    lie, fooled = (F.binary_cross_entropy(fake.sigmoid(), torch.full_like(fake, each)) for each in (0.0, 1.0))
    torch.manual_seed(3)
    game = Game(l1_weight=7, real_target=real_target, mean=False)
    judge, generator = TranslationTask(network, game).losses(batch)
    torch.testing.assert_close(judge.loss, truth + lie)
    distance = F.l1_loss(generated, batch["target"])
    torch.testing.assert_close(generator.loss, fooled + 7 * distance)
    assert generator.values == pytest.approx({"adversarial": fooled.item(), "l1": distance.item()})


class _Sure(nn.Module):
    """Takes bright pictures for real with a given probability, and is sure that dark ones are not."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.real = torch.logit(torch.tensor(probability))

    def forward(self, templates: Tensor, pictures: Tensor) -> Tensor:
        return torch.where(pictures.mean(dim=(1, 2, 3)) > 0, self.real, torch.tensor(-30.0))[:, None]


class _Dark(nn.Module):
    def forward(self, templates: Tensor) -> Tensor:
        return torch.full_like(templates[:, :1], -1.0)


def test_smooth_labels_are_lowest_at_the_probability_they_name() -> None:
    batch, loss = {"images": torch.zeros(1, 2, 8, 8), "target": torch.ones(1, 1, 8, 8)}, {}
    for probability in (0.85, 0.9, 0.99):
        task = TranslationTask(ConditionalGan(_Dark(), _Sure(probability)), Game(real_target=0.9))
        loss[probability] = float(next(task.losses(batch)).loss)
    assert min(loss, key=lambda each: loss[each]) == 0.9


def test_the_discriminator_can_learn_at_a_rate_of_its_own() -> None:
    task = TranslationTask(_reported(), Game(discriminator_rate=0.25))
    stepper = _stepper(task, learning_rate=1e-3)
    rates = {name: each.param_groups[0]["lr"] for name, each in stepper.optimizers.items()}
    assert rates == pytest.approx({"generator": 1e-3, "discriminator": 2.5e-4})
    assert stepper.learning_rate == pytest.approx(1e-3)


@PAIRS
def test_twenty_steps_bring_the_picture_nearer(build: object) -> None:
    stepper = _stepper(TranslationTask(build(), Game(l1_weight=100)), learning_rate=5e-3)  # type: ignore[operator]
    steps = [stepper.step(_batch()) for _ in range(20)]
    assert steps[-1]["l1"] < 0.8 * steps[0]["l1"]
    assert set(steps[0]) == {
        "loss_discriminator", "loss_generator", "real_accuracy", "fake_accuracy", "adversarial", "l1",
    }  # fmt: skip


def test_twenty_steps_teach_the_discriminator_what_is_true() -> None:
    network = _reported()
    stepper = _stepper(TranslationTask(network, Game(discriminator_rate=100)), learning_rate=2e-4)
    steps = [stepper.step(_batch()) for _ in range(20)]
    assert steps[-1]["loss_discriminator"] < 0.85 * steps[0]["loss_discriminator"]
    assert (steps[-1]["real_accuracy"], steps[-1]["fake_accuracy"]) == (1.0, 1.0)


def _single(seed: int = 1) -> Batch:
    return {**_batch(1, seed), "name": f"blot{seed}"}


@PAIRS
def test_evaluation_scores_the_picture_that_is_predicted(build: object) -> None:
    network = build().eval()  # type: ignore[operator]
    task = TranslationTask(network, Game(l1_weight=100, mean=False))
    before, scores, batch = _state(network), task.new_scores(), _single()
    generated = task.evaluate(batch, scores)
    assert generated.shape == (1, 32, 32)
    assert _equal(before, _state(network))
    with torch.no_grad():
        expected = network(batch["images"])
        real, fake = (network.judge(batch["images"], each).item() for each in (batch["target"], expected))
    np.testing.assert_allclose(generated, expected[0], atol=1e-6)
    found = scores.compute()
    distance = float(np.abs(generated - batch["target"][0].numpy()).mean())
    assert found["l1"] == pytest.approx(distance, rel=1e-5)
    assert (found["real_accuracy"], found["fake_accuracy"]) == (float(real >= 0.5), float(fake < 0.5))
    assert found["loss"] == pytest.approx(found["loss_generator"] + found["loss_discriminator"])
    (row,) = scores.per_picture()
    assert row["ssim"] == found["ssim"]


def test_losses_of_a_split_are_means_and_those_of_training() -> None:
    network = _pix2pix().eval()
    task = TranslationTask(network, Game(l1_weight=100))
    scores, each = task.new_scores(), []
    for seed in (1, 2):
        with torch.no_grad():
            each.append([float(part.loss) for part in task.losses(_single(seed))])
        task.evaluate(_single(seed), scores)
    found = scores.compute()
    assert [found["loss_discriminator"], found["loss_generator"]] == pytest.approx(np.mean(each, axis=0), rel=1e-5)
    assert task.monitor.key in found


def test_a_split_without_pictures_has_no_scores() -> None:
    assert TranslationScores().compute() == {}


def test_noise_is_drawn_where_it_is_given_and_only_there() -> None:
    task = TranslationTask(_pix2pix().eval(), Game(), noise=True)
    templates = _batch(1)["images"]
    assert torch.equal(task.predict(templates), task.predict(templates))
    first, again, other = (task.predict(templates, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_a_sample_shows_templates_answer_and_truth_from_left_to_right() -> None:
    task, batch = TranslationTask(_reported(), Game()), _single()
    (sample,) = task.draw(batch, np.full((1, 32, 32), 0.2, np.float32))
    assert sample.name == "blot1"
    assert sample.pixels.shape == (96, 4 * 96 + 3 * 6, 3)
    tiles = [sample.pixels[::3, start : start + 96 : 3, 0] for start in (0, 102, 204, 306)]
    shown = [*batch["images"][0], torch.full((32, 32), 0.2), batch["target"][0, 0]]
    for tile, picture in zip(tiles, shown, strict=True):
        np.testing.assert_allclose(tile / 127.5 - 1, picture, atol=0.005)


def test_the_network_adopted_is_the_one_that_is_used() -> None:
    task, other = TranslationTask(_reported(), Game()), _pix2pix()
    task.adopt({"generator": other.generator, "discriminator": other.discriminator})
    assert task.parts() == {"generator": other.generator, "discriminator": other.discriminator}
    assert next(iter(task.parts())) == "generator"
    module, images = task.example(_batch())  # type: ignore[misc]
    assert module is other.generator
    assert images.shape == (3, 2, 32, 32)
