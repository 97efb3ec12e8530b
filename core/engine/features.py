"""What the frozen part of a network makes of pictures, batch by batch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.engine.device import DTYPES, Compute
from core.models.folding import fold_normalisations, join_activations


def iterate_features(
    part: nn.Module, batches: Iterable[Callable[[], Tensor]], compute: Compute
) -> Iterator[NDArray[np.float32]]:
    """Yield what a part of a network gives of each batch of pictures.

    Args:
        part: Maps ``(N, C, H, W)`` to features of any shape ``(N, …)``. It is left as it is; a copy does the work,
            with its batch normalisations folded into the convolutions where that gives the same numbers.
        batches: Each opens pictures ``(N, C, H, W)``; on a processor several threads do so at once.
        compute: Device, number format, memory order.

    Returns:
        Arrays ``(N, …)`` in the order of the batches.
    """
    rest = iter(batches)
    for first in rest:
        example = first()[:1].to(next(part.parameters()).device)
        worker = fold_normalisations(part, example)
        worker = join_activations(worker, example) if compute.device == example.device.type == "cpu" else worker
        worker.to(compute.device, memory_format=compute.torch_memory_format)  # type: ignore[call-overload]
        _shorten_weights(worker, compute)
        look = partial(_look, worker, compute)
        every = chain([first], rest)
        yield from _side_by_side(look, every) if compute.device == "cpu" else map(look, every)


def _look(worker: nn.Module, compute: Compute, open_pictures: Callable[[], Tensor]) -> NDArray[np.float32]:
    with torch.inference_mode(), compute.autocast():
        features: Tensor = worker(compute.place(open_pictures())).float()
    return np.asarray(features.contiguous().cpu().numpy())


def _shorten_weights(worker: nn.Module, compute: Compute) -> None:
    """Bring weights to the number format that they are used in; mixed precision would do it anew for each batch."""
    for layer in worker.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and compute.precision in DTYPES:
            layer.to(DTYPES[compute.precision])


def _side_by_side(
    look: Callable[[Callable[[], Tensor]], NDArray[np.float32]], batches: Iterable[Callable[[], Tensor]]
) -> Iterator[NDArray[np.float32]]:
    """Yield what is seen in batches, in their order, each opened and seen by one thread, as many at once as there are.

    Layers of a few pictures are too small to be worth sharing: EfficientNet-Lite0 takes 3.7 ms a picture on two threads
    so, and 4.4 to 5.4 ms where both share each layer (bf16).
    """
    threads, waiting = torch.get_num_threads(), deque[Future[NDArray[np.float32]]]()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    torch.set_num_threads(1)
    try:
        for each in batches:
            waiting.append(pool.submit(look, each))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
