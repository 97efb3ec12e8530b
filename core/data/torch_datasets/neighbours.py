"""What features are judged on while they are learned: pictures to compare with, then pictures to name."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.torch_datasets.classification import Normalisation, ValidationBatches
from core.data.torch_datasets.decoded import Framing, PictureStack
from core.data.transforms.byol_views import TwoViewsDataset


class NeighbourBatches(Sequence[dict[str, Any]]):
    """Batches that are always the same: first the gallery's, then the held-back pictures'.

    A gallery batch has ``images (N, 3, S, S)`` and ``places (N,)``. A batch of held-back pictures is one of
    :class:`core.data.torch_datasets.classification.ValidationBatches` with two views of each picture as ``first`` and
    ``second`` beside it, the same pair each time.
    """

    def __init__(
        self,
        gallery: PictureStack,
        normalisation: Normalisation,
        held: ValidationBatches,
        views: TwoViewsDataset | None,
        *,
        batch_size: int = 64,
    ) -> None:
        """Join both.

        Args:
            gallery: Pictures to compare with, in the order of their places.
            normalisation: Of these.
            held: Held-back pictures; may be none.
            views: Of the same pictures in the same order; None if there are none.
            batch_size: Pictures of the gallery in a batch.
        """
        self.gallery, self.normalisation, self.held, self.views = gallery, normalisation, held, views
        self.starts = range(0, len(gallery), batch_size)

    def __len__(self) -> int:
        return len(self.starts) + len(self.held)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        number = range(len(self))[number]
        if number >= len(self.starts):
            return self._held(number - len(self.starts))
        start = self.starts[number]
        places = np.arange(start, min(start + self.starts.step, len(self.gallery)))
        return {"images": self.normalisation.normalise(self.gallery[places]), "places": torch.from_numpy(places)}

    def _held(self, number: int) -> dict[str, Any]:
        batch: dict[str, Any] = self.held[number]
        if self.views is None:
            return batch
        start = number * self.held.batch_size
        pairs = [self.views[0, start + place] for place in range(len(batch["names"]))]
        return batch | {
            "first": torch.stack([pair["images"] for pair in pairs]),
            "second": torch.stack([pair["second"] for pair in pairs]),
        }


def shrink_all(pictures: PictureStack, side: int) -> Tensor:
    """Return pictures as small squares ``(N, side, side, 3)``, 8-bit."""
    frame = Framing(side).frame
    small: list[NDArray[np.uint8]] = [frame(pictures[number]) for number in range(len(pictures))]
    return torch.from_numpy(np.stack(small) if small else np.empty((0, side, side, 3), np.uint8))
