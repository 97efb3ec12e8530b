"""Fetching Oxford-IIIT Pet from its publisher."""

from pathlib import Path

from torchvision.datasets import OxfordIIITPet  # type: ignore[import-untyped]

from core.data.layouts.pets import PetSet, open_pets
from core.errors import UserError


def download_oxford(folder: Path) -> PetSet:
    """Fetch Oxford-IIIT Pet (Parkhi et al., 2012; 7,349 pictures, about 0.8 GB) and open it; what is there is kept.

    torchvision fetches the two archives, holds them against their checksums and unpacks them into
    ``folder/oxford-iiit-pet``. The set is published under CC BY-SA 4.0.

    Raises:
        UserError: If there is no network, the publisher does not answer, or the folder cannot be written.
    """
    try:
        OxfordIIITPet(str(folder), target_types="segmentation", download=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise UserError(
            f"Oxford-IIIT Pet could not be fetched into {folder} ({error}); check the network and the free space, or "
            "unpack images.tar.gz and annotations.tar.gz from www.robots.ox.ac.uk/~vgg/data/pets there by hand."
        ) from error
    return open_pets(folder)
