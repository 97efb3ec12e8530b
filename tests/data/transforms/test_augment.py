import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from core.data.transforms.arrays import Pixels
from core.data.transforms.augment import PictureAugmentation

SIDE = 64


def _scene(seed: int = 0) -> Pixels:
    noise = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2))


def _spot(x: float, y: float, *, radius: float = 4) -> Pixels:
    """A soft white spot on black, centred at a column and a row."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    light = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)
    return np.repeat(np.rint(255 * light).astype(np.uint8)[..., None], 3, axis=2)


def _centre(pixels: Pixels) -> tuple[float, float]:
    weight = pixels[..., 0].astype(float)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return float((columns * weight).sum() / weight.sum()), float((rows * weight).sum() / weight.sum())


def _many(augmentation: PictureAugmentation, pixels: Pixels, count: int = 60) -> list[Pixels]:
    return [augmentation.apply(pixels, np.random.default_rng(seed)) for seed in range(count)]


EVERYTHING = PictureAugmentation(True, 0.1, 1.3, 30, 0.3, True, 1.3, 0.8)


def test_nothing_changes_unless_asked_for() -> None:
    assert not PictureAugmentation().changes
    np.testing.assert_array_equal(PictureAugmentation().apply(_scene(), np.random.default_rng(0)), _scene())


@pytest.mark.parametrize(
    "augmentation",
    [PictureAugmentation(shift=0.1), PictureAugmentation(scale=1.2), PictureAugmentation(rotation=9),
     PictureAugmentation(colour=0.2), PictureAugmentation(trivial=True), PictureAugmentation(stretch=1.3),
     PictureAugmentation(grain=1.0), EVERYTHING],
)  # fmt: skip
def test_each_change_changes_pictures_of_the_same_kind_and_leaves_the_given_one_alone(
    augmentation: PictureAugmentation,
) -> None:
    pixels = _scene()
    assert augmentation.changes
    changed = _many(augmentation, pixels, 12)
    np.testing.assert_array_equal(pixels, _scene())
    assert all(each.shape == pixels.shape and each.dtype == np.uint8 for each in changed)
    assert len({each.tobytes() for each in changed}) > 6
    for one, other in zip(changed, _many(augmentation, pixels, 12), strict=True):
        np.testing.assert_array_equal(one, other)


def test_half_of_the_pictures_are_mirrored() -> None:
    mirrored = 0
    for each in _many(PictureAugmentation(flip=True), _scene(), 200):
        if not np.array_equal(each, _scene()):
            np.testing.assert_array_equal(each, _scene()[:, ::-1])
            mirrored += 1
    assert 70 < mirrored < 130


def test_mirroring_within_a_warp_is_mirroring() -> None:
    seen = [_centre(each) for each in _many(PictureAugmentation(flip=True, shift=1e-9), _spot(20, 25))]
    assert {(round(x, 1), round(y, 1)) for x, y in seen} == {(20.0, 25.0), (SIDE - 1 - 20.0, 25.0)}


def test_shifts_reach_as_far_as_allowed_along_each_axis() -> None:
    seen = np.array([_centre(each) for each in _many(PictureAugmentation(shift=0.25), _spot(31.5, 31.5), 200)])
    moved = (seen - 31.5) / SIDE
    assert np.abs(moved).max() < 0.25 + 0.02
    assert (moved.max(axis=0) > 0.2).all()
    assert (moved.min(axis=0) < -0.2).all()


def test_scales_enlarge_and_shrink_alike() -> None:
    seen = _many(PictureAugmentation(scale=2.0), _spot(31.5, 31.5, radius=10), 100)
    inner = slice(10, -10)  # beyond lie the spot's mirror images
    areas = [each[inner, inner].sum() / _spot(31.5, 31.5, radius=10).sum() for each in seen]
    steps = np.sqrt(areas)
    assert 0.48 < steps.min() < 0.56
    assert 1.8 < steps.max() < 2.05
    assert (steps < 1).mean() == pytest.approx(0.5, abs=0.15)


def test_turns_keep_the_middle_and_the_distance_from_it() -> None:
    seen = np.array([_centre(each) for each in _many(PictureAugmentation(rotation=45), _spot(41.5, 31.5))]) - 31.5
    np.testing.assert_allclose(np.hypot(*seen.T), 10, atol=0.1)
    angles = np.degrees(np.arctan2(seen[:, 1], seen[:, 0]))
    assert angles.min() < -30
    assert angles.max() > 30
    assert np.abs(angles).max() < 46


def test_no_black_comes_in_from_beyond_the_picture() -> None:
    bright = np.full((SIDE, SIDE, 3), 200, np.uint8)
    for each in _many(PictureAugmentation(True, 0.4, 2.0, 45), bright, 20):
        np.testing.assert_array_equal(each, bright)


def test_colours_change_as_torchvision_changes_them_one_after_the_other() -> None:
    muted = (_scene() // 3 + 80).astype(np.uint8)
    augmentation = PictureAugmentation(colour=0.15)
    for seed in range(10):
        brightness, contrast, saturation = np.exp(np.random.default_rng(seed).uniform(-0.15, 0.15, 3))
        expected = torch.from_numpy(muted).permute(2, 0, 1).float() / 255
        expected = functional.adjust_saturation(expected, saturation)
        expected = functional.adjust_brightness(functional.adjust_contrast(expected, contrast), brightness)
        changed = augmentation.apply(muted, np.random.default_rng(seed))
        np.testing.assert_allclose(changed, 255 * expected.permute(1, 2, 0).numpy(), atol=0.75)


def test_grey_pictures_stay_grey() -> None:
    grey = np.repeat(_scene()[..., :1], 3, axis=2)
    for each in _many(PictureAugmentation(colour=0.5), grey, 20):
        assert int(np.ptp(each.astype(int), axis=2).max()) <= 1


def test_trivial_augment_is_torchvisions_and_leaves_its_generator_alone() -> None:
    augmentation, before = PictureAugmentation(trivial=True), torch.random.get_rng_state()
    for seed in range(30):
        changed = augmentation.apply(_scene(), np.random.default_rng(seed))
        assert torch.equal(torch.random.get_rng_state(), before)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.default_rng(seed).integers(2**63)))
            expected = v2.TrivialAugmentWide()(Image.fromarray(_scene()))
        np.testing.assert_array_equal(changed, np.asarray(expected))


def _reach(pixels: Pixels) -> tuple[float, float]:
    """Standard deviation of the light along columns and rows."""
    weight = pixels[..., 0].astype(float)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = _centre(pixels)
    across, down = (columns - x) ** 2, (rows - y) ** 2
    return float(((across * weight).sum() / weight.sum()) ** 0.5), float(((down * weight).sum() / weight.sum()) ** 0.5)


def test_a_stretch_makes_wider_or_higher_and_keeps_the_area() -> None:
    seen = np.array(
        [_reach(each) for each in _many(PictureAugmentation(stretch=2.0), _spot(31.5, 31.5, radius=10), 100)]
    )
    ratio, area = seen[:, 0] / seen[:, 1], seen[:, 0] * seen[:, 1]
    assert ratio.min() == pytest.approx(0.5, rel=0.08)
    assert ratio.max() == pytest.approx(2.0, rel=0.08)
    assert area == pytest.approx(np.prod(_reach(_spot(31.5, 31.5, radius=10))), rel=0.05)


def test_grain_blurs_or_adds_noise_or_both_or_neither_and_grey_stays_grey() -> None:
    grey = np.repeat(_scene()[..., :1], 3, axis=2)
    seen = _many(PictureAugmentation(grain=1.0), grey, 200)
    assert all((each == each[..., :1]).all() for each in seen)
    untouched = sum((each == grey).all() for each in seen)
    assert 20 < untouched < 80
    detail = [np.abs(np.diff(each[..., 0].astype(float), axis=0)).mean() for each in seen]
    plain = np.abs(np.diff(grey[..., 0].astype(float), axis=0)).mean()
    assert min(detail) < 0.85 * plain
    assert max(detail) > 1.2 * plain


def test_a_change_that_is_not_asked_for_moves_no_other_choice() -> None:
    without = PictureAugmentation(True, 0.1, 1.3, 30, 0.3)
    wanted = without.apply(_scene(), np.random.default_rng(3))
    both = PictureAugmentation(True, 0.1, 1.3, 30, 0.3, stretch=1.0, grain=0.0)
    np.testing.assert_array_equal(both.apply(_scene(), np.random.default_rng(3)), wanted)
    grained = PictureAugmentation(True, 0.1, 1.3, 30, 0.3, grain=1e-9).apply(_scene(), np.random.default_rng(3))
    assert np.abs(grained.astype(int) - wanted).max() <= 1
