"""TIFF directories, and the EXIF orientation, which is stored as one."""

import mmap
import struct
from dataclasses import dataclass

from core.data.image_io.formats.container import Container, CutShortError, UnsupportedError, take

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, CHANNELS = 256, 257, 258, 259, 262, 274, 277
TILE_WIDTH, TILE_HEIGHT = 322, 323
SEGMENTS = ((273, 279), (324, 325))  # offsets and byte counts of the strips, and of the tiles

# Tags that hold one number; Pillow warns about more.
SINGLE_TAGS = frozenset({256, 257, 259, 262, 266, 277, 278, 284, 292, 293, 317, 322, 323})
# Those, and colour map, sample format, JPEG tables, YCbCr and extra samples: all that pixels depend on.
PIXEL_TAGS = SINGLE_TAGS | {258, 273, 279, 320, 324, 325, 338, 339, 347, 529, 530, 531, 532}

# None, CCITT, LZW, JPEG, deflate and PackBits. Others (LZMA, Zstandard, ...) may ask for memory without bound.
COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
JPEG_COMPRESSION = 7
WHITE_IS_ZERO, YCBCR = 0, 6

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
NUMBER_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
MAX_ENTRIES = 4096
MAX_PAGES = 10_000
MAX_SCANS = 50

Content = bytes | mmap.mmap


@dataclass(frozen=True)
class Layout:
    """Byte order (`<` or `>`) and whether offsets have 64 bits (BigTIFF)."""

    order: str
    big: bool

    @property
    def offset_code(self) -> str:
        """The `struct` code of an offset."""
        return self.order + ("Q" if self.big else "I")


@dataclass(frozen=True)
class Entry:
    """One tag of a directory: the bytes it has there, its type and the bytes of its value."""

    raw: bytes
    kind: int
    value: bytes

    def numbers(self, order: str) -> tuple[int, ...]:
        """Read the value as whole numbers; ValueError if it is of another type."""
        if self.kind not in NUMBER_CODES:
            raise ValueError("a tag that should hold whole numbers holds something else")
        count = len(self.value) // TYPE_SIZES[self.kind]
        return struct.unpack(f"{order}{count}{NUMBER_CODES[self.kind]}", self.value)


