"""Names of copies and augmentations: ``x_aug1``, ``x_flip``, ``Copy of x`` and ``x (1)`` show what ``x`` shows."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from core.data.layouts.split_folders import split_of
from core.data.layouts.visible_files import PICTURE_ENDINGS

_CHANGES = (
    r"aug(?:mented|mentation)?|[hv]?[_-]?flip(?:ped)?|flip[_-]?(?:h|v|hv|lr|ud|horizontal|vertical)|mirror(?:ed)?|"
    r"rot(?:ated?|ation)?|crop(?:ped)?|noisy?|noise|blur(?:red)?|bright(?:ness|er|ened)?|darken(?:ed)?|darker|contrast|"
    r"gamma|shift(?:ed)?|translat(?:ed?|ion)|scaled?|zoom(?:ed)?|shear(?:ed)?|jitter(?:ed)?|elastic|hue|saturation|"
    r"sharpen(?:ed)?|equali[sz]ed|clahe|copy|kopie"
)
SURE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"[ _.-]+(?:{_CHANGES})(?:[ _-]*[-+]?\d{{1,4}}| \(\d+\))?$",
        r"^(?:copy|kopie|copie) (?:\(\d+\) )?(?:of|von|de) ",
        r"\.rf\.[0-9a-f]{8,}$",
        r"^.*_original_(?=.+\.)|\.(?:jpe?g|png|bmp|tiff?)_[0-9a-f-]{36}$",
    )
)
"""What names copies alone; the last two are those of Roboflow and of Augmentor."""
WEAK = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r" ?\(\d{1,2}\)$", rf"^(?:{_CHANGES})[ _-]*(?:[-+]?\d{{1,4}}[ _-]+|[ _-]+)")
)
"""What may as well count images: it names a copy only where the original is there."""
MOST_COPIES = 12
"""More images that share a beginning without a number are rather of one kind: ``cat_blur_001`` to ``cat_blur_999``."""


def find_copies(names: Iterable[str]) -> dict[str, str]:
    """Return the original, as a path without ending, of images that are copies and of originals that have some.

    An original is looked for in the copy's own folder, and else in the same folder of other splits. Where it is
    missing, copies of one original belong together all the same.

    >>> find_copies(["train/7.png", "test/7_flip.png", "test/8.png"])
    {'train/7.png': 'train/7', 'test/7_flip.png': 'train/7'}
    >>> find_copies(["cat (1).png", "cat (2).png"])
    {}
    """
    placed = {name: _place(name) for name in names}
    splits_of: dict[tuple[str, str], list[str]] = {}
    for split, folder, stem in placed.values():
        splits_of.setdefault((folder, stem), []).append(split)
    found: dict[str, str] = {}
    for name, (split, folder, stem) in placed.items():
        base = _find_original(stem, folder, splits_of)
        splits = splits_of.get((folder, base), [""])
        found[name] = "/".join(filter(None, (split if split in splits else splits[0], folder, base)))
    members = Counter(found.values())
    copied = {base for name, base in found.items() if members[base] > 1 and stem_of(name) != PurePosixPath(base).name}
    few = {base for base in copied if members[base] <= MOST_COPIES or re.search(r"\d", PurePosixPath(base).name)}
    return {name: base for name, base in found.items() if base in few}


def stem_of(name: str) -> str:
    """Return a file's name without folders and the ending of an image; ``10.5_left`` has none."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in PICTURE_ENDINGS else path.name


def _place(name: str) -> tuple[str, str, str]:
    """Return the split that a path's folders say, its other folders, and its name without ending."""
    return *_read_folders(name.rpartition("/")[0]), stem_of(name)


@lru_cache(maxsize=1024)
def _read_folders(folders: str) -> tuple[str, str]:
    parts = folders.split("/")
    splits = [split for folder in parts if (split := split_of(folder))]
    return (splits or [""])[0], "/".join(folder for folder in parts if not split_of(folder))


def _find_original(stem: str, folder: str, there: Container[tuple[str, str]]) -> str:
    """Return a name without what names copies, as far as an original that is there; itself where it is no copy."""
    base = stem
    while (shorter := _strip(base, SURE)) not in ("", base):
        base = shorter
        if (folder, base) in there:
            return base
    weaker = base
    while (shorter := _strip(weaker, (*WEAK, *SURE))) not in ("", weaker):
        weaker = shorter
        if (folder, weaker) in there:
            return weaker
    return base


def _strip(stem: str, patterns: Sequence[re.Pattern[str]]) -> str:
    return next((shorter for pattern in patterns if (shorter := pattern.sub("", stem)) != stem), stem)
