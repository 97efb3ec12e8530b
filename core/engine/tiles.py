"""Probabilities of whole pictures of any size: in one piece, or in overlapping tiles that are blended."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]

Flips = tuple[tuple[int, ...], ...]
"""Axes to flip, one tuple for each view of a picture that is averaged over."""

AS_IT_IS: Flips = ((),)
MIRRORED: Flips = ((), (-1,))
"""With its mirror image: where up is always up."""
ALL_FLIPS: Flips = ((), (-1,), (-2,), (-2, -1))
"""With its three mirror images: where no side is up."""


def softmax(logits: Tensor) -> Tensor:
    """Return the probabilities of classes that exclude each other, ``(N, K, H, W)``."""
    return logits.softmax(dim=1)


@torch.inference_mode()
def predict_probabilities(
    network: nn.Module,
    images: Tensor,
    *,
    tile: int = 0,
    flips: Flips = AS_IT_IS,
    turns: bool = False,
    activation: Activation = torch.sigmoid,
) -> Tensor:
    """Return the sigmoid of the network's logits, or what another activation makes of them.

    Args:
        network: Maps ``(N, C, H, W)`` to logits ``(N, K, H, W)``.
        images: ``(N, C, H, W)``.
        tile: Side of the tiles in pixels; neighbours overlap by a quarter and are blended linearly. 0 predicts the
            picture in one piece.
        flips: Views to average over (test-time augmentation).
        turns: Whether each of them is also seen turned by a quarter, which is twice the work.
        activation: Makes probabilities of logits: ``torch.sigmoid`` for one foreground, :func:`softmax` for classes.

    Returns:
        ``(N, K, H, W)`` float32, 0 to 1.
    """
    seen = [torch.flip(_predict(network, torch.flip(images, axes), tile, activation), axes) for axes in flips]
    found = torch.stack(seen).mean(dim=0)
    if not turns:
        return found
    mirrored = images.transpose(-2, -1).contiguous()  # about the diagonal: with the flips, all quarter turns
    other = predict_probabilities(network, mirrored, tile=tile, flips=flips, activation=activation)
    return (found + other.transpose(-2, -1)) / 2


def _predict(network: nn.Module, images: Tensor, tile: int, activation: Activation) -> Tensor:
    height, width = images.shape[-2:]
    if not tile or (height <= tile and width <= tile):
        return activation(network(images).float())
    total = images.new_zeros(0)  # made when the first answer shows how many channels there are
    weight = images.new_zeros((1, 1, height, width))
    for rows in _spans(height, tile):
        for columns in _spans(width, tile):
            piece = images[..., rows, columns]
            ramp = _ramp(piece.shape[-2], tile // 4)[:, None] * _ramp(piece.shape[-1], tile // 4)
            ramp = ramp.to(images.device)
            probabilities = activation(network(piece).float())
            if not total.numel():
                total = images.new_zeros((*probabilities.shape[:2], height, width))
            total[..., rows, columns] += probabilities * ramp
            weight[..., rows, columns] += ramp
    return total / weight


def _spans(length: int, tile: int) -> Iterator[slice]:
    """Yield the tiles along one axis: equal, evenly spaced, overlapping by at least a quarter, none over the edge."""
    tile = min(tile, length)
    count = 1 if tile == length else -(-(length - tile) // max(1, tile - tile // 4)) + 1
    for number in range(count):
        start = round(number * (length - tile) / max(1, count - 1))
        yield slice(start, start + tile)


def _ramp(length: int, reach: int) -> Tensor:
    """Return weights that rise from the edges over ``reach`` pixels and stay at 1 between."""
    place = torch.arange(length, dtype=torch.float32)
    return ((torch.minimum(place, length - 1 - place) + 1) / (reach + 1)).clamp(max=1)
