"""A picture with its mask, opened: what segmentation trains on and is judged on."""

from dataclasses import dataclass, replace

from torch import Tensor

from core.data.transforms.arrays import Mask, Pixels


@dataclass(frozen=True)
class LabelledPicture:
    """A whole picture at its own size.

    Attributes:
        name: Its name.
        pixels: ``(H, W, 3)`` RGB, 0 to 255.
        mask: ``(H, W)`` label.
        inside: ``(H, W)``, where scores are counted.
        second: ``(H, W)``, another person's label, if there is one.
        known: ``(H, W)``, False where the label says that a pixel does not count; None where it says something
            everywhere. Such pixels are left out of the loss.
    """

    name: str
    pixels: Pixels
    mask: Mask
    inside: Mask
    second: Mask | None = None
    known: Mask | None = None

    def counted_where_known(self) -> "LabelledPicture":
        """Return the picture with scores counted only where the label says something."""
        return self if self.known is None else replace(self, inside=self.inside & self.known)


@dataclass(frozen=True)
class PreparedPicture:
    """A picture made ready for a network.

    Attributes:
        images: ``(1, C, h, w)``, what the network takes.
        inside: ``(H, W)`` at the picture's own size, where an answer means something.
        notes: Sentences on what was done to it.
    """

    images: Tensor
    inside: Mask
    notes: tuple[str, ...] = ()
