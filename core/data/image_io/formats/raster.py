"""PNG, JPEG, GIF, WebP and BMP: size, orientation and frames from their bytes, and the first frame alone."""

import mmap
import re
import struct
import zlib
from collections.abc import Iterator

from core.data.image_io.formats.container import Container, CutShortError, UnsupportedError, check_pieces, take
from core.data.image_io.formats.tiff import read_orientation

PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Frames, Huffman, arithmetic and quantisation tables, restart interval, JFIF and Adobe.
JPEG_PIXEL_SEGMENTS = JPEG_FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
# Encoders write about ten. Each one passes over the whole picture, so a small file of thousands takes hours.
MAX_JPEG_SCANS = 50
_JPEG_PADDING = re.compile(rb"\xff+")


def open_png(content: bytes) -> Container:
    """Keep the chunks that pixels depend on, their checksums verified.

    Raises:
        CutShortError: If the file ends before its last chunk.
        ValueError: If a chunk is damaged.
    """
    chunks: dict[bytes, list[bytes]] = {}
    position, tag, pieces = len(PNG_START), b"", 0
    while tag != b"IEND":
        pieces += 1
        check_pieces(pieces)
        length, tag = struct.unpack(">I4s", take(content, position, 8))
        body = take(content, position + 8, length)
        checksum = take(content, position + 8 + length, 4)
        if tag in PNG_PIXEL_CHUNKS and zlib.crc32(body, zlib.crc32(tag)) != int.from_bytes(checksum, "big"):
            raise ValueError("wrong checksum")
        chunks.setdefault(tag, []).append(body)
        position += 12 + length
    head = chunks[b"IHDR"][0]
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    kept = [_png_chunk(b"IHDR", head)]
    kept += [_png_chunk(tag, chunks[tag][0]) for tag in (b"PLTE", b"tRNS") if tag in chunks]
    kept += [_png_chunk(b"IDAT", b"".join(chunks[b"IDAT"])), _png_chunk(b"IEND", b"")]
    return Container(
        content=PNG_START + b"".join(kept),
        width=width,
        height=height,
        orientation=read_orientation(chunks[b"eXIf"][0]) if b"eXIf" in chunks else 1,
        frames=max(int.from_bytes(chunks[b"acTL"][0][:4], "big"), 1) if b"acTL" in chunks else 1,
        deep_colour=depth == 16 and colour != 0,
    )


def _png_chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(tag)))


def open_jpeg(content: bytes) -> Container:
    """Keep the segments that pixels depend on, up to the first scan, and all that follows it.

    Raises:
        CutShortError: If the file ends before its first scan.
        UnsupportedError: If samples have more than 8 bits.
        ValueError: If the segments contradict the format.
    """
    kept, orientation, adobe = [content[:2]], 1, False
    frame = b""
    position, length = 2, 0
    for marker, position, length in iterate_jpeg_segments(content):
        body = take(content, position, length)[2:]
        if marker in JPEG_PIXEL_SEGMENTS:
            kept.append(content[position - 2 : position + length])
        if marker in JPEG_FRAMES:
            frame = body
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = read_orientation(body)
        adobe = adobe or (marker == 0xEE and body.startswith(b"Adobe"))
    if content.count(b"\xff\xda", position + length) > MAX_JPEG_SCANS:
        raise ValueError("too many scans")
    bits, height, width, channels = struct.unpack(">BHHB", frame[:6])
    if bits != 8:
        raise UnsupportedError(f"is a JPEG of {bits} bits a sample and only 8 are allowed")
    return Container(
        content=b"".join([*kept, content[position - 2 :]]),
        width=width,
        height=height,
        orientation=orientation,
        inverted=channels == 4 and not adobe,  # Pillow takes every four-channel JPEG for Adobe's inverted kind
    )


