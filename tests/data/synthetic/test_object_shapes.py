import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.synthetic.objects.shapes import COATS, build_outlines

OUTLINES = build_outlines()
CELLS = 400


def _fill(name: str, angle: float = 0.0) -> NDArray[np.uint8]:
    """The shape at 150 cells per unit of length, its origin in the middle."""
    turn = np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))))
    canvas = np.zeros((CELLS, CELLS), np.uint8)
    contours = [np.rint(150 * points @ turn + CELLS / 2).astype(np.int32) for points in OUTLINES[name]]
    cv2.fillPoly(canvas, contours, 1)
    return canvas


@pytest.mark.parametrize("name", OUTLINES)
def test_every_shape_has_area_one_around_the_origin(name: str) -> None:
    canvas = _fill(name)
    rows, columns = np.nonzero(canvas)
    assert canvas.sum() / 150**2 == pytest.approx(1.0, abs=0.05)
    assert rows.mean() == pytest.approx(CELLS / 2, abs=2)
    assert columns.mean() == pytest.approx(CELLS / 2, abs=2)


def test_no_two_shapes_cover_each_other_at_any_angle() -> None:
    shapes = {name: _fill(name) for name in OUTLINES}
    for one in OUTLINES:
        for other in OUTLINES:
            if one < other:
                turned = [_fill(other, angle) for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False)]
                overlap = max((shapes[one] & shape).sum() / (shapes[one] | shape).sum() for shape in turned)
                assert overlap < 0.92, f"{one} and {other}"


def test_a_ring_is_open_and_a_disc_is_not() -> None:
    assert _fill("ring")[CELLS // 2, CELLS // 2] == 0
    assert _fill("disc")[CELLS // 2, CELLS // 2] == 1


@pytest.mark.parametrize("name", COATS)
def test_a_coat_mixes_two_colours_and_only_the_plain_one_does_not(name: str) -> None:
    places = np.arange(60, dtype=np.float32)
    x, y = np.meshgrid(places, places)
    for seed in range(8):
        share = COATS[name](np.random.default_rng(seed), x, y)
        assert share.shape == (60, 60)
        assert share.dtype == np.float32
        assert share.min() >= 0.0
        assert share.max() <= 1.0
        if name == "plain":
            assert not share.any()
        else:
            assert 0.08 < share.mean() < 0.92
