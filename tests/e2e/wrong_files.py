"""The files that users bring by mistake, and unusual ones that must work, drawn by the project itself."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.image_io.formats.source import cut_short
from core.data.synthetic.fundus.make import draw_fundus

REFUSED = {
    "text.png": "PPM/PGM",
    "cut.tif": cut_short('"cut.tif"'),
    "huge.png": "20,000 × 20,000",
}
"""What the refusal of each tells: the kinds that are read, that the end is missing, its size."""
READ = {
    "deep.png": "65535",
    "print.jpg": "CMYK",
    "clear.png": "black",
    "turned.jpg": "orientation 6",
    "moving.gif": "3 frames",
    "plain.png": "",
}
"""What the note on each tells: from which numbers it was scaled, its colours, what it lies on, how it was turned."""


def write_all(folder: Path) -> None:
    """Write every file of :data:`REFUSED` and :data:`READ`."""
    picture = Image.fromarray(draw_fundus(np.random.default_rng(4), height=240, width=230).image)
    picture.save(folder / "plain.png")
    (folder / "text.png").write_text("Dear all,\nplease find my picture attached.\n")
    whole = BytesIO()
    picture.save(whole, "TIFF")
    (folder / "cut.tif").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "huge.png").write_bytes(_white_png(20_000))
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 256
    Image.fromarray(grey).save(folder / "deep.png")
    picture.convert("CMYK").save(folder / "print.jpg", quality=95)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray((np.asarray(picture).max(axis=2) > 20).astype(np.uint8) * 255))
    clear.save(folder / "clear.png")
    turned = Image.Exif()
    turned[274] = 6
    picture.save(folder / "turned.jpg", exif=turned, quality=95)
    picture.save(folder / "moving.gif", save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])


def _white_png(side: int) -> bytes:
    """Return a black-and-white PNG that unpacks to this many pixels a side, without ever holding them."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