def iterate_jpeg_segments(content: bytes | mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Yield marker, position and length, its own two bytes counted, of each segment up to the first scan's.

    Raises:
        CutShortError: If the file ends before its first scan.
        ValueError: If there is no marker where one should be, or there are too many.
    """
    position, marker, pieces = 2, 0, 0
    while marker != 0xDA:
        pieces += 1
        check_pieces(pieces)
        marker, position = _read_jpeg_marker(content, position)
        if marker not in JPEG_WITHOUT_LENGTH:
            length = int.from_bytes(take(content, position, 2), "big")
            yield marker, position, length
            position += length


def _read_jpeg_marker(content: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    """Read the marker at `position`, which any number of 0xFF may precede, and the position after it."""
    padding = _JPEG_PADDING.match(content, position)
    if padding is None:
        raise CutShortError if position >= len(content) else ValueError("no marker where one should be")
    return take(content, padding.end(), 1)[0], padding.end() + 1


def open_gif(content: bytes) -> Container:
    """Keep the screen, the first frame and the control block that belongs to it.

    Raises:
        CutShortError: If a block ends beyond the file.
        ValueError: If a block is of no known kind.
    """
    width, height, flags = struct.unpack("<HHB", take(content, 6, 5))
    position = 13 + _gif_palette_bytes(flags)
    screen, control, first, frames = take(content, 0, position), b"", b"", 0
    pieces = 0
    while position < len(content) and content[position] != 0x3B:
        pieces += 1
        check_pieces(pieces)
        start = position
        if content[start] == 0x21:
            position = _gif_blocks_end(content, start + 2)
            if take(content, start + 1, 1)[0] == 0xF9 and not frames:
                control = content[start:position]
        elif content[start] == 0x2C:
            left, top, wide, high, flags = struct.unpack("<HHHHB", take(content, start + 1, 9))
            position = _gif_blocks_end(content, start + 11 + _gif_palette_bytes(flags))
            frames += 1
            if frames == 1:
                first = content[start:position]
                width, height = max(width, left + wide), max(height, top + high)
        else:
            raise ValueError("unknown block")
    if not first:
        raise CutShortError
    return Container(content=screen + control + first + b"\x3b", width=width, height=height, frames=frames)


def _gif_palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 128 else 0


def _gif_blocks_end(content: bytes, position: int) -> int:
    """Walk a chain of data blocks, each led by its length, to the position after the empty one that ends it."""
    try:
        while content[position]:
            position += content[position] + 1
    except IndexError:
        raise CutShortError from None
    return position + 1


def open_webp(content: bytes) -> Container:
    """Read the canvas, the orientation and the number of frames; the content stays whole.

    Raises:
        CutShortError: If the file is shorter than it says.
        ValueError: If it says no size.
    """
    end = 8 + int.from_bytes(take(content, 4, 4), "little")
    take(content, 0, end)
    size, orientation, frames = None, 1, 0
    position, pieces = 12, 0
    while position + 8 <= end:
        pieces += 1
        check_pieces(pieces)
        tag, length = struct.unpack("<4sI", take(content, position, 8))
        body = memoryview(content)[position + 8 : position + 8 + length]
        if size is None and tag in {b"VP8X", b"VP8L", b"VP8 "}:
            size = _webp_size(tag, bytes(body[:10]))
        if tag == b"EXIF":
            orientation = read_orientation(bytes(body))
        frames += tag == b"ANMF"
        position += 8 + length + length % 2
    if size is None:
        raise ValueError("no size")
    return Container(content=content, width=size[0], height=size[1], orientation=orientation, frames=max(frames, 1))


def _webp_size(tag: bytes, body: bytes) -> tuple[int, int]:
    """Read width and height from the first chunk: extended, lossless or lossy."""
    if tag == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if tag == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", body[6:10])
    return width & 0x3FFF, height & 0x3FFF


def open_bmp(content: bytes) -> Container:
    """Read the size; the content stays whole.

    Raises:
        CutShortError: If the header is not complete.
        UnsupportedError: If the pixels are run-length coded, which Pillow unpacks one Python step a run.
    """
    if int.from_bytes(take(content, 14, 4), "little") == 12:
        width, height = struct.unpack("<HH", take(content, 18, 4))
        return Container(content=content, width=width, height=height)
    width, height, _, _, compression = struct.unpack("<iiHHI", take(content, 18, 16))
    if compression in {1, 2}:
        raise UnsupportedError("is a run-length coded BMP and only plain ones are allowed")
    return Container(content=content, width=width, height=abs(height))
