"""Probabilities of whole pictures of any size: in one piece, or in overlapping tiles that are blended."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


@torch.inference_mode()
def predict_probabilities(network: nn.Module, images: Tensor, *, tile: int = 0, flips: bool = False) -> Tensor:
    """Return the sigmoid of the network's logits.

    Args:
        network: Maps ``(N, C, H, W)`` to logits ``(N, 1, H, W)``.
        images: ``(N, C, H, W)``.
        tile: Side of the tiles in pixels; neighbours overlap by a quarter and are blended linearly. 0 predicts the
            picture in one piece.
        flips: Average over the picture and its three mirror images (test-time augmentation).

    Returns:
        ``(N, 1, H, W)`` float32, 0 to 1.
    """
    turned = [
        torch.flip(_predict(network, torch.flip(images, axes), tile), axes) for axes in (FLIPS if flips else ((),))
    ]
    return torch.stack(turned).mean(dim=0)


def _predict(network: nn.Module, images: Tensor, tile: int) -> Tensor:
    height, width = images.shape[-2:]
    if not tile or (height <= tile and width <= tile):
        whole: Tensor = network(images).float().sigmoid()
        return whole
    total = images.new_zeros((images.shape[0], 1, height, width))
    weight = images.new_zeros((1, 1, height, width))
    for rows in _spans(height, tile):
        for columns in _spans(width, tile):
            piece = images[..., rows, columns]
            ramp = _ramp(piece.shape[-2], tile // 4)[:, None] * _ramp(piece.shape[-1], tile // 4)
            ramp = ramp.to(images.device)
            total[..., rows, columns] += network(piece).float().sigmoid() * ramp
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
