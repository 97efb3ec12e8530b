import cv2
import numpy as np
import pytest

from core.metrics.vessel_morphometry import measure_lines


def drawn(points: list[tuple[int, int]], width: int, size: int = 300) -> np.ndarray:
    canvas = np.zeros((size, size), np.uint8)
    cv2.polylines(canvas, [np.array(points, np.int32)], isClosed=False, color=1, thickness=width)
    return canvas > 0


def arc(radius: int, width: int) -> np.ndarray:
    angles = np.linspace(0, np.pi, 200)
    points = [(int(150 + radius * np.cos(each)), int(150 + radius * np.sin(each))) for each in angles]
    return drawn(points, width)


@pytest.mark.parametrize("width", [3, 5, 9])
def test_the_width_of_a_bar_is_found(width: int) -> None:
    mask = np.zeros((100, 300), bool)
    mask[50 - width // 2 : 50 + width // 2 + 1, 20:280] = True
    assert measure_lines(mask).width == pytest.approx(width, abs=0.5)


def test_a_straight_line_has_tortuosity_1_and_half_a_circle_half_of_pi() -> None:
    assert measure_lines(drawn([(20, 40), (280, 40)], 3)).tortuosity == pytest.approx(1.0, abs=0.02)
    assert measure_lines(arc(100, 3)).tortuosity == pytest.approx(np.pi / 2, rel=0.08)


def test_a_diagonal_is_as_long_as_it_is() -> None:
    found = measure_lines(np.eye(200, dtype=bool))
    assert found.length == pytest.approx(199 * 2**0.5, rel=0.02)
    assert found.tortuosity == pytest.approx(1.0, abs=0.01)


def test_a_junction_parts_the_pieces() -> None:
    cross = drawn([(20, 150), (280, 150)], 3) | drawn([(150, 20), (150, 280)], 3)
    found = measure_lines(cross)
    assert found.pieces == 4
    assert found.tortuosity == pytest.approx(1.0, abs=0.03)


def test_an_empty_mask_has_no_lines_and_no_width() -> None:
    found = measure_lines(np.zeros((50, 50), bool))
    assert found.length == 0
    assert np.isnan(found.width)
    assert found.pieces == 0


def test_measures_grow_with_the_scale_and_tortuosity_does_not() -> None:
    small, large = measure_lines(arc(60, 3)), measure_lines(arc(120, 7))
    assert large.width > 1.7 * small.width
    assert large.tortuosity == pytest.approx(small.tortuosity, rel=0.08)
