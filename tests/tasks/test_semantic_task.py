import doctest
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.data.layouts.landcover import CLASSES, COLOURS, UNKNOWN, render_labels
from core.data.torch_datasets.landcover import LandcoverPicture
from core.engine.task import Batch
from core.tasks import semantic
from core.tasks.semantic import SemanticTask, labelled_cross_entropy

FOREST, WATER, BARREN = (CLASSES.index(name) for name in ("forest", "water", "barren"))


class _Green(nn.Module):
    """Takes green pixels for forest and all others for water, with much certainty."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(images), len(CLASSES), *images.shape[-2:])
        logits[:, FOREST] = 20 * (images[:, 1] > 0.5)
        logits[:, WATER] = 20 * (images[:, 1] <= 0.5)
        return logits


class _WithSecond(nn.Module):
    """Answers twice, as DeepLabV3 does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, len(CLASSES), 1), nn.Conv2d(3, len(CLASSES), 1)
        self.auxiliary: torch.Tensor | None = None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.auxiliary = self.second(images) if self.training else None
        logits: torch.Tensor = self.first(images)
        return logits


@pytest.fixture
def batch() -> Batch:
    """A picture of 40×60, seen at half the size: rows 0 to 19 are found as forest, of which 8 are labelled so."""
    labels = np.full((40, 60), WATER, np.int64)
    labels[:8], labels[30:] = FOREST, UNKNOWN
    images = torch.zeros(1, 3, 20, 30)
    images[:, 1, :10] = 1
    return {"images": images, "picture": LandcoverPicture("tile", np.full((40, 60, 3), 90, np.uint8), labels)}


@pytest.fixture
def task() -> SemanticTask:
    return SemanticTask(_Green(), CLASSES, render_labels)


def _random_batch(seed: int = 0, *, unknown: float = 0.3) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, len(CLASSES), (2, 8, 8), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < unknown] = UNKNOWN
    return {"images": torch.randn(2, 3, 8, 8, generator=generator), "labels": labels}


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(semantic) == doctest.TestResults(failed=0, attempted=3)


def test_scores_are_counted_at_the_size_of_the_picture_on_known_ground(task: SemanticTask, batch: Batch) -> None:
    scores = task.new_scores()
    found = task.evaluate(batch, scores)
    assert found.shape == (40, 60)
    assert set(np.unique(found)) == {FOREST, WATER}
    assert scores.confusion.sum() == 30 * 60
    assert scores.confusion[FOREST, FOREST] == 8 * 60
    assert scores.confusion[WATER, FOREST] == 12 * 60
    assert scores.compute()["iou_water"] == pytest.approx(10 / 22)
    assert scores.compute()["miou"] == pytest.approx((10 / 22 + 8 / 20) / 2)


def test_classes_that_are_nowhere_are_left_out(task: SemanticTask, batch: Batch) -> None:
    scores = task.new_scores()
    task.evaluate(batch, scores)
    for found in (scores.compute(), *scores.per_picture()):
        assert {key for key in found if key.startswith("iou_")} == {"iou_forest", "iou_water"}
        assert not any(math.isnan(each) for each in found.values())


def test_a_split_of_unknown_ground_has_no_mean_iou_but_says_so(task: SemanticTask, batch: Batch) -> None:
    batch["picture"].labels[:] = UNKNOWN
    scores = task.new_scores()
    task.evaluate(batch, scores)
    assert math.isnan(scores.compute()["miou"])
    assert set(scores.compute()) == {"miou"}


