"""What the browser gets of a picture with its errors."""

import base64
import zlib

import cv2
import numpy as np

from core.inference.image_errors import CHECKS, LEVELS, check
from core.ui.components.error_overlay import LABELLED, OUTSIDE, describe, inline, pack
from core.ui.views.inspect.masks import MASKED


def test_a_byte_holds_level_and_label_and_nothing_is_lost() -> None:
    certainty = np.array([[0.0, 0.25, 1.0], [0.0, 0.25, 1.0]], np.float32)
    truth = np.array([[False] * 3, [True] * 3])
    inside = np.array([[True, True, True], [True, True, False]])
    pixels = np.zeros((2, 3, 3), np.uint8)
    seen = check("a", pixels, certainty, truth=truth, inside=inside, threshold=0.5)
    assert pack(seen).tolist() == [[0, 25, 100], [101, 126, OUTSIDE]]
    told = describe(seen)
    bytes_ = np.frombuffer(zlib.decompress(base64.b64decode(told["bytes"])), np.uint8)
    for step in (0, 25, 26, 100):  # as the program in the browser counts
        labelled = (bytes_ >= LABELLED) & (bytes_ < OUTSIDE)
        found = np.where(labelled, bytes_.astype(int) - LABELLED, bytes_) >= step
        assert int((labelled & found).sum()) == told["hits"][step]
        assert int((~labelled & found & (bytes_ < OUTSIDE)).sum()) == told["alarms"][step]
    assert told["labelled"] == 2


def test_page_and_network_agree_on_steps_and_kinds() -> None:
    assert LABELLED == LEVELS + 1
    assert 2 * LABELLED <= OUTSIDE
    assert set(MASKED) == set(CHECKS)


def test_a_picture_travels_as_a_jpeg_in_its_colours() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[..., 0] = 200
    address = inline(pixels)
    assert address.startswith("data:image/jpeg;base64,")
    coded = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    blue, green, red = cv2.imdecode(coded, cv2.IMREAD_COLOR)[8, 8]
    assert red > 190
    assert max(blue, green) < 10
