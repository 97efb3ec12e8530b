"""PBM, PGM and PPM, in text and binary, of any depth.

Pillow's own reader walks the text kinds, and those of another depth than 8 bits, one sample at a time in Python.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.image_io.formats.container import Container, CutShortError, UnsupportedError

_GAP = rb"(?:[ \t\r\n\f\v]|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})")
_MAXIMUM = re.compile(_GAP + rb"(\d{1,9})")
_COMMENT = re.compile(rb"#[^\r\n]*")
_SPACE = b" \t\r\n\f\v"


@dataclass(frozen=True)
class Anymap:
    """Header of a portable anymap: `kind` 1 to 6 as in P1 to P6, greatest sample, where the samples start."""

    kind: int
    width: int
    height: int
    maximum: int
    start: int

    @property
    def channels(self) -> int:
        """3 for colour, else 1."""
        return 3 if self.kind in {3, 6} else 1


def read_anymap_header(content: bytes) -> Anymap:
    """Read the header.

    Raises:
        CutShortError: If it is not complete.
        UnsupportedError: If a sample has more than 16 bits.
    """
    head = content[:65536]
    match = _HEADER.match(head)
    if match is None:
        raise CutShortError
    kind, width, height = (int(group) for group in match.groups())
    if kind in {1, 4}:
        return Anymap(kind, width, height, 1, match.end() + 1)
    match = _MAXIMUM.match(head, match.end())
    if match is None:
        raise CutShortError
    maximum = int(match.group(1))
    if not 1 <= maximum <= 65535:
        raise UnsupportedError(f"has samples of up to {maximum} and 1 to 65535 is allowed")
    return Anymap(kind, width, height, maximum, match.end() + 1)


def open_anymap(content: bytes) -> Container:
    """Read the size; the content stays whole. Raises as `read_anymap_header` does."""
    header = read_anymap_header(content)
    return Container(content=content, width=header.width, height=header.height)


def decode_anymap(content: bytes) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], int]:
    """Decode the samples, (H, W) or (H, W, 3), and say the greatest one allowed, which stands for full light.

    Raises:
        CutShortError: If samples are missing.
        ValueError: If the text holds something else than numbers.
    """
    header = read_anymap_header(content)
    if header.kind == 4:
        return _decode_bits(content, header), 1
    samples = _decode_text(content, header) if header.kind < 4 else _decode_binary(content, header)
    count = header.width * header.height * header.channels
    if samples.size < count:
        raise CutShortError
    shape = (header.height, header.width, header.channels)[: 3 if header.channels == 3 else 2]
    return np.minimum(samples[:count], header.maximum).reshape(shape), header.maximum


def _decode_bits(content: bytes, header: Anymap) -> NDArray[np.uint8]:
    """Unpack P4, where each row fills whole bytes and a one is black."""
    row = -(-header.width // 8)
    packed = np.frombuffer(content, np.uint8, offset=min(header.start, len(content)))
    if packed.size < row * header.height:
        raise CutShortError
    packed = packed[: row * header.height].reshape(header.height, row)
    return 1 - np.unpackbits(packed, axis=1)[:, : header.width]


def _decode_binary(content: bytes, header: Anymap) -> NDArray[np.uint8] | NDArray[np.uint16]:
    body = memoryview(content)[header.start :]
    if header.maximum < 256:
        return np.frombuffer(body, np.uint8)
    return np.frombuffer(body[: len(body) // 2 * 2], ">u2").astype(np.uint16)


def _decode_text(content: bytes, header: Anymap) -> NDArray[np.uint8] | NDArray[np.uint16]:
    body = _COMMENT.sub(b" ", content[header.start - 1 :])
    if body.translate(None, b"0123456789" + _SPACE):
        raise ValueError("text among the samples")
    if header.kind == 1:  # digits need no space between them, and a one is black
        return 1 - np.minimum(np.frombuffer(body.translate(None, _SPACE), np.uint8) - 48, 1).astype(np.uint8)
    if not body.strip():
        raise CutShortError
    # Parsed with `sep`, `fromstring` takes 8 bytes a sample; `bytes.split` would take 40.
    samples = np.fromstring(body.decode("ascii"), dtype=np.int64, sep=" ")
    light = np.minimum(samples, header.maximum)
    return light.astype(np.uint16) if header.maximum > 255 else light.astype(np.uint8)
