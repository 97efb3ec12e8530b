import numpy as np
import pytest

from core.inference.predictors.segmentation import MaskPrediction
from core.ui.widgets.threshold_memory import SHOWN_SIDE, SegmentationView


def prediction(height: int = 90, width: int = 120) -> MaskPrediction:
    rng = np.random.default_rng(0)
    inside = np.zeros((height, width), bool)
    inside[10:-10, 10:-10] = True
    probabilities = rng.random((height, width), np.float32) * inside
    pixels = rng.integers(0, 255, (height, width, 3), np.uint8)
    return MaskPrediction(pixels, probabilities, inside, 0.5, (), {"network": 1.0})


@pytest.mark.parametrize("threshold", [0.01, 0.25, 0.5, 0.73, 0.99])
def test_the_share_at_any_threshold_is_that_of_the_full_picture(threshold: float) -> None:
    whole = prediction()
    assert SegmentationView.of(whole).share(threshold) == pytest.approx(whole.share(threshold), abs=2e-4)


def test_a_large_picture_is_kept_at_screen_size_but_counted_whole() -> None:
    whole = prediction(900, 3000)
    view = SegmentationView.of(whole)
    assert max(view.pixels.shape) == SHOWN_SIDE
    assert view.overlay(0.5).shape == view.pixels.shape == (*view.probabilities.shape, 3)
    assert view.share(0.4) == pytest.approx(whole.share(0.4), abs=2e-4)


def test_a_higher_threshold_tints_fewer_pixels() -> None:
    view = SegmentationView.of(prediction())
    tinted = [(view.overlay(threshold) != view.pixels).any(axis=2).sum() for threshold in (0.2, 0.5, 0.8)]
    assert tinted == sorted(tinted, reverse=True)
    assert tinted[0] > tinted[2] > 0
