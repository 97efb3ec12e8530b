from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.image_io.npy import open_picture_array, read_row
from tests.data.layouts.sentences import refuses

GREY = np.random.default_rng(0).integers(0, 256, (5, 24, 32), dtype=np.uint8)


def _save(folder: Path, array: NDArray[np.generic], **options: bool) -> Path:
    np.save(folder / "normal.npy", array, **options)
    return folder / "normal.npy"


@pytest.mark.parametrize("kind", ["u1", "u2", "i8", "f4", "f8", "f2"])
def test_grey_rows_of_any_kind_become_three_equal_channels(tmp_path: Path, kind: str) -> None:
    path = _save(tmp_path, GREY.astype(kind))
    for row in range(5):
        pixels = read_row(path, row)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        np.testing.assert_array_equal(pixels, np.repeat(GREY[row][..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_values_up_to_one_are_scaled_even_in_a_dark_picture(tmp_path: Path, kind: str) -> None:
    dark = GREY.copy()
    dark[2] //= 200
    pixels = read_row(_save(tmp_path, (dark / 255).astype(kind)), 2)
    np.testing.assert_array_equal(pixels[..., 0], dark[2])
    pixels = read_row(_save(tmp_path, dark.astype(kind)), 2)
    np.testing.assert_array_equal(pixels[..., 1], dark[2])


def test_colour_rows_are_taken_as_they_are(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_row(_save(tmp_path, colours), 1), colours[1])
    np.testing.assert_array_equal(read_row(_save(tmp_path, GREY[..., None]), 1)[..., 2], GREY[1])


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 4), np.uint8), "uint8 (3, 4)"),
        (np.zeros((3, 4, 4, 2), np.uint8), "uint8 (3, 4, 4, 2)"),
        (np.zeros((3, 4, 4), complex), "complex128"),
        (np.zeros((3, 4, 4), bool), "bool"),
        (np.zeros((0, 4, 4), np.uint8), "uint8 (0, 4, 4)"),
    ],
)
def test_an_array_of_something_else_is_refused_in_one_sentence(
    tmp_path: Path, array: NDArray[np.generic], said: str
) -> None:
    with refuses("normal.npy", said, "(N, H, W)", "(N, H, W, 3)"):
        open_picture_array(_save(tmp_path, array))


def _header(shape: str) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x93NUMPY", b"text", b"PK\x03\x04", b"\x80\x04N.", _header("(2, 8, 8)"), _header("(-1, 8, 8)"),
        _header("(4294967296, 4294967296, 4)"), _header("(4611686018427387905, 4, 4)"), _header("('a',)"),
    ],
)  # fmt: skip
def test_a_file_of_something_else_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "normal.npy").write_bytes(content)
    with refuses("normal.npy", "numpy.save"):
        open_picture_array(tmp_path / "normal.npy")


def test_an_archive_of_arrays_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "normal.npy").open("wb") as file:
        np.savez(file, pictures=GREY)
    with refuses("normal.npy", "numpy.save"):
        open_picture_array(tmp_path / "normal.npy")


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path, GREY)
    path.write_bytes(path.read_bytes()[:-1])
    with refuses("normal.npy", "numpy.save"):
        read_row(path, 0)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = _save(tmp_path, np.array([print, print], dtype=object), allow_pickle=True)
    with refuses("normal.npy", "numpy.save"):
        open_picture_array(path)


@pytest.mark.parametrize(
    ("value", "said"),
    [(300.0, "300"), (-0.5, "-0.5"), (np.nan, "nan"), (np.inf, "inf")],
)
def test_values_that_are_no_brightness_are_refused(tmp_path: Path, value: float, said: str) -> None:
    array = np.zeros((3, 8, 8), np.float32)
    array[1, 3, 3] = value
    with refuses("1 ", "normal.npy", said, "255"):
        read_row(_save(tmp_path, array), 1)


def test_a_row_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with refuses("normal.npy", 5):
        read_row(_save(tmp_path, GREY), 5)
