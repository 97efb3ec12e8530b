"""What a frozen part of a network makes of pictures, batch by batch."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.engine.device import Compute


def iterate_features(
    network: nn.Module, part: Callable[[Tensor], Tensor], batches: Iterable[Tensor], compute: Compute
) -> Iterator[NDArray[np.float32]]:
    """Yield what a part of a network gives of each batch of pictures.

    Args:
        network: Holds the part; it is moved to the device and put into evaluation mode.
        part: Maps ``(N, C, H, W)`` to features of any shape ``(N, …)``.
        batches: Pictures ``(N, C, H, W)``.
        compute: Device, number format, memory order.

    Returns:
        Arrays ``(N, …)`` in the order of the batches.
    """
    network.to(compute.device, memory_format=compute.torch_memory_format)  # type: ignore[call-overload]
    network.eval()
    for images in batches:
        with torch.inference_mode(), compute.autocast():
            features = part(compute.place(images)).float()
        yield features.contiguous().cpu().numpy()
