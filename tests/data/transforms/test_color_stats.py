import numpy as np
import pytest

from core.data.transforms.arrays import Pixels
from core.data.transforms.color_stats import measure_colours
from tests.data.layouts.sentences import refuses


def _pictures() -> list[Pixels]:
    rng = np.random.default_rng(0)
    return [
        rng.integers(low, high, (*size, 3), dtype=np.uint8)
        for low, high, size in ((0, 30, (40, 7)), (90, 256, (5, 60)), (0, 256, (31, 33)))
    ]


def test_mean_and_deviation_are_those_of_all_pixels_together() -> None:
    together = np.concatenate([each.reshape(-1, 3) for each in _pictures()]) / 255
    mean, deviation = measure_colours(iter(_pictures()))
    np.testing.assert_allclose(mean, together.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, together.std(axis=0), rtol=1e-12)


def test_the_order_of_the_pictures_does_not_matter() -> None:
    assert measure_colours(_pictures()) == measure_colours(reversed(_pictures()))


def test_channels_are_measured_apart() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :3, 0] = 255
    pixels[:, :, 2] = 51
    mean, deviation = measure_colours([pixels])
    assert mean == pytest.approx((0.5, 0.0, 0.2))
    assert deviation == pytest.approx((0.5, 0.0, 0.0))


def test_no_picture_is_refused() -> None:
    with refuses():
        measure_colours([])