def test_the_loss_of_a_split_is_cross_entropy_over_its_known_pixels(batch: Batch) -> None:
    torch.manual_seed(1)
    network = nn.Conv2d(3, len(CLASSES), 1)
    task = SemanticTask(network, CLASSES, render_labels)
    own = {**batch, "images": torch.randn(1, 3, 40, 60)}
    scores = task.new_scores()
    task.evaluate(own, scores)
    labels = torch.from_numpy(own["picture"].labels)[None]
    with torch.inference_mode():
        expected = F.cross_entropy(network(own["images"]), labels, ignore_index=UNKNOWN)
    assert scores.compute()["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_an_empty_split_has_no_scores(task: SemanticTask) -> None:
    assert task.new_scores().compute() == {}


def test_the_training_loss_is_that_of_an_independent_implementation() -> None:
    batch = _random_batch()
    logits = torch.randn(2, len(CLASSES), 8, 8)
    expected = F.cross_entropy(logits, batch["labels"], ignore_index=UNKNOWN)
    assert float(labelled_cross_entropy(logits, batch["labels"])) == pytest.approx(float(expected), rel=1e-5)


def test_a_batch_of_unknown_ground_teaches_nothing_and_breaks_nothing() -> None:
    network = nn.Conv2d(3, len(CLASSES), 1)
    (step,) = SemanticTask(network, CLASSES, render_labels).losses(_random_batch(unknown=2.0))
    step.loss.backward()
    assert float(step.loss.detach()) == 0.0
    assert network.weight.grad is not None
    assert not network.weight.grad.any()


def test_unknown_pixels_have_no_gradient() -> None:
    batch = _random_batch()
    logits = torch.randn(2, len(CLASSES), 8, 8, requires_grad=True)
    labelled_cross_entropy(logits, batch["labels"]).backward()
    assert logits.grad is not None
    unknown = (batch["labels"] == UNKNOWN)[:, None].expand_as(logits)
    assert not logits.grad[unknown].any()
    assert (logits.grad[~unknown] != 0).all()


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_the_second_answer_adds_its_part_of_the_loss_and_is_trained_by_it(weight: float) -> None:
    torch.manual_seed(0)
    network, batch = _WithSecond(), _random_batch()
    (step,) = SemanticTask(network, CLASSES, render_labels, auxiliary=weight).losses(batch)
    step.loss.backward()
    first, second = (labelled_cross_entropy(each(batch["images"]), batch["labels"]) for each in
                     (network.first, network.second))  # fmt: skip
    assert float(step.loss.detach()) == pytest.approx(float((first + weight * second).detach()))
    assert (network.second.weight.grad is not None) is (weight > 0)


def test_the_sample_shows_picture_truth_and_answer_over_a_legend(task: SemanticTask, batch: Batch) -> None:
    (sample,) = task.draw(batch, task.evaluate(batch, task.new_scores()))
    shown = sample.pixels
    assert sample.name == "tile"
    assert shown.shape[1] == 180
    assert (shown[:40, :60] == 90).all()
    assert (shown[:8, 60:120] == COLOURS["forest"]).all()
    assert (shown[30:40, 60:120] == COLOURS["unknown"]).all()
    assert (shown[:19, 120:] == COLOURS["forest"]).all()
    assert (shown[21:40, 120:] == COLOURS["water"]).all()
    legend = {tuple(int(value) for value in each) for each in shown[40:].reshape(-1, 3)}
    assert {COLOURS[name] for name in CLASSES} <= legend


def test_a_large_picture_is_predicted_in_tiles_as_in_one_piece(batch: Batch) -> None:
    whole, tiled = (SemanticTask(_Green(), CLASSES, render_labels, tile=tile).predict(batch["images"]) for tile in
                    (0, 16))  # fmt: skip
    torch.testing.assert_close(tiled, whole)
    torch.testing.assert_close(whole.sum(dim=1), torch.ones(1, 20, 30))


def test_twenty_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, len(CLASSES), 1))
    task = SemanticTask(network, CLASSES, render_labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    values = []
    for number in range(21):
        batch = _random_batch(number % 2)
        batch["labels"] = torch.where(batch["images"][:, 1] > 0, FOREST, BARREN)
        (step,) = task.losses(batch)
        values.append(float(step.loss.detach()))
        optimizer.zero_grad()
        step.loss.backward()
        optimizer.step()
    assert values[-1] < 0.6 * values[0]
