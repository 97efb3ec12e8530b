import doctest
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import core.metrics.blots
from core.metrics.blots import BlotScores, correlate_profiles, find_lanes, profile_along

FloatImage = NDArray[np.float32]


def _layout(*stripes: tuple[int, int], slant: float = 0.0) -> FloatImage:
    layout = np.full((64, 64), -1, np.float32)
    for row in range(64):
        for left, right in stripes:
            shift = round(slant * (row - 32))
            layout[row, left + shift : right + shift] = 1
    return layout


def _case(seed: int, *stripes: tuple[int, int]) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return a generated picture, a target that has something to do with it, and templates."""
    rng = np.random.default_rng(seed)
    target = np.tanh(rng.normal(size=(1, 64, 64)).cumsum(axis=1) / 3).astype(np.float32)
    generated = np.clip(0.7 * target + 0.2 * rng.normal(size=target.shape), -1, 1).astype(np.float32)
    layout = _layout(*(stripes or ((4, 14), (20, 30), (40, 50))))
    return generated, target, np.stack([layout, -layout])


def _scored(*cases: tuple[FloatImage, FloatImage, FloatImage]) -> BlotScores:
    scores = BlotScores()
    for number, case in enumerate(cases):
        scores.update(str(number), *case)
    return scores


def test_scores_of_pictures_agree_with_scikit_image() -> None:
    cases = [_case(seed) for seed in range(3)]
    found = _scored(*cases).compute()
    pairs = [(generated[0], target[0]) for generated, target, _ in cases]
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    psnr = np.mean([peak_signal_noise_ratio(true, made, data_range=2) for made, true in pairs])
    ssim = np.mean([structural_similarity(true, made, data_range=2, **wang) for made, true in pairs])
    assert found["psnr"] == pytest.approx(psnr, abs=1e-4)
    assert found["ssim"] == pytest.approx(ssim, abs=1e-5)
    assert found["l1"] == pytest.approx(np.mean([np.abs(true - made) for made, true in pairs]), abs=1e-6)


def test_a_profile_is_the_mean_across_the_lane_from_top_to_bottom() -> None:
    picture = np.arange(64 * 64, dtype=float).reshape(64, 64)
    lane = np.zeros((64, 64), bool)
    lane[10:50, 7:9] = True
    expected = [picture[row, 7:9].mean() for row in range(10, 50)]
    np.testing.assert_allclose(profile_along(picture, lane), expected)


def test_profiles_agree_with_a_slow_correlation() -> None:
    generated, target, templates = _case(0)
    expected = []
    for left, right in ((4, 14), (20, 30), (40, 50)):
        made, true = (each[0, :, left:right].astype(float).mean(axis=1) for each in (generated, target))
        made, true = made - made.mean(), true - true.mean()
        expected.append((made * true).sum() / math.sqrt((made**2).sum() * (true**2).sum()))
    scores = _scored((generated, target, templates))
    assert scores.pictures[0].correlations == pytest.approx(expected)
    assert scores.compute()["profile_correlation"] == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("slant", [0.0, 0.08, -0.05])
def test_lanes_are_found_straight_or_slanted_from_left_to_right(slant: float) -> None:
    layout = _layout((4, 12), (14, 22), (26, 29), (50, 58), slant=slant)
    lanes = find_lanes(layout)
    assert len(lanes) == 4
    np.testing.assert_array_equal(np.any(lanes, axis=0), layout > 0)
    middles = [np.nonzero(lane)[1].mean() for lane in lanes]
    assert middles == sorted(middles)


def test_lanes_that_touch_at_corners_alone_are_two() -> None:
    layout = np.full((64, 64), -1, np.float32)
    layout[:32, 10:20], layout[32:, 20:30] = 1, 1
    assert len(find_lanes(layout)) == 2


def test_short_marks_are_no_lanes_and_without_lanes_the_picture_is_one() -> None:
    layout = _layout((4, 12))
    layout[5:20, 30:40] = 1
    assert len(find_lanes(layout)) == 1
    nothing = find_lanes(np.full((64, 64), -1, np.float32))
    assert len(nothing) == 1
    assert nothing[0].all()


def test_a_flat_true_lane_is_left_out_and_a_flat_answer_counts_zero() -> None:
    generated, target, templates = _case(1)
    target[:, :, 4:14] = 0.5
    generated[:, :, 20:30] = 0.1
    found = _scored((generated, target, templates)).pictures[0].correlations
    assert len(found) == 2
    assert found[0] == 0
    assert found[1] > 0.5


def test_a_split_of_flat_lanes_alone_has_no_correlation() -> None:
    _, _, templates = _case(0)
    white = np.ones((1, 64, 64), np.float32)
    found = _scored((white, white, templates)).compute()
    assert math.isnan(found["profile_correlation"])
    assert found["l1"] == 0


def test_correlation_forgives_brightness_and_not_a_shifted_band() -> None:
    rows = np.arange(64)[:, None] * np.ones((1, 64))
    band = np.exp(-(((rows - 20) / 3) ** 2))
    lanes = [np.ones((64, 64), bool)]
    assert correlate_profiles(0.3 * band - 0.5, band, lanes) == pytest.approx([1.0])
    assert correlate_profiles(-band, band, lanes) == pytest.approx([-1.0])
    assert correlate_profiles(np.roll(band, 20, axis=0), band, lanes)[0] < 0


def test_the_split_weighs_lanes_and_not_pictures() -> None:
    few, many = _case(0, (4, 14)), _case(1, (4, 14), (20, 30), (40, 50))
    scores = _scored(few, many)
    lanes = [*scores.pictures[0].correlations, *scores.pictures[1].correlations]
    assert len(lanes) == 4
    assert scores.compute()["profile_correlation"] == pytest.approx(np.mean(lanes))


def test_the_discriminators_accuracy_counts_true_and_generated_pictures_apart() -> None:
    scores = BlotScores()
    for name, real, fake in (("a", 0.9, 0.1), ("b", 0.5, 0.5), ("c", 0.2, 0.7), ("d", 0.8, 0.6)):
        scores.update(name, *_case(0), real_probability=real, fake_probability=fake)
    found = scores.compute()
    assert (found["real_accuracy"], found["fake_accuracy"]) == (0.75, 0.25)
    assert [row["fake_accuracy"] for row in scores.per_picture()] == [1, 0, 0, 0]


def test_without_a_discriminator_there_is_no_accuracy() -> None:
    assert set(_scored(_case(0)).compute()) == {"l1", "psnr", "ssim", "profile_correlation"}


def test_a_split_of_one_picture_scores_as_the_picture_and_names_are_kept() -> None:
    scores = _scored(_case(0), _case(1))
    assert scores.names == ["0", "1"]
    rows = scores.per_picture()
    assert rows[1] == _scored(_case(1)).compute()
    assert scores.compute()["l1"] == pytest.approx(np.mean([row["l1"] for row in rows]))
    assert scores.reference() == {}


def test_no_picture_has_no_scores() -> None:
    assert BlotScores().compute() == {}


def test_the_doctest_holds() -> None:
    assert doctest.testmod(core.metrics.blots).failed == 0
