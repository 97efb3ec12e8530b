"""The one reader of pictures that other people made: it gives RGB pixels or one sentence, and never anything else."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.data.image_io.formats.anymap import decode_anymap, open_anymap
from core.data.image_io.formats.container import Container, CutShortError, UnsupportedError
from core.data.image_io.formats.depth import DeepPixels, scale_to_8_bit
from core.data.image_io.formats.raster import open_bmp, open_gif, open_jpeg, open_png, open_webp
from core.data.image_io.formats.source import cut_short, identify, load_content, plain_name
from core.data.image_io.formats.tiff import open_tiff
from core.data.masks.rule import Samples
from core.errors import UserError
from core.public import public_limits

_OPENERS = {
    "JPEG": open_jpeg,
    "PNG": open_png,
    "TIFF": open_tiff,
    "GIF": open_gif,
    "BMP": open_bmp,
    "WebP": open_webp,
    "PNM": open_anymap,
}
# These classes are built directly. `Image.open` compares sizes with the module's global `MAX_IMAGE_PIXELS` and warns
# of large ones before the caller can ask for the size, and neither that global nor `warnings.catch_warnings` may be
# changed by one thread without all others seeing it. Here the size is known from the header before Pillow starts.
_DECODERS = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "WebP": WebPImageFile,
}
AnyT = TypeVar("AnyT", bound=np.generic)
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_PLAIN_MODES = frozenset({"1", "L", "P", "RGB", "RGBX", "YCbCr", "CMYK", "LA", "La", "PA", "RGBA", "RGBa"})


@dataclass(frozen=True)
class PictureLimits:
    """What a picture may be at most and at least.

    Attributes:
        max_bytes: Of the file, and of what it unpacks to where it is gzip.
        max_pixels: Width times height. Pillow's own `MAX_IMAGE_PIXELS` (89 million) stays the wall above it.
        min_side: Pixels of the shorter side.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 50_000_000
    min_side: int = 16


@dataclass(frozen=True)
class Picture:
    """A picture as every model gets it.

    Attributes:
        pixels: (H, W, 3), RGB, 0 to 255.
        name: The file's name without folders, shortened where it is very long; empty where none is known.
        notes: Sentences on what was done to get there, such as "The first of 7 frames is used."
    """

    pixels: NDArray[np.uint8]
    name: str
    notes: tuple[str, ...]


DEFAULT_LIMITS = PictureLimits()
DATASET_LIMITS = PictureLimits(max_bytes=1 << 30, max_pixels=200_000_000)
"""For files of a data set, which the user chose with care, not one dropped on a page."""


def upload_limits() -> PictureLimits:
    """Return what a picture that somebody brings may be; less on a public server."""
    public = public_limits()
    return DEFAULT_LIMITS if public is None else PictureLimits(public.upload_bytes, public.upload_pixels)


def read_picture(
    source: Path | bytes,
    *,
    name: str | None = None,
    limits: PictureLimits | None = None,
    background: tuple[int, int, int] = (0, 0, 0),
) -> Picture:
    """Read a JPEG, PNG, TIFF, GIF, BMP, PPM/PGM or WebP picture, gzipped or not, told by its content.

    Args:
        source: Path, or the bytes of an upload.
        name: What sentences call it; the path's last part where it is not given.
        limits: Size allowed, :func:`upload_limits` by default; the size is refused from the header, before anything is
            decoded.
        background: RGB that shows through transparent parts; black, because a fundus lies on black.

    Raises:
        UserError: If it is no such picture, or one that is damaged, too large or too small.
    """
    limits = upload_limits() if limits is None else limits
    plain = plain_name(source, name)
    shown = f'"{plain}"' if plain else "The picture"
    content, unpacked = load_content(source, shown, limits.max_bytes)
    kind = identify(content, shown)
    # The bytes are untrusted and the decoders raise whatever comes to hand on damaged ones (OSError, SyntaxError,
    # struct.error, IndexError, OverflowError, MemoryError, cv2.error, ...), so a broad except is right here.
    try:
        container = _OPENERS[kind](content)
        _check_size(container, limits, shown)
        pixels, notes = _decode(container, kind, background)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_refusal(error, kind, shown)) from None
    first = ["It was unpacked from gzip."] if unpacked else []
    if container.frames > 1:
        first.append(f"The first of {container.frames:,} {'pages' if kind == 'TIFF' else 'frames'} is used.")
    return Picture(pixels, plain, (*first, *notes))


