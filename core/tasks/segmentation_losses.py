"""Losses of binary segmentation, from segmentation-models-pytorch where it has them. All take logits."""

from collections.abc import Callable

import segmentation_models_pytorch.losses as smp
import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


def build_focal_tversky(alpha: float, beta: float, gamma: float) -> Loss:
    """Return ``(1 − T)^γ`` with the Tversky index ``T = hits / (hits + α·false alarms + β·misses)``.

    With α = β = 0.5 the index is Dice. Source: Abraham and Khan, 2019, arXiv 1810.07842 (whose γ is the reciprocal of
    this one); counted over the whole batch. A batch without foreground has loss 0 and teaches nothing.

    Deviation: below 1e-12 the loss is flat. Its slope for γ < 1 is infinite at 0, which a batch without foreground or a
    perfect one reaches, and infinity times 0 would make every weight not-a-number.

    Shape: logits and mask ``(N, 1, H, W)`` to a scalar.
    """
    tversky = smp.TverskyLoss("binary", from_logits=True, alpha=alpha, beta=beta)

    def loss(logits: Tensor, mask: Tensor) -> Tensor:
        return torch.pow(tversky(logits, mask).clamp_min(1e-12), gamma)

    return loss


def build_bce_dice(*, double_sigmoid: bool = False) -> Loss:
    """Return binary cross-entropy plus soft Dice loss, in equal parts, over the whole batch.

    With ``double_sigmoid`` cross-entropy takes probabilities for logits, as the pets report's code did: they go
    through a second sigmoid, which maps 0 to 1 onto 0.5 to 0.73. The cross-entropy of a perfect answer is then
    ln(1 + 1/e) = 0.31 on the foreground and ln 2 = 0.69 on the background, a wrong one costs little more, and it is
    smallest where the probability is the log-odds of the truth: sure of the foreground from odds of e to 1 on. Dice
    takes the probabilities as they are, so a pixel is foreground where the *first* sigmoid says at least the threshold.

    Shape: logits and mask ``(N, 1, H, W)`` to a scalar.
    """
    dice = smp.DiceLoss("binary", from_logits=True)

    def loss(logits: Tensor, mask: Tensor) -> Tensor:
        taken = logits.sigmoid() if double_sigmoid else logits
        return torch.add(F.binary_cross_entropy_with_logits(taken, mask), dice(logits, mask))

    return loss
