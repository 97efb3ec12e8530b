"""Pictures of ten formats, damaged by chance in six ways; the same seed gives the same files."""

import gzip
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tests.data.image_io.image_samples import encoded, encoded_deep, scene

Damage = Callable[[np.random.Generator, bytes], bytes]


def sound() -> dict[str, bytes]:
    """One whole picture of each format, by file ending; one is packed with gzip."""
    picture = scene(48, 72)
    deep = picture.astype(np.uint16) * 257
    return {
        "jpg": encoded(picture, "JPEG", quality=90),
        "progressive.jpg": encoded(picture, "JPEG", progressive=True),
        "png": encoded(picture),
        "16-bit.png": encoded_deep(deep, ".png"),
        "tif": encoded(picture, "TIFF"),
        "lzw.tif": encoded(picture, "TIFF", compression="tiff_lzw"),
        "gif": encoded(picture, "GIF"),
        "bmp": encoded(picture, "BMP"),
        "webp": encoded(picture, "WEBP"),
        "ppm.gz": gzip.compress(encoded(picture, "PPM"), mtime=0),
    }


def cut(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def flip_bits(rng: np.random.Generator, content: bytes) -> bytes:
    """Flip 1 to 40 bits anywhere."""
    changed = np.frombuffer(content, np.uint8).copy()
    places = rng.integers(0, len(changed), int(rng.integers(1, 41)))
    changed[places] ^= np.left_shift(1, rng.integers(0, 8, len(places))).astype(np.uint8)
    return changed.tobytes()


def flip_head(rng: np.random.Generator, content: bytes) -> bytes:
    """Write chance over 1 to 8 bytes behind the mark of the format, where sizes and offsets stand."""
    changed = np.frombuffer(content, np.uint8).copy()
    places = rng.integers(4, min(128, len(changed)), int(rng.integers(1, 9)))
    changed[places] = rng.integers(0, 256, len(places))
    return changed.tobytes()


def enlarge_numbers(rng: np.random.Generator, content: bytes) -> bytes:
    """Write a huge number over four bytes of the head, in either order: a size of billions."""
    place = int(rng.integers(4, min(64, len(content) - 4)))
    huge = struct.pack(rng.choice([">I", "<I"]), int(rng.choice([0x7FFFFFFF, 0xFFFFFFFF, 0x00FFFFFF, 0x0000FFFF])))
    return content[:place] + huge + content[place + 4 :]


def lose_a_part(rng: np.random.Generator, content: bytes) -> bytes:
    first, second = sorted(int(each) for each in rng.integers(0, len(content), 2))
    return content[:first] + content[second:]


def repeat_a_part(rng: np.random.Generator, content: bytes) -> bytes:
    first, second = sorted(int(each) for each in rng.integers(0, len(content), 2))
    return content[:second] + content[first:second] * int(rng.integers(1, 20)) + content[second:]


WAYS: tuple[Damage, ...] = (cut, flip_bits, flip_head, enlarge_numbers, lose_a_part, repeat_a_part)


@dataclass(frozen=True)
class Damaged:
    """A file.

    Attributes:
        name: Its number, way of damage, and an ending that one time in five is another format's.
        content: Its bytes.
    """

    name: str
    content: bytes


def damaged_pictures(count: int, seed: int = 0) -> Iterator[Damaged]:
    """Yield files, formats and ways in turn."""
    whole = sound()
    endings = list(whole)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        own, way = endings[number % len(endings)], WAYS[number // len(endings) % len(WAYS)]
        content = whole[own]
        if own.endswith(".gz") and rng.random() < 0.5:  # what lies inside is damaged, or else the packing itself
            changed = gzip.compress(way(rng, gzip.decompress(content)), mtime=0)
        else:
            changed = way(rng, content)
        ending = endings[int(rng.integers(len(endings)))] if rng.random() < 0.2 else own
        yield Damaged(f"{number}-{way.__name__}.{ending}", changed)


def judge(name: str, answer: Callable[[], object], refusal: type[Exception], seconds: float) -> str:
    """Return ``answered`` or ``refused``; anything else that happens is an error.

    Args:
        name: Of the file.
        answer: Reads it.
        refusal: What it may raise, with one sentence.
        seconds: In which it must be done.
    """
    start, said = time.perf_counter(), "answered"
    try:
        answer()
    except refusal as error:
        said, sentence = "refused", str(error).strip("'\"")
        assert sentence.endswith("."), f"{name}: {sentence}"
        assert "\n" not in sentence, f"{name}: {sentence}"
        assert "Error" not in sentence, f"{name}: {sentence}"
    took = time.perf_counter() - start
    assert took < seconds, f"{name} took {took:.1f} s"
    return said
