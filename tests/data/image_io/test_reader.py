import gzip
import io
import struct
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from core.data.image_io.formats.source import cut_short
from core.data.image_io.reader import PictureLimits, read_mask, read_picture
from core.errors import UserError
from tests.data.image_io.image_samples import (
    HEIGHT,
    KINDS,
    WIDTH,
    encoded,
    encoded_deep,
    frames,
    grey_tiff,
    only_note,
    refusal,
    scene,
)
from tests.data.layouts.sentences import assert_names

LOSSLESS = {
    "PNG": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {},
    "TIFF LZW": {"compression": "tiff_lzw"},
    "TIFF deflate": {"compression": "tiff_adobe_deflate"},
    "TIFF packbits": {"compression": "packbits"},
    "TIFF big": {"big_tiff": True},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("case", LOSSLESS)
def test_a_lossless_picture_keeps_every_pixel(case):
    picture = read_picture(encoded(scene(), case.split()[0], **LOSSLESS[case]), name="eye.png")
    assert picture.pixels.dtype == np.uint8
    assert picture.notes == ()
    assert picture.name == "eye.png"
    np.testing.assert_array_equal(picture.pixels, scene())


@pytest.mark.parametrize(
    ("kind", "options", "most"),
    [
        ("JPEG", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 12),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 12),
        ("GIF", {}, 40),
        ("WEBP", {"quality": 95}, 16),
    ],
)
def test_a_lossy_picture_stays_close(kind, options, most):
    picture = read_picture(encoded(scene(), kind, **options))
    assert np.abs(picture.pixels.astype(int) - scene()).max() <= most


def test_the_content_decides_and_not_the_extension(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(encoded(scene(), "TIFF"))
    np.testing.assert_array_equal(read_picture(path).pixels, scene())


@pytest.mark.parametrize("dtype", ["1", "L", "LA", "P", "RGBA"])
def test_kinds_without_colour_depth_match_a_plain_conversion(dtype):
    image = Image.fromarray(scene()).convert(dtype)
    np.testing.assert_array_equal(read_picture(encoded(image)).pixels, np.array(image.convert("RGB")))


# Portable anymaps


@pytest.mark.parametrize(
    ("content", "light"),
    [
        (b"P1\n# made by hand\n2 2\n1 0\n01", [[0, 255], [255, 0]]),
        (b"P2 2 2 # greatest\n 10 0 5\n10 0 # end", [[0, 128], [255, 0]]),
        (b"P4\n2 2\n\x80\x40", [[0, 255], [255, 0]]),
        (b"P5 2 2 255\n\x00\x01\x02\xff", [[0, 1], [2, 255]]),
        (b"P5 2 2 4095\n\x00\x00\x0f\xff\x08\x00\x00\x10", [[0, 255], [128, 1]]),
    ],
)
def test_every_anymap_is_read(content, light):
    picture = read_picture(content, limits=PictureLimits(min_side=1))
    np.testing.assert_array_equal(picture.pixels, np.repeat(np.array(light)[:, :, None], 3, axis=2))


def test_a_text_ppm_is_read_in_colour_and_its_depth_is_noted():
    picture = read_picture(b"P3 1 1 1000\n1000 500 0", limits=PictureLimits(min_side=1))
    assert picture.pixels.tolist() == [[[255, 128, 0]]]
    only_note(picture, "0-1000")


@pytest.mark.parametrize("content", [b"P5 ", b"P5 20 20", b"P2 20 20 255 1 2 3", b"P4 20 20\n\x00", b"P6 20 20 255\n"])
def test_an_anymap_without_all_its_samples_is_cut_short(content):
    assert refusal(content, name="a.ppm") == cut_short('"a.ppm"')


@pytest.mark.parametrize("content", [b"P2 20 20 255 one two", b"P2 20 20 99999 1", b"P2 20 20 0 1"])
def test_an_anymap_of_nonsense_is_refused(content):
    refusal(content)


# Gzip


def test_a_gzipped_ppm_is_read(tmp_path):
    path = tmp_path / "im0001.ppm.gz"
    path.write_bytes(gzip.compress(encoded(scene(), "PPM")))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, scene())
    only_note(picture, "gzip")


def test_a_gzip_bomb_is_refused_without_unpacking_it():
    bomb = gzip.compress(bytes(30_000_000), compresslevel=1)
    tracemalloc.start()
    assert_names(refusal(bomb, limits=PictureLimits(max_bytes=2**20)), "1.0 MiB")
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_damaged_or_nested_gzip_is_refused():
    packed = gzip.compress(encoded(scene(), "PPM"))
    assert refusal(packed[:-20], name="a.gz") == cut_short('"a.gz"')
    damaged, nested = refusal(packed[:12] + b"\xff\xff\xff" + packed[15:]), refusal(gzip.compress(packed))
    assert "gzip" in damaged
    assert "gzip" in nested
    assert damaged != nested


# Orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(kind, orientation):
    image = Image.fromarray(scene())
    exif = image.getexif()
    exif[274] = orientation
    content = encoded(image, kind, exif=exif)
    truth = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.pixels, truth)
    if orientation > 1:
        only_note(picture, "EXIF", orientation)
    else:
        assert picture.notes == ()


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"x"]
)
def test_damaged_exif_is_ignored_in_silence(exif):
    content = encoded(scene(), "JPEG")
    block = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        picture = read_picture(content[:2] + block + content[2:])
    assert heard == []
    assert picture.notes == ()


# Colours


@pytest.mark.parametrize(("kind", "most"), [("JPEG", 14), ("TIFF", 1)])
def test_cmyk_comes_out_close_to_the_rgb_it_was_made_from(kind, most):
    picture = read_picture(encoded(Image.fromarray(scene()).convert("CMYK"), kind))
    assert np.abs(picture.pixels.astype(int) - scene()).max() <= most
    only_note(picture, "CMYK", "RGB")


def without_adobe(jpeg):
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def test_a_cmyk_jpeg_without_adobes_mark_is_not_inverted():
    image = Image.fromarray(scene()).convert("CMYK")
    stored = Image.frombytes("CMYK", image.size, bytes(255 - value for value in image.tobytes()))
    picture = read_picture(without_adobe(encoded(stored, "JPEG", quality=95)))
    assert np.abs(picture.pixels.astype(int) - scene()).max() <= 14


