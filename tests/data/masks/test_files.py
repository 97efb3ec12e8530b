"""Images and masks by their headers: sizes, EXIF orientations and pages, told before anything is decoded."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.image_io.formats.headers import Header, read_header
from core.data.image_io.headers import read_headers, say_pages
from core.data.image_io.reader import read_picture, upright
from core.data.masks.files import MaskedFile, check_masked_files
from tests.data.image_io.image_samples import encoded, scene
from tests.data.layouts.masked_sets import draw_blob, grey, save
from tests.data.layouts.sentences import assert_names, refuses


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def _oriented(
    folder: Path, orientation: int, *, drawn: str, count: int = 4, size: tuple[int, int] = (40, 60)
) -> list[MaskedFile]:
    """Write photographs as a phone does, the first upright, with masks on stored pixels or on what tools show."""
    files = []
    for number in range(count):
        turn = orientation if number else 1
        pixels, mask = draw_blob(number, *size)
        image = save(pixels, folder / f"p{number}.jpg", quality=95, exif=_exif(turn))
        shown = grey(mask) if drawn == "stored" else upright(grey(mask), turn)
        files.append(MaskedFile(image, save(shown, folder / f"m{number}.png")))
    return files


KINDS = {
    "png": {}, "jpg": {}, "tif": {}, "gif": {}, "bmp": {}, "webp": {}, "ppm": {},
}  # fmt: skip


@pytest.mark.parametrize("ending", KINDS)
def test_a_header_has_the_size_that_is_decoded(tmp_path: Path, ending: str) -> None:
    path = save(scene(), tmp_path / f"a.{ending}")
    assert read_header(path) == Header(60, 40)
    packed = tmp_path / f"a.{ending}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_header(packed) == Header(60, 40)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_header_has_the_orientation_that_is_undone(tmp_path: Path, ending: str, orientation: int) -> None:
    path = save(scene(), tmp_path / f"a.{ending}", exif=_exif(orientation))
    header = read_header(path)
    assert header.orientation == orientation
    assert header.stored == (60, 40)
    assert header.upright == read_picture(path).pixels.shape[1::-1]


@pytest.mark.parametrize(("ending", "frames"), [("tif", 3), ("gif", 2), ("webp", 4), ("png", 5)])
def test_pages_and_frames_are_counted(tmp_path: Path, ending: str, frames: int) -> None:
    images = [Image.fromarray(np.roll(scene(), 7 * number, 1)) for number in range(frames)]
    images[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=images[1:])
    alone = save(scene(), tmp_path / f"b.{ending}")
    assert read_header(tmp_path / f"a.{ending}").frames == frames
    paths = [tmp_path / f"a.{ending}", alone]
    assert_names(say_pages(read_headers(paths), paths)[0], "1 of 2", frames, f"a.{ending}")
    assert say_pages(read_headers([alone]), [alone]) == ()


def test_large_tiff_and_rare_compressions_are_measured(tmp_path: Path) -> None:
    image = Image.fromarray(scene())
    image.save(tmp_path / "big.tif", big_tiff=True)
    image.save(tmp_path / "lzw.tif", compression="tiff_lzw")
    assert {read_header(path) for path in tmp_path.iterdir()} == {Header(60, 40)}


def test_all_files_that_cannot_be_read_are_told_together(tmp_path: Path) -> None:
    sound = save(scene(), tmp_path / "sound.png")
    broken = [tmp_path / f"{name}.png" for name in ("cut", "empty", "text")]
    for path, content in zip(broken, (encoded(scene())[:60], b"", b"no image"), strict=True):
        path.write_bytes(content)
    with refuses("3 of 4", "cut.png", "empty.png", "text.png"):
        read_headers([sound, *broken])
    with refuses("cut.png") as caught:
        read_headers([sound, broken[0]])
    assert " of " not in str(caught.value)


def test_every_mask_of_another_size_is_counted_and_named_with_both_sizes(tmp_path: Path) -> None:
    files = []
    for number in range(6):
        pixels, mask = draw_blob(number)
        shown = np.pad(grey(mask), ((0, 1), (0, number))) if number > 3 else grey(mask)
        image = save(pixels, tmp_path / f"p{number}.png")
        files.append(MaskedFile(image, save(shown, tmp_path / f"m{number}.png")))
    with refuses("2 of 6", "m4.png", "64×41", "p4.png", "60×40", "m5.png", "65×41"):
        check_masked_files(files)
    assert check_masked_files(files, any_size=True).turned == {}
    assert check_masked_files(files[:4]).notes == ()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_masks_on_stored_pixels_are_turned_with_their_images(tmp_path: Path, orientation: int) -> None:
    files = _oriented(tmp_path, orientation, drawn="stored")
    checked = check_masked_files(files)
    assert checked.turned == {each.mask: orientation for each in files[1:]}
    assert_names(checked.notes[0], "EXIF", "3 of 4", "m1.png")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_masks_on_upright_images_stay_as_they_are(tmp_path: Path, orientation: int) -> None:
    checked = check_masked_files(_oriented(tmp_path, orientation, drawn="upright"))
    assert checked.turned == {}


@pytest.mark.parametrize("drawn", ["stored", "upright"])
def test_a_quarter_turn_of_a_square_is_told_by_what_the_image_shows(tmp_path: Path, drawn: str) -> None:
    checked = check_masked_files(_oriented(tmp_path, 6, drawn=drawn, size=(48, 48)))
    assert len(checked.turned) == (3 if drawn == "stored" else 0)


def test_sizes_that_tell_decide_for_those_that_do_not(tmp_path: Path) -> None:
    """A half turn keeps the size, and these images show nothing."""
    files = _oriented(tmp_path / "quarter", 6, drawn="stored")
    for number in range(2):
        image = save(np.full((40, 60, 3), 90, np.uint8), tmp_path / f"h{number}.jpg", exif=_exif(3))
        files.append(MaskedFile(image, save(grey(draw_blob(number)[1]), tmp_path / f"hm{number}.png")))
    assert len(check_masked_files(files).turned) == 5
    assert check_masked_files(files[4:]).turned == {}


def test_a_mask_with_the_orientation_of_its_image_is_turned_once(tmp_path: Path) -> None:
    pixels, mask = draw_blob(1)
    image = save(pixels, tmp_path / "p.jpg", exif=_exif(6))
    stored = save(grey(mask), tmp_path / "m.png", exif=_exif(6))
    assert check_masked_files([MaskedFile(image, stored)]).turned == {}


def test_a_size_that_fits_neither_way_is_refused_with_the_orientation(tmp_path: Path) -> None:
    image = save(scene(), tmp_path / "p.jpg", exif=_exif(8))
    mask = save(np.zeros((50, 50), np.uint8), tmp_path / "m.png")
    with refuses("m.png", "50×50", "p.jpg", "40×60", "60×40", "EXIF", 8):
        check_masked_files([MaskedFile(image, mask)])
