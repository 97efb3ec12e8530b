"""Images with their masks before anything is opened: sizes, EXIF orientations and pages, all told together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import NAMED, name_some
from core.data.image_io.formats.headers import Header
from core.data.image_io.headers import read_headers, say_own_ranges, say_pages
from core.data.masks.exif_fit import fits_stored_pixels
from core.errors import UserError


@dataclass(frozen=True)
class MaskedFile:
    """An image and one of its masks."""

    image: Path
    mask: Path


@dataclass(frozen=True)
class CheckedFiles:
    """What is known of images with masks by their headers.

    Attributes:
        turned: EXIF orientation by mask, of masks that were drawn on the stored pixels of an image that is to be turned
            upright: it has to be undone on the mask, too.
        notes: Sentences on orientations, and on images that are scaled each by itself.
        pages: Sentences on files of several pages.
    """

    turned: Mapping[Path, int]
    notes: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


def check_masked_files(files: Iterable[MaskedFile], *, any_size: bool = False) -> CheckedFiles:
    """Hold the sizes of images and masks against each other, by their headers alone.

    Args:
        files: Images with a mask each.
        any_size: Whether masks may have another size, because they are resized.

    Raises:
        UserError: If files cannot be read or masks have another size than their images; all are counted, some named.
    """
    pairs = list(files)
    headers = read_headers(path for pair in pairs for path in (pair.image, pair.mask))
    known = [pair for pair in pairs if pair.image in headers and pair.mask in headers]
    odd = [pair for pair in known if not _fitting(headers[pair.image], headers[pair.mask])]
    if odd and not any_size:
        raise UserError(_refuse_sizes(odd, len(known), headers))
    turned, said = _find_turned([pair for pair in known if pair not in odd], headers)
    own_ranges = say_own_ranges(list(dict.fromkeys(pair.image for pair in pairs)))
    return CheckedFiles(turned, (*said, *own_ranges), say_pages(headers, list(headers)))


def _fitting(image: Header, mask: Header) -> set[str]:
    """Return how a mask fits its image: on its ``stored`` pixels, on its ``upright`` ones, both or neither."""
    ways = {"upright": image.upright}
    if image.orientation != 1 and mask.orientation == 1:
        ways["stored"] = image.stored
    return {way for way, size in ways.items() if mask.upright == size}


def _find_turned(
    pairs: Sequence[MaskedFile], headers: Mapping[Path, Header]
) -> tuple[dict[Path, int], tuple[str, ...]]:
    """Return the masks that have to be turned with their images, and the sentence about it.

    A quarter turn shows in the sizes. Where it does not, the images whose sizes tell decide for the others, and where
    there are none, what the images show at the outlines of their masks.
    """
    sure: dict[str, list[MaskedFile]] = {"stored": [], "upright": []}
    unsure: list[MaskedFile] = []
    for pair in pairs:
        if headers[pair.image].orientation == 1 or headers[pair.mask].orientation != 1:
            continue
        ways = _fitting(headers[pair.image], headers[pair.mask])
        (unsure if len(ways) > 1 else sure[ways.pop()]).append(pair)
    if not unsure and not sure["stored"]:
        return {}, ()
    stored = list(sure["stored"])
    if unsure and _are_stored(sure, unsure, headers):
        stored += unsure
    turned = {pair.mask: headers[pair.image].orientation for pair in stored}
    count = len({pair.image for pair in (*unsure, *sure["stored"], *sure["upright"])})
    return turned, (_say_turned(pairs, count, stored),)


def _are_stored(
    sure: Mapping[str, Sequence[MaskedFile]], unsure: Sequence[MaskedFile], headers: Mapping[Path, Header]
) -> bool:
    if bool(sure["stored"]) != bool(sure["upright"]):
        return bool(sure["stored"])
    return fits_stored_pixels([(pair.image, pair.mask, headers[pair.image].orientation) for pair in unsure])


def _say_turned(pairs: Sequence[MaskedFile], count: int, stored: Sequence[MaskedFile]) -> str:
    images = len({pair.image for pair in pairs})
    start = f"{count:,} of {images:,} images are turned upright, as their EXIF orientation says"
    if not stored:
        return f"{start}; their masks were drawn on the upright images and stay as they are."
    names = name_some(list(dict.fromkeys(pair.mask for pair in stored)))
    return f"{start}; masks that were drawn on the stored pixels are turned with them: {names}."


def _refuse_sizes(odd: Sequence[MaskedFile], of: int, headers: Mapping[Path, Header]) -> str:
    told = "; ".join(_compare(pair, headers) for pair in odd[:NAMED])
    more = f"; and {len(odd) - NAMED:,} more" if len(odd) > NAMED else ""
    has = "has" if len(odd) == 1 else "have"
    return (
        f"{len(odd):,} of {of:,} masks {has} another size than the image: {told}{more}. Give masks of the image's size."
    )


def _compare(pair: MaskedFile, headers: Mapping[Path, Header]) -> str:
    image, mask = headers[pair.image], headers[pair.mask]
    shown = f"{image.upright[0]}×{image.upright[1]}"
    if image.orientation != 1:
        stored = f"{image.width}×{image.height}"
        shown += f" once it is turned as its EXIF orientation {image.orientation} says and {stored} as stored"
    return f"{pair.mask.name} is {mask.upright[0]}×{mask.upright[1]}, its image {pair.image.name} is {shown}"
