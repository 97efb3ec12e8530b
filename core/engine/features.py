"""What the frozen part of a network makes of pictures, batch by batch."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.engine.device import Compute
from core.models.folding import fold_normalisations


def iterate_features(part: nn.Module, batches: Iterable[Tensor], compute: Compute) -> Iterator[NDArray[np.float32]]:
    """Yield what a part of a network gives of each batch of pictures.

    Args:
        part: Maps ``(N, C, H, W)`` to features of any shape ``(N, …)``. It is left as it is; a copy does the work,
            with its batch normalisations folded into the convolutions where that gives the same numbers.
        batches: Pictures ``(N, C, H, W)``.
        compute: Device, number format, memory order.

    Returns:
        Arrays ``(N, …)`` in the order of the batches.
    """
    rest = iter(batches)
    for first in rest:
        worker = fold_normalisations(part, first[:1].to(next(part.parameters()).device))
        worker.to(compute.device, memory_format=compute.torch_memory_format)  # type: ignore[call-overload]
        for images in chain([first], rest):
            with torch.inference_mode(), compute.autocast():
                features = worker(compute.place(images)).float()
            yield features.contiguous().cpu().numpy()
