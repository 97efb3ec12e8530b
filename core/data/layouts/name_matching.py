"""Which mask belongs to which image, by their names.

A mask's name is its image's, may go on after a separator (``a_mask.png`` for ``a.jpg``) and may begin with a word for
masks (``mask_a.png``). What it goes on with is a word for masks, or the same for the whole set: ``a_2.png`` is rather
the mask of another image than that of ``a.jpg``. Case and Unicode form do not matter where images are told apart
without them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import name_some
from core.errors import UserError

MASK_WORDS = re.compile(
    r"^(?:masks?|labels?|gt|seg|segmentation|annotation|manual|vessels?|trimap)[ _-]+", re.IGNORECASE
)
"""What may stand before an image's name in its mask's."""
_OBSERVERS = "manual|ho|observers?|annotators?|raters?|experts?|readers?|graders?"
BESIDE_END = re.compile(
    r"[ _.-](?:masks?|segmentations?|seg|labels?|gt|ground[ _-]?truth|annotations?|trimap|manual|1stho|2ndho)"
    r"(?:[ _-]?\d+)?",
    re.IGNORECASE,
)
"""What follows an image's name in that of a mask in the same folder: words that no other image's name ends with."""
KNOWN_END = re.compile(
    rf"(?:[ _.-]*(?:masks?|labels?|labell?ed|labelids|gt|gtfine|ground[ _-]?truth|seg|segmentations?|segmented|anno|"
    rf"annotations?|annotated|trimaps?|vessels?|matte|alpha|silhouette|target|binary|bw|foreground|fg|roi|fov|lesions?|1st|"
    rf"2nd|first|second|ah|vk|{_OBSERVERS})\d*)+(?:[ _.-]*\d{{1,3}})?",
    re.IGNORECASE,
)
"""What may follow an image's name in its mask's, whatever other masks have; ``ah`` and ``vk`` are STARE's observers."""
SECOND_END = re.compile(rf".*(?:(?:2nd|second).*|(?:{_OBSERVERS})[ _-]?2|[^a-z]vk)", re.IGNORECASE)
"""What follows in a second observer's mask."""
OBSERVER = re.compile(rf".*(?:{_OBSERVERS})", re.IGNORECASE)
DIGITS = re.compile(r"[ _.-]*\d+")
IMAGE_END = re.compile(r"[ _.-](?:[a-z][a-z0-9]*|0000)$", re.IGNORECASE)
"""What all images of a set may have after what they share with their masks: ``21_training``, or nnU-Net's channel."""
CHANNEL = re.compile(r"(.+)_(\d{4})")
IMAGE_START = re.compile(r"^(?:images?|imgs?|photos?|pictures?|pics?|sat|raw|rgb|input)[ _.-]+(?=\w)", re.IGNORECASE)
"""Likewise before: ``image_01`` with ``mask_01``."""

FEWEST_MASKS = 3
"""So many masks whose names go on with the same unknown word are no accident, however many images have none."""

Key = Callable[[Path], str]
"""What files are compared by."""


@dataclass(frozen=True)
class Matched:
    """Masks and their images.

    Attributes:
        families: By what follows the images' names: the mask by the image's key. Those whose masks are taken before
            others' come first.
        strange: Masks whose names begin as an image's and go on as no mask's name does.
    """

    families: Mapping[str, Mapping[str, Path]]
    strange: tuple[Path, ...] = ()

    def masks(self, families: Iterable[str] | None = None) -> dict[str, Path]:
        """Return the mask of each image, by its key: that of the first of these families that has one."""
        chosen: dict[str, Path] = {}
        for end in self.families if families is None else families:
            chosen = {**self.families[end], **chosen}
        return chosen


def name_images(images: Sequence[Path]) -> dict[Path, str]:
    """Return names of images, without ending where that tells them apart."""
    counts = Counter(image.stem for image in images)
    return {image: image.stem if counts[image.stem] == 1 else image.name for image in images}


def _bare(path: Path) -> str:
    """Return a file's name without ending, nor the first half of a double one such as ``.ome.tif``."""
    return path.stem.removesuffix(".ome")


def find_key(*folders: Sequence[Path]) -> Key:
    """Return what names are compared by: without regard to case and Unicode form where that tells images apart."""
    apart = all(len({*map(_fold, images)}) == len({*map(_bare, images)}) for images in folders)
    return _fold if apart else _bare


def _fold(path: Path) -> str:
    return unicodedata.normalize("NFC", _bare(path)).casefold()


def part_masks(paths: Iterable[Path]) -> set[Path]:
    """Return those of a folder's files that are masks of others: ``a (1)_mask.png`` or ``mask_a (1).png``."""
    stems = {path: _fold(path) for path in paths}
    there = {*stems.values()}

    def is_mask(stem: str) -> bool:
        bare = MASK_WORDS.sub("", stem)
        ends = (match for match in BESIDE_END.finditer(stem) if match.end() == len(stem))
        return (bare != stem and bare in there) or any(stem[: end.start()] in there for end in ends)

    return {path for path, stem in stems.items() if is_mask(stem)}