def test_transparent_parts_are_laid_over_black_or_what_is_asked_for():
    rgba = np.dstack([scene(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    picture = read_picture(encoded(rgba))
    assert picture.pixels[:10].max() == 0
    np.testing.assert_array_equal(picture.pixels[10:], scene()[10:])
    over_black = only_note(picture)
    red = read_picture(encoded(rgba), background=(255, 0, 0))
    assert (red.pixels[:10] == (255, 0, 0)).all()
    assert only_note(red, "(255, 0, 0)") != over_black


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_laid_over_black(kind):
    image = Image.new("P", (20, 20), 1)
    image.putpalette([255, 255, 255, 0, 200, 0])
    image.paste(0, (0, 0, 10, 20))
    picture = read_picture(encoded(image, kind, transparency=0))
    assert picture.pixels[0, 0].tolist() == [0, 0, 0]
    assert picture.pixels[0, 19].tolist() == [0, 200, 0]


def test_an_alpha_channel_that_hides_nothing_is_not_worth_a_note():
    assert read_picture(encoded(Image.fromarray(scene()).convert("RGBA"))).notes == ()


# Depth


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_that_fill_their_range_are_divided_by_257(extension, channels):
    light = scene() if channels == 3 else scene()[:, :, 0]
    picture = read_picture(encoded_deep(light.astype(np.uint16) * 257, extension))
    np.testing.assert_array_equal(picture.pixels, scene() if channels == 3 else np.dstack([light] * 3))
    only_note(picture, "0-65535")


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_twelve_bits_in_sixteen_are_stretched_and_stay_in_order(extension):
    grey = np.linspace(12, 4095, 400).round().astype(np.uint16).reshape(20, 20)
    picture = read_picture(encoded_deep(grey, extension))
    flat = picture.pixels[:, :, 0].ravel().astype(int)
    assert (np.diff(flat) >= 0).all()
    assert (flat[0], flat[-1]) == (0, 255)
    only_note(picture, "12-4095")


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_deep_transparency_is_laid_over_black(extension):
    rgba = np.dstack([scene(), np.full((HEIGHT, WIDTH), 255, np.uint8)]).astype(np.uint16) * 257
    rgba[:10, :, 3] = 0
    picture = read_picture(encoded_deep(rgba, extension))
    assert picture.pixels[:10].max() == 0
    np.testing.assert_array_equal(picture.pixels[10:], scene()[10:])


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_a_sixteen_bit_tiff_agree(order):
    grey = np.arange(400).reshape(20, 20)
    picture = read_picture(grey_tiff(grey.astype(order + "u2"), order))
    np.testing.assert_array_equal(picture.pixels[:, :, 0], np.rint(grey / 399 * 255))


def test_white_is_zero_is_turned_round_at_any_depth():
    grey = np.arange(400, dtype="<u2").reshape(20, 20)
    usual, turned = (read_picture(grey_tiff(grey, "<", photometric)).pixels for photometric in (1, 0))
    np.testing.assert_array_equal(turned, 255 - usual)


def test_signed_values_such_as_hounsfield_units_are_stretched():
    grey = np.linspace(-1000, 3000, 400).round().astype("<i2").reshape(20, 20)
    picture = read_picture(grey_tiff(grey, "<"))
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 255)
    only_note(picture, "-1000-3000")


def test_floating_point_is_scaled_and_nan_becomes_black_with_a_note():
    grey = np.linspace(0, 1, 400, dtype="<f4").reshape(20, 20)
    grey[5, 5], grey[6, 6] = np.nan, np.inf
    picture = read_picture(grey_tiff(grey, "<"))
    assert picture.pixels[5, 5].tolist() == picture.pixels[6, 6].tolist() == [0, 0, 0]
    assert picture.pixels[-1, -1, 0] == 255
    scaled, missing = picture.notes
    assert_names(scaled, "0-1")
    assert_names(missing, 2, "NaN")


def test_floating_point_of_any_size_passes_without_overflow():
    for value in (1e-44, 3.4e38):
        grey = np.full((20, 20), value, "<f4")
        grey[0] = -grey[0]
        picture = read_picture(grey_tiff(grey, "<"))
        assert (picture.pixels.min(), picture.pixels.max()) == (0, 255)


def test_a_picture_of_nan_alone_is_refused():
    assert "NaN" in refusal(grey_tiff(np.full((20, 20), np.nan, "<f4"), "<"))


def test_a_constant_sixteen_bit_picture_is_not_divided_by_zero():
    assert read_picture(grey_tiff(np.full((20, 20), 257, "<u2"), "<")).pixels.max() == 1


# Frames


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_the_first_of_several_frames_is_used_with_a_note(kind, options):
    several = frames(7)
    picture = read_picture(encoded(several[0], kind, save_all=True, append_images=several[1:], **options))
    alone = read_picture(encoded(several[0], kind, **options))
    assert np.abs(picture.pixels.astype(int) - alone.pixels).max() <= 40
    only_note(picture, 7)


def test_a_tiff_whose_pages_run_in_a_circle_ends():
    content = bytearray(grey_tiff(np.zeros((20, 20), "<u1"), "<"))
    content[-4:] = content[4:8]
    assert read_picture(bytes(content)).notes == ()


# Masks


def disc():
    y, x = np.mgrid[:30, :30]
    return (y - 15) ** 2 + (x - 12) ** 2 < 80


def palette_mask():
    image = Image.fromarray(disc().astype(np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    return image


MASKS = {
    "0 and 255": lambda: encoded(disc().astype(np.uint8) * 255),
    "0 and 1": lambda: encoded(disc().astype(np.uint8)),
    "1 bit": lambda: encoded(Image.fromarray(disc())),
    "palette GIF": lambda: encoded(palette_mask(), "GIF"),
    "RGB PPM": lambda: encoded(np.dstack([disc().astype(np.uint8) * 255] * 3), "PPM"),
    "red on black": lambda: encoded(np.dstack([disc() * np.uint8(value) for value in (255, 0, 0)])),
    "16 bit": lambda: encoded_deep(disc().astype(np.uint16) * 65535, ".png"),
    "TIFF": lambda: encoded(Image.fromarray(disc()), "TIFF", compression="group4"),
    "gzipped PPM": lambda: gzip.compress(encoded(disc().astype(np.uint8) * 255, "PPM")),
    "grey edges": lambda: encoded(np.where(disc(), 200, 60).astype(np.uint8)),
    "JPEG": lambda: encoded(disc().astype(np.uint8) * 255, "JPEG", quality=95),
}


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_of_any_kind_is_read(kind, tmp_path):
    path = tmp_path / "mask"
    path.write_bytes(MASKS[kind]())
    mask = read_mask(path)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, disc())


def test_a_palette_is_read_by_its_colours_and_not_its_indices(tmp_path):
    image = palette_mask()
    image.putpalette([255, 255, 255, 0, 0, 0])
    path = tmp_path / "mask.gif"
    path.write_bytes(encoded(image, "GIF"))
    np.testing.assert_array_equal(read_mask(path), ~disc())


def test_a_black_mask_is_off_everywhere_and_a_white_one_on(tmp_path):
    path = tmp_path / "mask.png"
    for value in (0, 1, 255):
        path.write_bytes(encoded(np.full((30, 30), value, np.uint8)))
        assert (read_mask(path) == (value > 0)).all()


def test_a_damaged_mask_is_refused(tmp_path):
    path = Path(tmp_path / "mask.png")
    path.write_bytes(KINDS["PNG"][:50])
    with pytest.raises(UserError) as caught:
        read_mask(path)
    assert str(caught.value) == cut_short('"mask.png"')
