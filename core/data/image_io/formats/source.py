"""From a path or an upload to the bytes of a picture, and what kind they are by content."""

import gzip
import io
import re
import stat
import zlib
from pathlib import Path

from core.errors import UserError

READ_KINDS = "JPEG, PNG, TIFF, GIF, BMP, PPM/PGM and WebP"
GZIP_START = b"\x1f\x8b"
MAX_NAME = 48

# Position, bytes there, kind.
_KINDS = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
)

_AS_PNG = "export it as PNG or TIFF"
# Position, bytes there, what it is, what to do.
_REFUSED = (
    (128, b"DICM", "a DICOM file", _AS_PNG + " with a DICOM viewer"),
    (344, b"n+1\0", "a NIfTI volume", "export its slices as PNG or TIFF"),
    (4, b"ftypavif", "an AVIF picture", _AS_PNG),
    (4, b"ftypavis", "an AVIF picture", _AS_PNG),
    *((4, b"ftyp" + brand, "a HEIC picture", _AS_PNG) for brand in (b"hei", b"hev", b"mif1", b"msf1")),
    (4, b"ftyp", "a video", "export one frame as PNG"),
    (4, b"jP  ", "a JPEG 2000 picture", _AS_PNG),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _AS_PNG),
    (4, b"JXL ", "a JPEG XL picture", _AS_PNG),
    (0, b"\xff\x0a", "a JPEG XL picture", _AS_PNG),
    (0, b"8BPS", "a Photoshop document", _AS_PNG),
    (0, b"%PDF", "a PDF document", "export the picture in it as PNG"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it and give the pictures in it"),
    (0, b"PK\x05\x06", "a ZIP archive", "unpack it and give the pictures in it"),
    (0, b"Rar!", "a RAR archive", "unpack it and give the pictures in it"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive", "unpack it and give the pictures in it"),
    (257, b"ustar", "a TAR archive", "unpack it and give the pictures in it"),
    (0, GZIP_START, "gzip inside gzip", "unpack it once"),
    (0, b"\x89HDF", "an HDF5 file", "export the picture in it as PNG or TIFF"),
    (0, b"\x93NUMPY", "a NumPy array", "export it as PNG or TIFF"),
    (0, b"\x00\x00\x01\x00", "an icon", _AS_PNG),
    (0, b"P7\n", "a PAM picture", _AS_PNG),
    (0, b"Pf\n", "a PFM picture", "export it as TIFF"),
    (0, b"PF\n", "a PFM picture", "export it as TIFF"),
)


def plain_name(source: Path | bytes, name: str | None) -> str:
    r"""Name a picture without folders or control characters, in at most 48 characters.

    >>> plain_name(b"", "C:\\scans\\eye.png")
    'eye.png'
    >>> plain_name(b"", None)
    ''
    """
    given = name if name is not None else (source.name or str(source) if isinstance(source, Path) else "")
    base = re.split(r"[\\/]", given.rstrip("\\/"))[-1]
    base = "".join(letter if letter.isprintable() else "?" for letter in base)
    return base if len(base) <= MAX_NAME else base[:30] + "…" + base[-15:]


def load_content(source: Path | bytes, name: str, max_bytes: int) -> tuple[bytes, bool]:
    """Read a picture's bytes, unpacked where they are gzip; never more than `max_bytes` either way.

    Returns:
        The bytes, and whether they were unpacked.

    Raises:
        UserError: If there is no such file, it is no file, empty, too large or not whole.
    """
    content = _read_file(source, name, max_bytes) if isinstance(source, Path) else source
    _check_bytes(len(content), name, max_bytes)
    if not content:
        raise UserError(f"{name} is empty (0 bytes) and a picture is needed: copy, download or upload it again.")
    if not content.startswith(GZIP_START):
        return content, False
    try:
        unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)).read(max_bytes + 1)
    except EOFError:
        raise UserError(cut_short(name)) from None
    except (OSError, zlib.error):
        raise UserError(f"{name} is a damaged gzip file and only a whole one is allowed: download it again.") from None
    if len(unpacked) > max_bytes:
        raise UserError(
            f"{name} unpacks to more than {_megabytes(max_bytes)}, which is the most that is allowed: "
            "unpack it and save the picture smaller."
        )
    return unpacked, True


def identify(content: bytes, name: str) -> str:
    """Say which of the readable kinds the content is; its name does not matter.

    Raises:
        UserError: If it is none, naming what it is where that is known.
    """
    for position, start, kind in _KINDS:
        if content.startswith(start, position) and (kind != "WebP" or content.startswith(b"RIFF")):
            return kind
    if re.match(rb"P[1-6][\s#]", content):
        return "PNM"
    found, advice = _recognise(content)
    raise UserError(f"{name} is {found}, and pictures are read from {READ_KINDS}: {advice}.")


def cut_short(name: str) -> str:
    """Word the refusal of a file that ends too early."""
    return f"{name} is cut short and only a whole picture is allowed: copy, download or export it again."


def _recognise(content: bytes) -> tuple[str, str]:
    """Say what something that is no readable picture is, and what to do with it."""
    for position, start, found, advice in _REFUSED:
        if content.startswith(start, position):
            return found, advice
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "an SVG drawing", "export it as PNG"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML)", "download the picture itself"
    if not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", head):
        return "text", "give the picture it belongs to"
    return "not a picture of a known kind", "export it as PNG or TIFF"


def _read_file(path: Path, name: str, max_bytes: int) -> bytes:
    """Read an ordinary file; a pipe or device could keep us waiting for ever, so its kind is asked first."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UserError(f"{name} is a folder and one picture is needed: give the path of a file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{name} is a pipe or device and a picture file is needed: save it as a file first.")
        _check_bytes(status.st_size, name, max_bytes)
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except PermissionError:
        raise UserError(f"{name} may not be read by this program: change its permissions or copy it.") from None
    except (OSError, ValueError):  # ValueError: a path with a zero byte
        raise UserError(f"{name} does not exist or cannot be opened: give the path of a picture file.") from None


def _check_bytes(size: int, name: str, max_bytes: int) -> None:
    if size > max_bytes:
        raise UserError(
            f"{name} has {_megabytes(size)} and at most {_megabytes(max_bytes)} are allowed: "
            "save it smaller or with more compression."
        )


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size >= 2**19 else f"{size:,} bytes"
