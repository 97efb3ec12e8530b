import os
import random
import struct
import warnings
import zlib

import numpy as np
import pytest

from core.data.pictures import Picture, PictureLimits, read_picture
from core.errors import UserError
from tests.data.picture_samples import KINDS, grey_tiff, png_of, refusal

# Refused by name


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (bytes(128) + b"DICM" + bytes(50), "is a DICOM file"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "is a HEIC picture"),
        (b"\0\0\0\x18ftypmif1" + bytes(50), "is a HEIC picture"),
        (b"\0\0\0\x18ftypavif" + bytes(50), "is an AVIF picture"),
        (b"\0\0\0\x18ftypisom" + bytes(50), "is a video"),
        (b"<?xml version='1.0'?>\n<svg width='20'/>", "is an SVG drawing"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"PK\x03\x04" + bytes(50), "is a ZIP archive"),
        (b"\n<!DOCTYPE html><html>404</html>", "is a web page (HTML)"),
        (b"label,score\n1,0.5\n", "is text"),
        (bytes(344) + b"n+1\0", "is a NIfTI volume"),
        (b"\x93NUMPY\x01\0", "is a NumPy array"),
        (b"8BPS\0\1", "is a Photoshop document"),
        (bytes(100), "is not a picture of a known kind"),
    ],
)
def test_other_kinds_are_refused_by_name(content, words):
    sentence = refusal(content, name="given.png")
    assert words in sentence
    assert sentence.startswith('"given.png" ')


def test_paths_that_are_no_pictures_are_refused(tmp_path):
    assert '"gone.png" does not exist' in refusal(tmp_path / "gone.png")
    assert "does not exist" in refusal(tmp_path / ("long" * 100))
    assert "does not exist" in refusal(tmp_path / "a\0b.png")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    assert "is a pipe or device" in refusal(tmp_path / "pipe.png")
    (tmp_path / "notes.png").write_text("not a picture")
    assert '"notes.png" is text' in refusal(tmp_path / "notes.png")


def test_names_are_shown_without_folders_control_characters_or_great_length():
    assert refusal(b"", name="C:\\Users\\me\\eye.png").startswith('"eye.png" is')
    assert refusal(b"", name="../../etc/eye\n\x1b.png").startswith('"eye??.png" is')
    long = refusal(b"", name="n" * 500 + ".png")
    assert "….png" not in long
    assert "n.png" in long
    assert len(long) < 150
    assert refusal(b"").startswith("The picture is")


# Cut short and damaged


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_picture_is_called_cut_short(kind, share):
    content = KINDS[kind]
    assert "is cut short" in refusal(content[: int(len(content) * share)])


def test_a_png_whose_pixels_end_early_inside_whole_chunks_is_refused():
    rows = zlib.compress(bytes(7) * 20)
    assert "is cut short" in refusal(png_of(20, 20, rows[:-8]))
    whole = zlib.compress(np.random.default_rng(0).bytes(20 * 121))
    refusal(png_of(20, 20, whole[: len(whole) // 2], depth=16, colour=2))


def test_a_jpeg_of_more_than_eight_bits_is_refused_by_its_depth():
    content = bytearray(KINDS["JPEG"])
    content[content.index(b"\xff\xc0") + 4] = 12
    assert "12 bits a sample" in refusal(bytes(content))


def test_a_tiff_of_an_unbounded_compression_is_refused_by_number():
    content = bytearray(grey_tiff(np.zeros((20, 20), "<u1"), "<"))
    place = content.index(struct.pack("<HHII", 259, 4, 1, 1))
    content[place : place + 12] = struct.pack("<HHII", 259, 4, 1, 34925)
    assert "TIFF compression 34925" in refusal(bytes(content))


def damaged(content, chance):
    """Flip bytes anywhere, cut, or scramble the header."""
    content = bytearray(content)
    way = chance.randrange(4)
    if way == 0:
        return bytes(content[: chance.randrange(len(content))])
    reach = len(content) if way == 1 else min(len(content), 120)
    for _ in range(chance.choice([1, 3, 20])):
        content[chance.randrange(2, reach)] = chance.randrange(256)
    if way == 3:
        place = chance.randrange(len(content))
        content[place:place] = chance.randbytes(chance.randrange(1, 40))
    return bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_pictures_give_pixels_or_one_sentence_and_no_warning(kind):
    chance = random.Random(kind)
    outcomes = set()
    with warnings.catch_warnings(record=True) as heard:  # as errors, they would hide among the refusals
        warnings.simplefilter("always")
        for _ in range(40):
            try:
                outcomes.add(type(read_picture(damaged(KINDS[kind], chance), limits=PictureLimits(min_side=1))))
            except UserError as error:
                outcomes.add(UserError)
                assert str(error).endswith(".")
    assert [str(warning.message) for warning in heard] == []
    assert UserError in outcomes
    assert outcomes <= {Picture, UserError}


def test_an_interruption_is_not_swallowed(monkeypatch):
    def interrupt(content):
        raise KeyboardInterrupt

    monkeypatch.setitem(read_picture.__globals__["_OPENERS"], "PNG", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_picture(KINDS["PNG"])


def test_lack_of_memory_is_said_as_such(monkeypatch):
    def exhaust(content):
        raise MemoryError

    monkeypatch.setitem(read_picture.__globals__["_OPENERS"], "PNG", exhaust)
    assert "needs more memory" in refusal(KINDS["PNG"])
