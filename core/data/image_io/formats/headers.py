"""The size of an image file from its first bytes: nothing is decoded, and large files are not read whole."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from core.data.image_io.formats.anymap import open_anymap
from core.data.image_io.formats.container import check_pieces, take
from core.data.image_io.formats.raster import (
    JPEG_FRAMES,
    PNG_START,
    iterate_jpeg_segments,
    open_bmp,
    open_gif,
    open_webp,
)
from core.data.image_io.formats.source import GZIP_START, identify, load_content
from core.data.image_io.formats.tiff import measure_tiff, read_orientation

_WHOLE = {"GIF": open_gif, "BMP": open_bmp, "WebP": open_webp, "PNM": open_anymap}
"""Small files, or files whose frames lie all over them."""
MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Header:
    """What a file says of its image.

    Attributes:
        width: Pixels, as stored.
        height: Likewise.
        orientation: EXIF orientation, 1 (upright) to 8.
        frames: How many frames or pages the file has.
        bits: Of a sample, of PNG and TIFF; other kinds have 8 or are said to have.
    """

    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    bits: int = 8

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height as stored."""
        return self.width, self.height

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once the orientation is undone."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(path: Path) -> Header:
    """Read what a file says of its image.

    Raises:
        UserError: If it is no image of a readable kind, no ordinary file, or may not be read.
        CutShortError: If it ends too early.
        UnsupportedError: If it is of a rare kind that is not read.
        ValueError: If its header is damaged; other errors of that kind may come, as the bytes are untrusted.
    """
    shown = f'"{path.name}"'
    if not path.is_file() or path.stat().st_size == 0:
        load_content(path, shown, MOST_BYTES)  # says what it is instead
    with path.open("rb") as file:
        start = file.read(1024)
        if start.startswith(GZIP_START):
            content, _ = load_content(path, shown, MOST_BYTES)
            return _measure(content, identify(content[:1024], shown))
        kind = identify(start, shown)
        if kind in _WHOLE:
            return _measure(start + file.read(), kind)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _measure(mapped, kind)


def _measure(content: bytes | mmap.mmap, kind: str) -> Header:
    if kind == "PNG":
        return _measure_png(content)
    if kind == "JPEG":
        return _measure_jpeg(content)
    if kind == "TIFF":
        return Header(*measure_tiff(content))
    found = _WHOLE[kind](bytes(content))
    return Header(found.width, found.height, found.orientation, found.frames)


def _measure_png(content: bytes | mmap.mmap) -> Header:
    width, height = struct.unpack(">II", take(content, len(PNG_START) + 8, 8))
    orientation, frames = 1, 1
    position, tag, pieces = len(PNG_START), b"", 0
    while tag != b"IEND":
        pieces += 1
        check_pieces(pieces)
        length, tag = struct.unpack(">I4s", take(content, position, 8))
        if tag == b"eXIf" and orientation == 1:
            orientation = read_orientation(take(content, position + 8, length))
        elif tag == b"acTL":
            frames = max(1, int.from_bytes(take(content, position + 8, 4), "big"))
        position += 12 + length
    return Header(width, height, orientation, frames, content[len(PNG_START) + 16])


def _measure_jpeg(content: bytes | mmap.mmap) -> Header:
    size, orientation = None, 1
    for marker, position, length in iterate_jpeg_segments(content):
        if marker in JPEG_FRAMES:
            height, width = struct.unpack(">HH", take(content, position + 3, 4))
            size = width, height
        elif marker == 0xE1 and take(content, position + 2, 6) == b"Exif\0\0":
            orientation = read_orientation(take(content, position, length)[2:])
    if size is None:
        raise ValueError("no size")
    return Header(*size, orientation)
