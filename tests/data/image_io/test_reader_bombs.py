import struct
import time
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from core.data.image_io.reader import PictureLimits, read_picture
from tests.data.image_io.image_samples import (
    HEIGHT,
    KINDS,
    WIDTH,
    encoded,
    grey_tiff,
    png_chunk,
    png_of,
    refusal,
    scene,
)
from tests.data.layouts.sentences import assert_names

# Bombs


def test_a_picture_of_20000_by_20000_is_refused_by_its_header():
    pack = zlib.compressobj(1)
    rows = b"".join(pack.compress(bytes(2501)) for _ in range(20_000)) + pack.flush()
    bomb = png_of(20_000, 20_000, rows, depth=1)
    tracemalloc.start()
    started = time.perf_counter()
    sentence = refusal(bomb, name="bomb.png")
    assert time.perf_counter() - started < 0.5
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert_names(sentence, '"bomb.png"', "20,000 × 20,000", "400,000,000", "50,000,000")


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM", "WebP", "TIFF", "JPEG"])
def test_every_kind_is_refused_by_its_header_when_it_says_it_is_huge(kind):
    content = bytearray(KINDS[kind])
    if kind == "PPM":
        content = bytearray(b"P6 60000 60000 255\n")
    elif kind == "GIF":
        content[6:10] = b"\xff" * 4
    elif kind == "BMP":
        content[18:26] = struct.pack("<ii", 60000, -60000)
    elif kind == "WebP":
        content[26:30] = b"\xff\x3f\xff\x3f"
    elif kind == "JPEG":
        place = content.index(b"\xff\xc0")
        content[place + 5 : place + 9] = struct.pack(">HH", 60000, 60000)
    else:
        content = bytearray(grey_tiff(np.zeros((20, 20), "<u1"), "<"))
        for tag in (256, 257):
            place = content.index(struct.pack("<HHI", tag, 4, 1))
            content[place + 8 : place + 12] = struct.pack("<I", 60000)
    assert_names(refusal(bytes(content)), "50,000,000")


def test_pillows_own_wall_holds_above_larger_limits():
    sentence = refusal(b"P6 60000 60000 255\n", limits=PictureLimits(max_pixels=10**12))
    assert_names(sentence, f"{Image.MAX_IMAGE_PIXELS:,}")


def test_a_gif_frame_larger_than_its_screen_counts():
    content = bytearray(KINDS["GIF"])
    place = content.index(b"," + bytes(4) + struct.pack("<HH", WIDTH, HEIGHT))
    content[place + 5 : place + 9] = b"\xff" * 4
    assert_names(refusal(bytes(content)), "65,535 × 65,535")


def test_huge_text_in_a_png_is_never_unpacked():
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 1))
    content = png_of(20, 20, zlib.compress(bytes(21 * 20)), before=text)
    tracemalloc.start()
    assert read_picture(content).pixels.shape == (20, 20, 3)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"tEXt", b"") * 1_000_000,
        b"\xff\xd8" + b"\xff\xe5\0\2" * 1_000_000,
        b"\xff\xd8" + b"\xff" * 4_000_000,
        b"GIF89a" + struct.pack("<HHBBB", 20, 20, 0, 0, 0) + b"!\xfe\0" * 1_000_000,
        b"RIFF" + struct.pack("<I", 8_000_004) + b"WEBP" + b"XXXX\0\0\0\0" * 1_000_000,
    ],
    ids=["PNG", "JPEG", "JPEG padding", "GIF", "WebP"],
)
def test_a_file_of_nothing_but_small_pieces_ends_soon(content):
    started = time.perf_counter()
    refusal(content)
    assert time.perf_counter() - started < 1


def test_a_progressive_jpeg_of_thousands_of_scans_is_refused():
    content = KINDS["progressive JPEG"]
    scan = content[content.rindex(b"\xff\xda") : -2]
    refusal(content[:-2] + scan * 1000 + content[-2:])


def test_bytes_and_sides_beyond_the_limits_are_refused(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bytes(3 * 2**20))
    limits = PictureLimits(max_bytes=2**20)
    sentence = refusal(path, limits=limits)
    assert_names(sentence, '"large.png"', "3.0 MiB", "1.0 MiB")
    assert refusal(path.read_bytes(), name="large.png", limits=limits) == sentence
    assert_names(refusal(encoded(scene(12, 60))), "60 × 12", 16)


def test_a_very_long_picture_within_the_limits_is_read():
    assert read_picture(encoded(scene(16, 20_000))).pixels.shape == (16, 20_000, 3)


def test_threads_read_together_and_leave_no_global_state_behind():
    before = (Image.MAX_IMAGE_PIXELS, list(warnings.filters))
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(read_picture, [KINDS["PNG"], KINDS["TIFF LZW"], KINDS["BMP"]] * 20))
    assert all(np.array_equal(picture.pixels, scene()) for picture in pictures)
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before