def read_mask(source: Path, *, limits: PictureLimits = PictureLimits(min_side=1)) -> NDArray[np.bool_]:
    """Read a label picture of any readable kind that stands alone; True where the label is on.

    A pixel is on where its brightest channel is above half the brightest of the picture. That is one rule for 0/255,
    0/1, palettes (by their colours), coloured labels and the grey edges of anti-aliased or JPEG labels. For the masks
    of a set :mod:`core.data.masks.values` finds what their values mean, so that it is the same for all of them.

    Returns:
        (H, W).

    Raises:
        UserError: As `read_picture`.
    """
    brightest = read_picture(source, limits=limits).pixels.max(axis=2)
    on: NDArray[np.bool_] = brightest > int(brightest.max()) // 2
    return on


def read_samples(source: Path, *, limits: PictureLimits) -> Samples:
    """Read a mask's own values, upright: grey values of any depth, palette numbers, or colours.

    What has one bit becomes 0 and 255, and 16 bits that repeat 8 become these 8, so that masks of one set compare.

    Raises:
        UserError: As `read_picture`.
    """
    shown = f'"{plain_name(source, None)}"'
    content, _ = load_content(source, shown, limits.max_bytes)
    kind = identify(content, shown)
    try:
        container = _OPENERS[kind](content)
        _check_size(container, limits, shown)
        samples = _decode_samples(container, kind)
    except UserError:
        raise
    except Exception as error:  # as in `read_picture`
        raise UserError(_refusal(error, kind, shown)) from None
    parts = (None if each is None else upright(each, container.orientation) for each in (samples.values, samples.alpha))
    values, alpha = parts
    assert values is not None
    return replace(samples, values=values, alpha=alpha, lossy=kind == "JPEG")


def _decode_samples(container: Container, kind: str) -> Samples:
    """Decode a mask's values as they are stored; the palette's numbers where it has one."""
    if kind == "PNM":
        light, maximum = decode_anymap(container.content)
        return Samples(light * np.uint8(255) if maximum == 1 else light)
    if container.deep_colour:
        deep = _as_8_bit(_decode_deep_colour(container))
        return Samples(deep[..., :3], alpha=_alpha_of(deep))
    image = _DECODERS[kind](io.BytesIO(container.content))
    image.load()
    if image.mode in _DEEP_MODES:
        values = np.nan_to_num(np.asarray(image))
        return Samples(_as_8_bit(np.iinfo(np.uint16).max - values if container.inverted else values))
    alpha = np.asarray(image.convert("RGBA").getchannel("A")) if image.has_transparency_data else None
    alpha = None if alpha is None or alpha.min() == 255 else alpha
    if image.mode == "P":
        palette = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return Samples(np.asarray(image), np.pad(palette, ((0, 256 - len(palette)), (0, 0))), alpha)
    grey = image.mode in {"1", "L", "LA", "La"}
    return Samples(np.asarray(image.convert("L" if grey else "RGB")), alpha=alpha)


def _alpha_of(deep: DeepPixels) -> NDArray[np.uint8] | None:
    if deep.shape[2] < 4:
        return None
    alpha = np.asarray(deep[..., 3] / max(1, int(deep[..., 3].max())) * 255, np.uint8)
    return None if alpha.min() == 255 else alpha


