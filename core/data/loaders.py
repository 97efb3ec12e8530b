"""Loaders whose order depends on the seed and the epoch alone, so that a resumed run sees what it would have seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields ``(epoch, index)`` for every index once, shuffled anew in each epoch."""

    def __init__(self, length: int, *, seed: int) -> None:
        self.length = length
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        return iter([(self.epoch, int(index)) for index in order])


def build_training_loader(dataset: Dataset[Any], *, length: int, batch_size: int, seed: int) -> DataLoader[Any]:
    """Return a loader over ``(epoch, index)`` keys; set ``loader.sampler.epoch`` before each pass.

    A last batch that is smaller than the others is dropped where there is at least one whole batch.
    """
    return DataLoader(
        dataset,
        batch_size=min(batch_size, length),
        sampler=EpochSampler(length, seed=seed),
        drop_last=True,
    )