def read_orientation(exif: bytes) -> int:
    """Read the orientation, 1 to 8, from an EXIF block; 1 where it says none or is damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        layout, offset = _read_layout(exif)
        entries, _ = _read_directory(exif, offset, layout, frozenset({ORIENTATION}))
        return _orientation(entries, layout)
    except (CutShortError, ValueError, struct.error):
        return 1


def open_tiff(content: bytes) -> Container:
    """Read the first page's directory and rewrite it with the tags that pixels depend on.

    Raises:
        CutShortError: If a directory or pixel data lies beyond the end.
        UnsupportedError: If the compression or the number of channels is not read.
        ValueError: If the directory contradicts itself.
    """
    layout, offset = _read_layout(content)
    entries, following = _read_directory(content, offset, layout, PIXEL_TAGS | {ORIENTATION})
    numbers = {
        tag: entry.numbers(layout.order) for tag, entry in entries.items() if entry.kind in NUMBER_CODES and entry.value
    }
    if any(tag in SINGLE_TAGS and len(entry.value) != TYPE_SIZES[entry.kind] for tag, entry in entries.items()):
        raise ValueError("a tag has too many values")
    width, height = numbers[WIDTH][0], numbers[HEIGHT][0]
    _check_segments(content, numbers, width * height)
    photometric = numbers.get(PHOTOMETRIC, (1,))[0]
    if photometric == YCBCR and numbers.get(COMPRESSION, (1,))[0] == 1:
        raise UnsupportedError("holds uncompressed YCbCr colours and RGB, grey, palette or CMYK is allowed")
    channels = numbers.get(CHANNELS, (1,))[0]
    if channels > 4:
        raise UnsupportedError(f"has {channels} channels and at most 4 are allowed")
    deep = max(numbers.get(BITS, (1,))) > 8
    return Container(
        content=_rewritten(content, entries, layout),
        width=width,
        height=height,
        orientation=_orientation(entries, layout),
        frames=1 + _count_pages(content, following, layout, {offset}),
        deep_colour=deep and channels > 1,
        inverted=deep and channels == 1 and photometric == WHITE_IS_ZERO,
    )


def measure_tiff(content: Content) -> tuple[int, int, int, int, int]:
    """Return width, height, orientation, number of pages and bits of a sample; only directories are read.

    Raises:
        CutShortError: If a directory lies beyond the end.
        ValueError: If the directory contradicts itself or has no size.
    """
    layout, offset = _read_layout(content)
    entries, following = _read_directory(content, offset, layout, frozenset({WIDTH, HEIGHT, BITS, ORIENTATION}))
    if WIDTH not in entries or HEIGHT not in entries:
        raise ValueError("no size")
    width, height = (entries[tag].numbers(layout.order)[0] for tag in (WIDTH, HEIGHT))
    bits = max(entries[BITS].numbers(layout.order), default=1) if BITS in entries else 1
    return width, height, _orientation(entries, layout), 1 + _count_pages(content, following, layout, {offset}), bits


def _read_layout(content: Content) -> tuple[Layout, int]:
    """Read byte order, version and the offset of the first directory."""
    orders = {b"II": "<", b"MM": ">"}
    order = orders.get(take(content, 0, 2))
    if order is None:
        raise ValueError("no byte order")
    layout = Layout(order, struct.unpack(order + "H", take(content, 2, 2))[0] == 43)
    offset = struct.unpack(layout.offset_code, take(content, 8, 8) if layout.big else take(content, 4, 4))[0]
    return layout, int(offset)


def _read_directory(
    content: Content, offset: int, layout: Layout, wanted: frozenset[int]
) -> tuple[dict[int, Entry], int]:
    """Read the wanted tags of the directory at `offset`, and the offset of the next directory (0: none)."""
    start, end = _entries_span(content, offset, layout)
    size = 20 if layout.big else 12
    entries = {}
    for position in range(start, end, size):
        raw = take(content, position, size)
        tag, kind = struct.unpack(layout.order + "HH", raw[:4])
        if tag in wanted and kind in TYPE_SIZES:
            entries[tag] = Entry(raw, kind, _value(content, raw, kind, layout))
    return entries, _next_directory(content, end, layout)


def _entries_span(content: Content, offset: int, layout: Layout) -> tuple[int, int]:
    """Find where the entries of the directory at `offset` start and end."""
    count_code, size = ("Q", 20) if layout.big else ("H", 12)
    start = offset + struct.calcsize(layout.order + count_code)
    count = struct.unpack(layout.order + count_code, take(content, offset, start - offset))[0]
    if count > MAX_ENTRIES:
        raise ValueError("too many tags")
    return start, start + count * size


def _next_directory(content: Content, end: int, layout: Layout) -> int:
    """Read the offset of the next directory, which stands where the entries end; 0 is none."""
    return int(struct.unpack(layout.offset_code, take(content, end, 8 if layout.big else 4))[0])


def _value(content: Content, raw: bytes, kind: int, layout: Layout) -> bytes:
    """Fetch the value of a tag, which stands in the directory where it fits and elsewhere where not."""
    half = (len(raw) - 4) // 2
    count, offset = struct.unpack(layout.order + ("QQ" if layout.big else "II"), raw[4:])
    length = count * TYPE_SIZES[kind]
    return raw[4 + half : 4 + half + length] if length <= half else take(content, offset, length)


def _orientation(entries: dict[int, Entry], layout: Layout) -> int:
    """Read the orientation among the tags, 1 where it makes no sense."""
    entry = entries.get(ORIENTATION)
    if entry is None or entry.kind not in NUMBER_CODES or not entry.value:
        return 1
    found = entry.numbers(layout.order)[0]
    return found if 1 <= found <= 8 else 1


def _check_segments(content: bytes, numbers: dict[int, tuple[int, ...]], pixels: int) -> None:
    """Refuse strips or tiles that lie outside the file or would unpack to far more than the picture."""
    compression = numbers.get(COMPRESSION, (1,))[0]
    if compression not in COMPRESSIONS:
        raise UnsupportedError(f"is compressed in a way that is not read here (TIFF compression {compression})")
    segments = 0
    for offset_tag, count_tag in SEGMENTS:
        offsets, counts = numbers.get(offset_tag, ()), numbers.get(count_tag, ())
        segments += len(offsets)
        if any(start + length > len(content) for start, length in zip(offsets, counts, strict=False)):
            raise CutShortError
    if not segments:
        raise ValueError("no pixel data")
    if numbers.get(TILE_WIDTH, (0,))[0] * numbers.get(TILE_HEIGHT, (0,))[0] > 4 * pixels + 4_000_000:
        raise ValueError("a tile is far larger than the picture")
    if compression == JPEG_COMPRESSION and content.count(b"\xff\xda") > MAX_SCANS + segments:
        raise ValueError("too many JPEG scans")


def _count_pages(content: Content, following: int, layout: Layout, seen: set[int]) -> int:
    """Count the further directories; one that is seen twice or is damaged ends the count."""
    pages = 0
    while following and following not in seen and pages < MAX_PAGES:
        seen.add(following)
        try:
            following = _next_directory(content, _entries_span(content, following, layout)[1], layout)
        except (CutShortError, ValueError):
            break
        pages += 1
    return pages


def _rewritten(content: bytes, entries: dict[int, Entry], layout: Layout) -> bytes:
    """Append a directory of the pixel tags alone and point the header at it; offsets stay as they were."""
    kept = [entries[tag].raw for tag in sorted(entries) if tag in PIXEL_TAGS]
    padding = b"\0" * (-len(content) % 8)
    pointer = struct.pack(layout.offset_code, len(content) + len(padding))
    count = struct.pack(layout.order + ("Q" if layout.big else "H"), len(kept))
    start = 8 if layout.big else 4
    end = struct.pack(layout.offset_code, 0)
    return b"".join([content[:start], pointer, content[start + len(pointer) :], padding, count, *kept, end])
