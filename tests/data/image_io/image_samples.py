"""Pictures made on the spot: sound ones of every kind, and the ways to ask for a refusal."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from core.data.image_io.reader import read_picture
from core.errors import UserError
from tests.data.layouts.sentences import assert_names

HEIGHT, WIDTH = 40, 60


def scene(height=HEIGHT, width=WIDTH):
    """Smooth, without any symmetry."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (2 * x + y) % 200], -1).astype(np.uint8)


def encoded(image, kind="PNG", **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def encoded_deep(array, extension):
    """With OpenCV, which wants BGR."""
    if array.ndim == 3:
        array = array[:, :, [2, 1, 0, 3][: array.shape[2]]]
    return cv2.imencode(extension, array)[1].tobytes()


def png_chunk(tag, body):
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def png_of(width, height, rows, *, depth=8, colour=0, before=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    end = png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + before + end


def refusal(source, **options):
    """The sentence; it must be one, and free of internals and folders."""
    with pytest.raises(UserError) as caught:
        read_picture(source, **options)
    sentence = str(caught.value)
    assert_names(sentence)
    assert "Error" not in sentence
    assert "/tmp" not in sentence
    assert caught.value.__cause__ is None
    return sentence


def only_note(picture, *values):
    """The one note of a picture; it must be a sentence that shows these values."""
    (note,) = picture.notes
    assert_names(note, *values)
    return note


def frames(count):
    return [Image.fromarray(np.roll(scene(), 7 * step, axis=1)) for step in range(count)]


def grey_tiff(array, order, photometric=1):
    """An uncompressed grey TIFF by hand, in either byte order."""
    height, width = array.shape
    kind = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    bits, body = array.dtype.itemsize * 8, array.tobytes()
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(body)), (339, kind)]
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 8 + len(body))
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4)


KINDS = {
    "JPEG": encoded(scene(), "JPEG"),
    "progressive JPEG": encoded(scene(), "JPEG", progressive=True),
    "PNG": encoded(scene()),
    "16-bit PNG": encoded_deep(scene().astype(np.uint16) * 257, ".png"),
    "GIF": encoded(scene(), "GIF"),
    "animated GIF": encoded(frames(3)[0], "GIF", save_all=True, append_images=frames(3)[1:]),
    "TIFF": encoded(scene(), "TIFF"),
    "TIFF LZW": encoded(scene(), "TIFF", compression="tiff_lzw"),
    "TIFF JPEG": encoded(scene(), "TIFF", compression="jpeg"),
    "16-bit TIFF": encoded_deep(scene().astype(np.uint16) * 257, ".tiff"),
    "WebP": encoded(scene(), "WEBP"),
    "BMP": encoded(scene(), "BMP"),
    "PPM": encoded(scene(), "PPM"),
}
