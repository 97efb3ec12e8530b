"""Which mask belongs to which image, by their names.

A mask's name is its image's, may go on after a separator (``a_mask.png`` for ``a.jpg``) and may begin with a word for
masks (``mask_a.png``). Case and Unicode form do not matter where images are told apart without them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

MASK_WORDS = re.compile(
    r"^(?:masks?|labels?|gt|seg|segmentation|annotation|manual|vessels?|trimap)[ _-]+", re.IGNORECASE
)
"""What may stand before an image's name in its mask's."""

Key = Callable[[Path], str]
"""What files are compared by."""


def name_images(images: Sequence[Path]) -> dict[Path, str]:
    """Return names of images, without ending where that tells them apart."""
    counts = Counter(image.stem for image in images)
    return {image: image.stem if counts[image.stem] == 1 else image.name for image in images}


def _bare(path: Path) -> str:
    """Return a file's name without ending, nor the first half of a double one such as ``.ome.tif``."""
    return path.stem.removesuffix(".ome")


def find_key(images: Sequence[Path]) -> Key:
    """Return what names are compared by: without regard to case and Unicode form where that tells images apart."""
    return _fold if len({_fold(image) for image in images}) == len({_bare(image) for image in images}) else _bare


def _fold(path: Path) -> str:
    return unicodedata.normalize("NFC", _bare(path)).casefold()


def find_owned(paths: Iterable[Path], stems: set[str], key: Key) -> dict[str, Path]:
    """Return files by the image they belong to; of several, the one with the shortest name.

    ``a_2_mask`` belongs to ``a_2`` where there is such an image, and to ``a`` only where there is not.
    """
    owned: dict[str, Path] = {}
    for path in sorted(paths, key=lambda each: (len(each.stem), each.name)):
        owner = _owner(key(path), stems) or _owner(MASK_WORDS.sub("", key(path)), stems)
        if owner is not None:
            owned.setdefault(owner, path)
    return owned


def _owner(stem: str, stems: set[str]) -> str | None:
    ends = [end for end in range(len(stem), 0, -1) if not stem[end : end + 1].isalnum()]
    return next((stem[:end] for end in ends if stem[:end] in stems), None)
