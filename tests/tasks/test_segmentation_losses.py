import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.tasks.segmentation_losses import build_bce_dice, build_focal_tversky

Case = tuple[NDArray[np.float64], NDArray[np.float64]]


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (2, 1, 5, 7)), (rng.random((2, 1, 5, 7)) < 0.3).astype(float)


def _sums(logits: NDArray[np.float64], mask: NDArray[np.float64]) -> tuple[float, float, float, float]:
    hits = false_alarms = misses = entropy = 0.0
    for logit, label in zip(logits.ravel(), mask.ravel(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        hits += p * label
        false_alarms += p * (1 - label)
        misses += (1 - p) * label
        entropy -= label * math.log(p) + (1 - label) * math.log(1 - p)
    return hits, false_alarms, misses, entropy / logits.size


def _tensors(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(case[0], dtype=torch.float32, requires_grad=True), torch.tensor(case[1], dtype=torch.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("alpha", "beta", "gamma"), [(0.5, 0.5, 0.75), (0.3, 0.7, 1.0), (0.9, 0.1, 2.0)])
def test_focal_tversky_is_what_the_formula_says(seed: int, alpha: float, beta: float, gamma: float) -> None:
    case = _case(seed)
    hits, false_alarms, misses, _ = _sums(*case)
    expected = (1 - hits / (hits + alpha * false_alarms + beta * misses)) ** gamma
    assert build_focal_tversky(alpha, beta, gamma)(*_tensors(case)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_bce_dice_is_the_sum_of_its_formulas(seed: int) -> None:
    case = _case(seed)
    hits, false_alarms, misses, entropy = _sums(*case)
    expected = entropy + 1 - 2 * hits / (2 * hits + false_alarms + misses)
    assert build_bce_dice()(*_tensors(case)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [build_focal_tversky(0.5, 0.5, 0.75), build_bce_dice()], ids=["tversky", "bce"])
@pytest.mark.parametrize("mask", [torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)], ids=["empty", "full"])
@pytest.mark.parametrize("logit", [-200.0, 0.0, 200.0])
def test_gradients_are_finite_at_the_ends(loss: object, mask: torch.Tensor, logit: float) -> None:
    logits = torch.full_like(mask, logit).requires_grad_()
    value = loss(logits, mask)  # type: ignore[operator]
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_an_empty_mask_still_teaches_cross_entropy_to_be_silent() -> None:
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    build_bce_dice()(logits, torch.zeros(1, 1, 4, 4)).backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_tversky_with_equal_weights_is_dice() -> None:
    logits, mask = _tensors(_case(0))
    dice = build_bce_dice()(logits, mask) - torch.nn.functional.binary_cross_entropy_with_logits(logits, mask)
    torch.testing.assert_close(build_focal_tversky(0.5, 0.5, 1.0)(logits, mask), dice)


@pytest.mark.parametrize("seed", range(3))
def test_the_second_sigmoid_changes_cross_entropy_alone(seed: int) -> None:
    logits, mask = _case(seed)
    hits, false_alarms, misses, _ = _sums(logits, mask)
    entropy = 0.0
    for logit, label in zip(logits.ravel(), mask.ravel(), strict=True):
        q = 1 / (1 + math.exp(-1 / (1 + math.exp(-logit))))
        entropy -= label * math.log(q) + (1 - label) * math.log(1 - q)
    dice = 2 * hits / (2 * hits + false_alarms + misses)
    loss = build_bce_dice(double_sigmoid=True)(*_tensors((logits, mask)))
    assert loss.item() == pytest.approx(entropy / logits.size + 1 - dice, rel=1e-5)


def test_with_the_second_sigmoid_even_a_perfect_answer_has_a_cross_entropy() -> None:
    mask = (torch.arange(64).reshape(1, 1, 8, 8) < 16).float()
    perfect = 200 * (mask - 0.5)
    floor = (16 * math.log(1 + math.exp(-1)) + 48 * math.log(2)) / 64
    assert build_bce_dice(double_sigmoid=True)(perfect, mask).item() == pytest.approx(floor, rel=1e-5)
    assert build_bce_dice()(perfect, mask).item() == pytest.approx(0, abs=1e-5)
