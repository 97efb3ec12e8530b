from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.data.torch_datasets.labelled import LabelledPicture
from core.engine.task import Batch
from core.metrics.boundary import count_boundary
from core.tasks.segmentation import FALSE_ALARM, HIT, MISS, SegmentationTask
from core.tasks.segmentation_losses import build_bce_dice, build_focal_tversky


class _Bright(nn.Module):
    """Takes what is brighter than half for foreground, with much certainty."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 40 * (images - 0.5)


@pytest.fixture
def batch() -> Batch:
    """A picture of 40×60 whose network input is half as large: 12 rows are label, 8 of them and 4 others are found."""
    mask, inside, second = np.zeros((40, 60), bool), np.ones((40, 60), bool), np.zeros((40, 60), bool)
    mask[8:20], second[8:16] = True, True
    inside[30:] = False
    images = torch.zeros(1, 1, 20, 30)
    images[..., 4:8, :] = 1
    images[..., 12:14, :] = 1
    images[..., 16:, :] = 1  # outside the field of view
    picture = LabelledPicture("eye", np.full((40, 60, 3), 90, np.uint8), mask, inside, second)
    return {"images": images, "picture": picture}


@pytest.fixture
def task() -> SegmentationTask:
    return SegmentationTask(_Bright(), build_bce_dice())


def test_scores_are_counted_at_the_size_of_the_photograph_inside_its_field_of_view(
    task: SegmentationTask, batch: Batch
) -> None:
    scores = task.new_scores()
    probabilities = task.evaluate(batch, scores)
    assert probabilities.shape == (40, 60)
    counts = scores.pictures[0]
    assert (counts.hits, counts.misses, counts.false_alarms) == (8 * 60, 4 * 60, 4 * 60)
    assert counts.rest == 30 * 60 - 16 * 60
    assert scores.compute()["dice"] == pytest.approx(2 / 3)


def test_a_second_observer_is_the_human_line(task: SegmentationTask, batch: Batch) -> None:
    scores = task.new_scores()
    task.evaluate(batch, scores)
    human = scores.reference()
    assert human["sensitivity"] == pytest.approx(8 / 12)
    assert human["specificity"] == 1.0
    assert not [key for key in human if "auc" in key]


def test_without_a_second_observer_there_is_no_human_line(task: SegmentationTask) -> None:
    assert task.new_scores().reference() == {}


def test_the_loss_of_a_split_is_the_mean_over_its_pictures(task: SegmentationTask, batch: Batch) -> None:
    scores = task.new_scores()
    task.evaluate(batch, scores)
    once = scores.compute()["loss"]
    task.evaluate(batch, scores)
    assert scores.compute()["loss"] == pytest.approx(once)
    assert len(scores.losses) == 2


def test_the_sample_shows_hits_misses_and_false_alarms_in_their_colours(task: SegmentationTask, batch: Batch) -> None:
    prediction = task.evaluate(batch, task.new_scores())
    (sample,) = task.draw(batch, prediction)
    assert sample.pixels.shape == (40, 120, 3)
    errors = sample.pixels[:, 60:]
    assert (sample.pixels[:, :60] == 90).all()
    for rows, colour in ((slice(8, 16), HIT), (slice(16, 20), MISS), (slice(24, 28), FALSE_ALARM)):
        assert (errors[rows] == colour).all()
    assert not errors[28:].any()


@pytest.mark.parametrize(("threshold", "sensitivity"), [(0.55, 8 / 12), (0.65, 0.0)])
def test_the_threshold_decides_what_counts_as_found(batch: Batch, threshold: float, sensitivity: float) -> None:
    unsure = {**batch, "images": 0.5 + 0.01 * batch["images"]}  # log-odds 0.4, which is a probability of 0.6
    task = SegmentationTask(_Bright(), build_bce_dice(), threshold=threshold)
    scores = task.new_scores()
    task.evaluate(unsure, scores)
    assert scores.compute()["sensitivity"] == pytest.approx(sensitivity)


def test_a_training_batch_yields_one_loss_with_a_gradient() -> None:
    network = nn.Conv2d(3, 1, 1)
    task = SegmentationTask(network, build_bce_dice())
    (step,) = task.losses({"images": torch.randn(2, 3, 8, 8), "mask": torch.ones(2, 1, 8, 8)})
    assert step.part == "network"
    assert step.loss.requires_grad
    assert step.loss.ndim == 0


def test_things_are_judged_by_their_outlines_and_lines_by_their_centres(batch: Batch, task: SegmentationTask) -> None:
    things = SegmentationTask(_Bright(), build_bce_dice(), outlines=True)
    lines, outlines = task.new_scores(), things.new_scores()
    for each, scores in ((task, lines), (things, outlines)):
        each.evaluate(batch, scores)
    common = {"dice", "iou", "sensitivity", "specificity", "roc_auc", "pr_auc", "dice_mean", "iou_mean", "loss"}
    assert set(lines.compute()) == common | {"cldice", "cldice_mean"}
    extra = {"boundary_f1", "boundary_precision", "boundary_recall", "boundary_f1_mean"}
    assert set(outlines.compute()) == common | extra
    assert all(lines.compute()[key] == outlines.compute()[key] for key in common)
    (row,) = outlines.per_picture()
    assert row["boundary_f1"] == outlines.compute()["boundary_f1"]


def test_the_outline_is_that_of_the_mask_at_the_size_of_the_photograph(batch: Batch) -> None:
    task = SegmentationTask(_Bright(), build_bce_dice(), outlines=True)
    scores = task.new_scores()
    found = task.evaluate(batch, scores) >= 0.5
    picture = batch["picture"]
    by_hand = count_boundary(found & picture.inside, picture.mask & picture.inside)
    assert scores.compute()["boundary_f1"] == by_hand.f1
    assert 0 < by_hand.f1 < 1


def test_a_split_without_pictures_has_no_scores_of_outlines() -> None:
    scores = SegmentationTask(_Bright(), build_bce_dice(), outlines=True).new_scores()
    assert scores.compute() == {}
    assert scores.per_picture() == []


def _loss_of(
    images: torch.Tensor, mask: torch.Tensor, known: torch.Tensor | None, kind: str = "bce-dice"
) -> torch.Tensor:
    losses = {"bce-dice": build_bce_dice(), "focal-tversky": build_focal_tversky(0.5, 0.5, 0.75)}
    batch = {"images": images, "mask": mask} | ({} if known is None else {"known": known})
    (part,) = SegmentationTask(_Bright(), losses[kind]).losses(batch)
    return part.loss


@pytest.mark.parametrize("kind", ["bce-dice", "focal-tversky"])
def test_pixels_that_do_not_count_are_left_out_of_the_loss_exactly(kind: str) -> None:
    """The loss is that of the other pixels alone, and what the network says of the rest has no slope."""
    images = torch.rand(2, 1, 6, 8, requires_grad=True)
    mask, known = (torch.rand(2, 1, 6, 8) > 0.5).float(), torch.ones(2, 1, 6, 8)
    known[..., 5:] = 0
    loss = _loss_of(images, mask, known, kind)
    assert loss.item() == pytest.approx(_loss_of(images[..., :5], mask[..., :5], None, kind).item(), rel=1e-5)
    loss.backward()
    assert images.grad is not None
    assert not images.grad[..., 5:].any()
    assert images.grad[..., :5].any()


def test_a_batch_of_which_nothing_counts_teaches_nothing() -> None:
    images = torch.rand(1, 1, 4, 4, requires_grad=True)
    loss = _loss_of(images, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert loss.item() == 0
    assert images.grad is not None
    assert not images.grad.any()


def test_where_all_pixels_count_nothing_changes() -> None:
    images, mask = torch.rand(2, 1, 6, 8), torch.ones(2, 1, 6, 8)
    assert _loss_of(images, mask, torch.ones(2, 1, 6, 8)).item() == pytest.approx(_loss_of(images, mask, None).item())


def test_the_validation_loss_leaves_out_what_does_not_count(task: SegmentationTask, batch: Batch) -> None:
    picture: LabelledPicture = batch["picture"]
    known = np.ones((40, 60), bool)
    known[16:] = False  # all that the network gets wrong
    every, some = task.new_scores(), task.new_scores()
    task.evaluate(batch, every)
    task.evaluate({**batch, "picture": replace(picture, known=known)}, some)
    assert some.losses[0] < 1e-3 < every.losses[0]
