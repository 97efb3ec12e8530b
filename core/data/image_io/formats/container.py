"""What is known of a picture file before its pixels are decoded."""

import mmap
from dataclasses import dataclass

# Chunks, segments or blocks of one file that are walked. Sound pictures have some thousands at most, but a file
# of nothing else could hold tens of millions and keep Python busy for minutes.
MAX_PIECES = 100_000


class CutShortError(Exception):
    """The file ends before its own header says it should."""


class UnsupportedError(Exception):
    """The file is whole, but of a kind that is not read; the message goes on a sentence that began with its name."""


@dataclass(frozen=True)
class Container:
    """The first frame of a picture file, stripped to what its pixels need.

    Text, EXIF, colour profiles and later frames are left out of `content`: Pillow warns about damaged ones, and
    `warnings.catch_warnings` is not safe in threads, so the one sure way to silence it is never to show them to it.

    Attributes:
        content: A complete file of the same format.
        width: Pixels, as declared.
        height: Pixels, as declared.
        orientation: EXIF orientation, 1 (upright) to 8.
        frames: How many frames or pages the whole file has.
        deep_colour: True where several channels have more than 8 bits, which Pillow would cut to their high byte.
        inverted: True where the samples mean the opposite of what Pillow takes them for.
    """

    content: bytes
    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    deep_colour: bool = False
    inverted: bool = False


def check_pieces(count: int) -> None:
    """Raise ValueError where a file has more pieces than any sound picture."""
    if count > MAX_PIECES:
        raise ValueError("too many pieces")


def take(content: bytes | mmap.mmap, start: int, length: int) -> bytes:
    """Cut `length` bytes from `start` on.

    Raises:
        CutShortError: If the content ends before.
    """
    if start + length > len(content):
        raise CutShortError
    return content[start : start + length]
