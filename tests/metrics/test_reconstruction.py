import doctest

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import metrics as reference

import core.metrics.reconstruction
from core.metrics.reconstruction import ReconstructionScores, convert_to_psnr, measure_ssim

Picture = NDArray[np.float32]


def _pair(seed: int, shape: tuple[int, ...] = (40, 53, 3), noise: float = 0.2) -> tuple[Picture, Picture]:
    """Return a smooth picture between -1 and 1 disturbed by noise, some of it beyond the range, and the picture."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    waves = [
        np.sin(rows / rng.uniform(3, 9) + columns / rng.uniform(3, 9)) for _ in range(np.prod(shape[2:], dtype=int))
    ]
    target = np.stack(waves, axis=-1).reshape(shape).astype(np.float32)
    return target + rng.normal(0, noise, shape).astype(np.float32), target


def _scored(*pairs: tuple[Picture, Picture]) -> dict[str, float]:
    scores = ReconstructionScores()
    for number, pair in enumerate(pairs):
        scores.update(str(number), *pair)
    return scores.compute()


@pytest.mark.parametrize("shape", [(40, 53, 3), (11, 11, 3), (64, 20), (12, 300, 1), (30, 30, 2)])
@pytest.mark.parametrize("noise", [0.01, 0.5])
def test_ssim_agrees_with_scikit_image(shape: tuple[int, ...], noise: float) -> None:
    made, target = _pair(3, shape, noise)
    expected = reference.structural_similarity(
        made.astype(np.float64),
        target.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2 if len(shape) == 3 else None,
        data_range=2,
    )
    assert measure_ssim(made, target) == pytest.approx(expected, abs=1e-12)


def test_ssim_agrees_on_flat_pictures_where_variances_cancel() -> None:
    made, target = np.full((30, 30), 0.9001, np.float32), np.full((30, 30), 0.9, np.float32)
    expected = (2 * 0.9001 * 0.9 + 0.0004) / (0.9001**2 + 0.9**2 + 0.0004)
    assert measure_ssim(made, target) == pytest.approx(expected, abs=1e-9)


def test_ssim_follows_the_range() -> None:
    made, target = _pair(0)
    assert measure_ssim(made / 2 + 0.5, target / 2 + 0.5, data_range=1) != pytest.approx(measure_ssim(made, target))
    assert measure_ssim(made * 2, target * 2, data_range=4) == pytest.approx(measure_ssim(made, target))


@pytest.mark.parametrize("seed", range(3))
def test_errors_agree_with_scikit_image(seed: int) -> None:
    made, target = pair = _pair(seed)
    found = _scored(pair)
    assert found["psnr"] == pytest.approx(reference.peak_signal_noise_ratio(target, made, data_range=2), abs=1e-5)
    assert found["mse"] == pytest.approx(reference.mean_squared_error(target, made), rel=1e-6)
    assert found["mae"] == pytest.approx(np.abs(made.astype(float) - target).mean(), rel=1e-6)


def test_psnr_is_the_same_number_on_both_usual_ranges() -> None:
    made, target = pair = _pair(0)
    error = float(np.square((made - target) / 2).mean())
    assert _scored(pair)["psnr"] == pytest.approx(convert_to_psnr(error, data_range=1))


def test_psnr_is_averaged_over_pictures_and_not_taken_of_the_average_error() -> None:
    target = np.zeros((20, 20, 3), np.float32)
    far, near = target + np.float32(0.2), target + np.float32(0.02)
    found = _scored((far, target), (near, target))
    assert found["psnr"] == pytest.approx((20 + 40) / 2, abs=1e-5)
    assert found["mse"] == pytest.approx((0.04 + 0.0004) / 2)
    assert found["psnr"] > convert_to_psnr(found["mse"]) + 5


def test_a_split_counts_every_picture_once_whatever_its_size_and_order() -> None:
    large, small = _pair(0, (60, 80, 3), 0.05), _pair(1, (20, 20, 3), 0.5)
    alone = [_scored(large), _scored(small)]
    for key, value in _scored(large, small).items():
        assert value == pytest.approx((alone[0][key] + alone[1][key]) / 2), key
    assert _scored(large, small) == pytest.approx(_scored(small, large))


def test_values_beyond_the_range_are_not_clipped() -> None:
    target = np.ones((20, 20, 3), np.float32)
    assert _scored((target + 1, target))["mse"] == pytest.approx(1.0)


def test_a_perfect_picture_has_finite_scores() -> None:
    _, target = _pair(0)
    found = _scored((target, target))
    assert found["psnr"] == pytest.approx(106.02, abs=0.01)
    assert (found["ssim"], found["mse"], found["mae"]) == (pytest.approx(1.0), 0.0, 0.0)


def test_more_noise_is_worse_by_every_score() -> None:
    little, much = _scored(_pair(0, noise=0.1)), _scored(_pair(0, noise=0.3))
    assert little["psnr"] > much["psnr"]
    assert little["ssim"] > much["ssim"]
    assert little["mse"] < much["mse"]
    assert little["mae"] < much["mae"]


@pytest.mark.parametrize("shape", [(10, 40, 3), (40, 10)])
def test_a_picture_smaller_than_the_window_has_no_ssim(shape: tuple[int, ...]) -> None:
    found = _scored(_pair(0, shape))
    assert np.isnan(found["ssim"])
    assert np.isfinite([found["psnr"], found["mse"], found["mae"]]).all()


def test_a_network_that_fell_apart_shows() -> None:
    made, target = _pair(0)
    found = _scored((np.full_like(made, np.nan), target), (target, target))
    assert all(np.isnan(each) for each in found.values())


def test_pictures_of_other_shapes_are_not_compared() -> None:
    grey, colour = np.zeros((20, 20, 1), np.float32), np.zeros((20, 20, 3), np.float32)
    with pytest.raises(ValueError, match=r"\(20, 20, 1\).*\(20, 20, 3\)"):
        ReconstructionScores().update("grey", grey, colour)
    with pytest.raises(ValueError, match=r"\(20, 20, 1\).*\(20, 20, 3\)"):
        measure_ssim(grey, colour)


def test_every_picture_keeps_its_name_and_scores() -> None:
    scores = ReconstructionScores()
    assert (scores.compute(), scores.per_picture(), scores.reference()) == ({}, [], {})
    pairs = [_pair(seed) for seed in range(2)]
    for name, pair in zip(("left", "right"), pairs, strict=True):
        scores.update(name, *pair)
    assert scores.names == ["left", "right"]
    assert scores.per_picture() == [_scored(pair) for pair in pairs]


def test_the_doctests_hold() -> None:
    found = doctest.testmod(core.metrics.reconstruction)
    assert found.failed == 0
    assert found.attempted > 0