def match_masks(masks: Iterable[Path], images: Sequence[Path]) -> Matched:
    """Match masks to the images of a set.

    ``a_2_mask`` belongs to ``a_2`` where there is such an image, and else to none: ``_2_mask`` is no word for masks. A
    word that is not known is taken where no known one follows names and most masks have it; a number alone where all
    have the same, and at least half of the images have such a mask.

    Raises:
        UserError: If images have several numbered masks each, as of several objects, or are channels of one.
    """
    key = find_key(images)
    keys = {key(image) for image in images}
    masks = list(masks)
    _refuse_channels(keys, {key(mask) for mask in masks})
    bases = _find_bases(keys)
    families: dict[str, dict[str, Path]] = {}
    for path in sorted(masks, key=lambda each: (len(each.stem), each.name)):
        owner, end = _find_owner(key(path), keys, bases)
        if owner:
            families.setdefault(end, {}).setdefault(owner, path)
    taken = _choose(families, len(keys))
    _refuse_objects({end: families[end] for end in families if end in taken or (not taken and DIGITS.fullmatch(end))})
    strange = [path for end, family in families.items() if end not in taken for path in family.values()]
    ordered = sorted(taken, key=lambda end: (bool(SECOND_END.fullmatch(end)), not OBSERVER.match(end), len(end), end))
    return Matched({end: families[end] for end in ordered}, tuple(sorted(strange)))


def _refuse_channels(keys: set[str], masks: set[str]) -> None:
    """Refuse images of which several are channels of one, as in nnU-Net: ``a_0000`` and ``a_0001`` with mask ``a``."""
    channels: dict[str, list[str]] = {}
    for each in sorted(keys):
        if (match := CHANNEL.fullmatch(each)) and match[1] in masks and each not in masks:
            channels.setdefault(match[1], []).append(each)
    several = [names for names in channels.values() if len(names) > 1]
    if several:
        raise UserError(
            f"{len(several):,} masks belong to several files each, as channels of one image have ({several[0][0]} and "
            f"{several[0][1]}), and one file of an image is read; join the channels into one file, or keep one of them."
        )


def _find_bases(keys: set[str]) -> dict[str, str]:
    """Return images by their names without what all of them end or begin with, if that tells them apart."""
    for pattern in (IMAGE_END, IMAGE_START):
        matches = {each: match for each in keys if (match := pattern.search(each))}
        bases = {
            each.replace(match[0], "", 1) if pattern is IMAGE_START else each[: match.start()]: each
            for each, match in matches.items()
        }
        if len({match[0] for match in matches.values()}) == 1 and len(bases) == len(keys):
            return bases
    return {}


def _find_owner(stem: str, keys: set[str], bases: Mapping[str, str]) -> tuple[str, str]:
    """Return the image that a mask's name begins with, and what follows; both empty where there is none.

    The longest name counts. What images do not share with their masks may be missing where a word for masks follows.
    """
    for name in dict.fromkeys((stem, MASK_WORDS.sub("", stem))):
        for end in (end for end in range(len(name), 0, -1) if not name[end : end + 1].isalnum()):
            start, rest = name[:end], name[end:]
            if start in keys:
                return start, rest
            if start in bases and (not rest or KNOWN_END.fullmatch(rest)):
                return bases[start], rest
    return "", ""


def _choose(families: Mapping[str, Mapping[str, Path]], images: int) -> list[str]:
    """Return the ends of names that are taken for those of masks; see :func:`match_masks`."""
    known = [end for end in families if not end or KNOWN_END.fullmatch(end)]
    if known:
        return known
    of = len({owner for family in families.values() for owner in family})
    numbers = [end for end in families if DIGITS.fullmatch(end)]
    words = {end: len(family) for end, family in families.items() if end not in numbers}
    taken = [end for end, count in words.items() if 2 * count > of and (2 * count >= images or count >= FEWEST_MASKS)]
    if taken or len(numbers) != 1:
        return taken
    count = len(families[numbers[0]])
    return numbers if count == of > 1 and 2 * count >= images else []


def _refuse_objects(families: Mapping[str, Mapping[str, Path]]) -> None:
    """Refuse masks that differ in a number alone, which are of several objects of an image; observers' are not."""
    numbered: dict[str, dict[str, list[Path]]] = {}
    for end, family in families.items():
        if not OBSERVER.match(end):
            for owner, path in family.items():
                word = re.sub(r"[ _.-]*\d+$", "", end) or bool(end) * " number"
                numbered.setdefault(word, {}).setdefault(owner, []).append(path)
    for by_image in numbered.values():
        several = [paths for paths in by_image.values() if len(paths) > 1]
        if several:
            raise UserError(
                f"{len(several):,} of {len(by_image):,} images have several numbered masks, as of several objects "
                f"({name_some(several[0])}), and one mask of an image is read; join them into one, with the foreground "
                "of all, or keep one of each."
            )