def _as_8_bit(deep: DeepPixels) -> DeepPixels:
    """Return 8 bits where 16 only repeat them: 0 and 65535 are 0 and 255."""
    if deep.dtype.kind in "iu" and deep.max(initial=0) > 255 and not (deep % 257).any():
        return np.asarray(deep // 257, np.uint8)
    return deep


def _check_size(container: Container, limits: PictureLimits, name: str) -> None:
    """Refuse a picture that is too large or too small by its header."""
    width, height = container.width, container.height
    wall = Image.MAX_IMAGE_PIXELS
    most = limits.max_pixels if wall is None else min(limits.max_pixels, wall)
    if width * height > most:
        raise UserError(
            f"{name} is {width:,} × {height:,} pixels ({width * height:,}) and at most {most:,} are allowed: "
            "make it smaller first."
        )
    if min(width, height) < limits.min_side:
        raise UserError(
            f"{name} is {width:,} × {height:,} pixels and each side needs at least {limits.min_side}: "
            "give a larger picture."
        )


def _decode(container: Container, kind: str, background: tuple[int, int, int]) -> tuple[NDArray[np.uint8], list[str]]:
    """Decode to upright (H, W, 3) RGB, with notes on what was done."""
    image, notes = _decode_image(container, kind)
    flat, more = _flatten(image, background)
    pixels = np.array(flat, dtype=np.uint8)
    notes += more
    if container.orientation != 1:
        pixels = upright(pixels, container.orientation)
        notes.append(f"It was turned upright, as its EXIF orientation {container.orientation} says.")
    return pixels, notes


def _decode_image(container: Container, kind: str) -> tuple[Image.Image, list[str]]:
    """Decode to an 8-bit image of any colour kind."""
    if kind == "PNM":
        samples, maximum = decode_anymap(container.content)
        if maximum == 255:
            return Image.fromarray(samples), []
        pixels, notes = scale_to_8_bit(samples, None if maximum == 65535 else maximum)
        return Image.fromarray(pixels), notes if maximum != 1 else []
    if container.deep_colour:
        return _from_deep(_decode_deep_colour(container), inverted=False)
    image = _DECODERS[kind](io.BytesIO(container.content))
    if image.size != (container.width, container.height):
        raise ValueError("the decoder found another size than the header says")
    image.load()
    if image.mode in _DEEP_MODES:
        return _from_deep(np.asarray(image), inverted=container.inverted)
    if image.mode not in _PLAIN_MODES:
        raise UnsupportedError(f"has {image.mode} colours and RGB, grey, palette or CMYK is allowed")
    return (ImageChops.invert(image) if container.inverted and image.mode == "CMYK" else image), []


def _decode_deep_colour(container: Container) -> DeepPixels:
    """Decode several channels of more than 8 bits, (H, W, 3 or 4) RGB, with OpenCV."""
    decoded = cv2.imdecode(np.frombuffer(container.content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3 or decoded.shape[:2] != (container.height, container.width):
        raise ValueError("OpenCV cannot decode it")
    deep: DeepPixels = decoded[:, :, [2, 1, 0, 3][: decoded.shape[2]]]
    return deep


def _from_deep(deep: DeepPixels, *, inverted: bool) -> tuple[Image.Image, list[str]]:
    """Bring deep grey, RGB or RGBA to 8 bits; alpha keeps its full range."""
    if deep.ndim == 3 and deep.shape[2] == 4:
        colours, notes = scale_to_8_bit(deep[:, :, :3])
        alpha, _ = scale_to_8_bit(deep[:, :, 3], np.iinfo(deep.dtype).max if deep.dtype.kind in "iu" else 1)
        return Image.fromarray(np.dstack([colours, alpha])), notes
    pixels, notes = scale_to_8_bit(deep)
    return Image.fromarray(255 - pixels if inverted else pixels), notes


def _flatten(image: Image.Image, background: tuple[int, int, int]) -> tuple[Image.Image, list[str]]:
    """Bring an 8-bit image of any colour kind to RGB, its transparent parts over the background."""
    if image.mode == "CMYK":
        return image.convert("RGB"), ["CMYK colours were converted to RGB without their colour profile."]
    if not image.has_transparency_data:
        return image.convert("RGB"), []
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    colours = layered.convert("RGB")
    if alpha.getextrema() == (255, 255):
        return colours, []
    base = Image.new("RGB", image.size, background)
    base.paste(colours, mask=alpha)
    ground = "black" if background == (0, 0, 0) else f"the colour {background}"
    return base, [f"Transparent parts were laid over {ground}."]


def upright(pixels: NDArray[AnyT], orientation: int) -> NDArray[AnyT]:
    """Undo an EXIF orientation, 1 to 8: as it is where 1, mirrored where 2, 4, 5 or 7, turned where 3 or 5 to 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _refusal(error: Exception, kind: str, name: str) -> str:
    """Word what went wrong while decoding, without the decoder's own words."""
    if isinstance(error, UnsupportedError):
        return f"{name} {error}: export it as an ordinary 8-bit PNG."
    if isinstance(error, MemoryError):
        return f"{name} needs more memory than there is: make it smaller first."
    if isinstance(error, CutShortError | EOFError) or "truncated" in str(error).lower():
        return cut_short(name)
    whole = "PPM/PGM" if kind == "PNM" else kind
    return f"{name} is damaged or unusual inside and only a sound {whole} is allowed: export it again, as PNG."
