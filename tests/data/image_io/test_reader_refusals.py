import os
import random
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL.PngImagePlugin import PngImageFile

from core.data.image_io.formats.source import cut_short
from core.data.image_io.reader import Picture, PictureLimits, read_picture
from core.errors import UserError
from tests.data.image_io.image_samples import KINDS, grey_tiff, png_of, refusal
from tests.data.layouts.sentences import assert_names

# Refused by name


NAMED = {
    "0": b"",
    "DICOM": bytes(128) + b"DICM" + bytes(50),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(50),
    "AVIF": b"\0\0\0\x18ftypavif" + bytes(50),
    "SVG": b"<?xml version='1.0'?>\n<svg width='20'/>",
    "PDF": b"%PDF-1.7\n",
    "ZIP": b"PK\x03\x04" + bytes(50),
    "HTML": b"\n<!DOCTYPE html><html>404</html>",
    "NIfTI": bytes(344) + b"n+1\0",
    "NumPy": b"\x93NUMPY\x01\0",
    "Photoshop": b"8BPS\0\1",
}
VIDEO, TEXT, UNKNOWN = b"\0\0\0\x18ftypisom" + bytes(50), b"label,score\n1,0.5\n", bytes(100)


@pytest.mark.parametrize("kind", NAMED)
def test_other_kinds_are_refused_by_name(kind):
    sentence = refusal(NAMED[kind], name="given.png")
    assert kind in sentence
    assert sentence.startswith('"given.png" ')


def test_each_other_kind_has_a_refusal_of_its_own():
    contents = [*NAMED.values(), VIDEO, TEXT, UNKNOWN]
    assert len({refusal(content) for content in contents}) == len(contents)
    assert refusal(b"\0\0\0\x18ftypmif1" + bytes(50)) == refusal(NAMED["HEIC"])


def test_paths_that_are_no_pictures_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "notes.png").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    why = set()
    for name in ("gone.png", "pipe.png", "notes.png", "folder.png"):
        sentence = refusal(tmp_path / name)
        assert sentence.startswith(f'"{name}" ')
        why.add(sentence.removeprefix(f'"{name}" '))
    assert len(why) == 4
    for name in ("long" * 100, "a\0b.png"):
        assert refusal(tmp_path / name).rpartition('" ')[2] in why


def test_names_are_shown_without_folders_control_characters_or_great_length():
    assert refusal(b"", name="C:\\Users\\me\\eye.png").startswith('"eye.png" ')
    assert refusal(b"", name="../../etc/eye\n\x1b.png").startswith('"eye??.png" ')
    long = refusal(b"", name="n" * 500 + ".png")
    assert "….png" not in long
    assert "n.png" in long
    assert len(long) < 150
    assert '"' not in refusal(b"")


# Cut short and damaged


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_picture_is_called_cut_short(kind, share):
    content = KINDS[kind]
    assert refusal(content[: int(len(content) * share)], name="a.png") == cut_short('"a.png"')


def test_a_png_whose_pixels_end_early_inside_whole_chunks_is_refused():
    rows = zlib.compress(bytes(7) * 20)
    assert refusal(png_of(20, 20, rows[:-8]), name="a.png") == cut_short('"a.png"')
    whole = zlib.compress(np.random.default_rng(0).bytes(20 * 121))
    refusal(png_of(20, 20, whole[: len(whole) // 2], depth=16, colour=2))


def test_a_jpeg_of_more_than_eight_bits_is_refused_by_its_depth():
    content = bytearray(KINDS["JPEG"])
    content[content.index(b"\xff\xc0") + 4] = 12
    assert_names(refusal(bytes(content)), "JPEG", 12, 8)


def test_a_tiff_of_an_unbounded_compression_is_refused_by_number():
    content = bytearray(grey_tiff(np.zeros((20, 20), "<u1"), "<"))
    place = content.index(struct.pack("<HHII", 259, 4, 1, 1))
    content[place : place + 12] = struct.pack("<HHII", 259, 4, 1, 34925)
    assert_names(refusal(bytes(content)), 34925)


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


@pytest.fixture
def fail(monkeypatch):
    """Let Pillow end with an error while it decodes a PNG."""

    def fail_with(error):
        def load(self):
            raise error

        monkeypatch.setattr(PngImageFile, "load", load)

    return fail_with


def test_an_interruption_is_not_swallowed(fail):
    fail(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        read_picture(KINDS["PNG"])


def test_lack_of_memory_is_not_called_damage(fail):
    fail(MemoryError)
    for_memory = refusal(KINDS["PNG"], name="a.png")
    fail(ValueError)
    assert len({for_memory, refusal(KINDS["PNG"], name="a.png"), cut_short('"a.png"')}) == 3
