"""Opening the pictures of a vessel data set."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from core.data.image_io.reader import DATASET_LIMITS, read_picture
from core.data.layouts.vessels import VesselItem
from core.data.masks.values import read_set_mask
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import Mask
from core.data.transforms.fundus import FundusPreparation, find_field_of_view
from core.errors import UserError


def load_labelled(item: VesselItem) -> LabelledPicture:
    """Open a photograph, its vessel mask and its field of view, which is found in the photograph if it is not given.

    Raises:
        UserError: If a file cannot be read, there is no vessel mask, or a mask has another size than its photograph.
    """
    if item.vessels is None:
        raise UserError(f"{item.image.name} has no vessel mask, so it cannot be trained on or scored; only predicted.")
    pixels = read_picture(item.image, limits=DATASET_LIMITS).pixels
    given, size = item.field_of_view, pixels.shape[:2]
    inside = find_field_of_view(pixels) if given is None else _mask(item, "field_of_view", size)[0]
    if given is not None and not inside.any():
        raise UserError(
            f"The field of view {given.name} is all black; make it white where the retina is, or remove it."
        )
    vessels, known = _mask(item, "vessels", size)
    second = None if item.second is None else _mask(item, "second", size)[0]
    return LabelledPicture(item.name, pixels, vessels, inside, second, known)


def _mask(item: VesselItem, which: str, size: tuple[int, ...]) -> tuple[Mask, Mask | None]:
    """Return a mask, and where it says anything at all."""
    path = getattr(item, which)
    mask, known = read_set_mask(path, getattr(item.reading, which), orientation=item.reading.orientation(path))
    if mask.shape != size:
        raise UserError(
            f"The mask {path.name} is {mask.shape[1]}×{mask.shape[0]}, its picture {item.image.name} is "
            f"{size[1]}×{size[0]}; give masks of the picture's size."
        )
    return mask, known


class FundusBatches:
    """Validation batches of one whole photograph each, opened when its turn comes."""

    def __init__(self, items: Sequence[VesselItem], preparation: FundusPreparation) -> None:
        """Name the photographs.

        Args:
            items: In the order of the batches.
            preparation: As in training.
        """
        self.items = items
        self.preparation = preparation

    def only(self, names: Collection[str]) -> "FundusBatches":
        """Return the batches of some of the photographs."""
        return FundusBatches([item for item in self.items if item.name in names], self.preparation)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield ``images (1, C, h, w)`` and the ``picture`` at its own size."""
        for item in self.items:
            picture = load_labelled(item)
            images = self.preparation.prepare_tensor(picture.pixels, picture.inside)
            yield {"images": images, "picture": picture.counted_where_known()}
