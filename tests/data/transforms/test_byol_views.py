from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import v2 as transforms
from torchvision.transforms.v2 import functional as reference

from core.data.loaders import build_training_loader
from core.data.transforms import byol_views
from core.data.transforms.arrays import Pixels
from core.data.transforms.byol_views import (
    FIRST_VIEW,
    SECOND_VIEW,
    TwoViewsDataset,
    ViewRecipe,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    blur,
    blur_window,
    choose_box,
    crop_and_resize,
    flip,
    render_view,
    solarise,
    to_grey,
)
from tests.data.layouts.sentences import refuses

NOTHING = ViewRecipe(area=(1, 1), aspect=(1, 1), flip=0, jitter=0, grey=0, blur=0, solarise=0)


def _picture(seed: int = 0, height: int = 96, width: int = 96, *, grain: float = 3.0) -> Pixels:
    """Return smooth colours that use the whole range."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    return (255 * np.clip(0.5 + smooth / smooth.std() / 5, 0, 1)).astype(np.uint8)


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _errors(found: Pixels, expected: Tensor) -> NDArray[np.int64]:
    return np.abs(found.astype(np.int64) - expected.numpy().transpose(1, 2, 0))


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4, 3.0])
def test_brightness_is_torchvision_s(factor: float) -> None:
    pixels = _picture()
    assert _errors(adjust_brightness(pixels, factor), reference.adjust_brightness(_tensor(pixels), factor)).max() == 0


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
def test_contrast_is_torchvision_s(factor: float) -> None:
    pixels = _picture()
    assert _errors(adjust_contrast(pixels, factor), reference.adjust_contrast(_tensor(pixels), factor)).max() <= 1


@pytest.mark.parametrize("factor", [0.0, 0.6, 0.8, 1.0, 1.2])
def test_saturation_is_torchvision_s(factor: float) -> None:
    pixels = _picture()
    errors = _errors(adjust_saturation(pixels, factor), reference.adjust_saturation(_tensor(pixels), factor))
    assert errors.max() <= 1


@pytest.mark.parametrize("turn", [-0.5, -0.1, 0.0, 0.04, 0.1, 0.25])
def test_hue_is_torchvision_s_within_its_256_steps(turn: float) -> None:
    pixels = _picture()
    errors = _errors(adjust_hue(pixels, turn), reference.adjust_hue(_tensor(pixels), turn))
    assert errors.max() <= 12
    assert errors.mean() < 0.7


def test_grey_is_torchvision_s() -> None:
    pixels = _picture()
    assert _errors(to_grey(pixels), reference.rgb_to_grayscale(_tensor(pixels), num_output_channels=3)).max() <= 1


def test_solarising_is_torchvision_s() -> None:
    pixels = _picture()
    assert _errors(solarise(pixels), reference.solarize(_tensor(pixels), 128)).max() == 0


def test_flipping_is_torchvision_s() -> None:
    pixels = _picture(height=40, width=33)
    assert _errors(flip(pixels), reference.horizontal_flip(_tensor(pixels))).max() == 0


@pytest.mark.parametrize("deviation", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("side", [32, 128])
def test_blurring_is_torchvision_s(side: int, deviation: float) -> None:
    pixels = _picture(height=side, width=side, grain=0.7)
    window = blur_window(side)
    expected = reference.gaussian_blur(_tensor(pixels), [window, window], [deviation, deviation])
    assert _errors(blur(pixels, deviation), expected).max() <= 2


@pytest.mark.parametrize(("side", "window"), [(16, 3), (32, 3), (64, 7), (128, 13), (224, 23)])
def test_the_blur_s_window_is_odd_and_about_a_tenth_of_the_side(side: int, window: int) -> None:
    assert blur_window(side) == window


@pytest.mark.parametrize("box", [(0, 0, 96, 96), (5, 9, 30, 40), (50, 60, 40, 30), (90, 0, 6, 96), (0, 0, 64, 64)])
def test_cutting_out_to_a_larger_picture_is_torchvision_s(box: tuple[int, int, int, int]) -> None:
    pixels = _picture(grain=1.5)
    expected = reference.resized_crop(
        _tensor(pixels), *box, size=[96, 96], interpolation=InterpolationMode.BICUBIC, antialias=False
    )
    errors = _errors(crop_and_resize(pixels, box, 96), expected)
    assert errors.max() <= 6
    assert errors.mean() < 0.3


@pytest.mark.parametrize("side", [64, 48, 40, 24])
def test_shrinking_is_near_torchvision_s_with_antialiasing(side: int) -> None:
    pixels = _picture(grain=5)
    box = (3, 2, 90, 93)
    expected = reference.resized_crop(_tensor(pixels), *box, size=[side, side], antialias=True)
    errors = _errors(crop_and_resize(pixels, box, side), expected)
    assert errors.mean() < 2


def test_shrinking_much_steps_over_no_pixel() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(crop_and_resize(stripes, (0, 0, 128, 128), 30).astype(int) - 100).max() <= 15
    dots = np.zeros((128, 128, 3), np.uint8)
    dots[::4, ::4] = 160
    assert crop_and_resize(dots, (0, 0, 128, 128), 32).mean() == 10


def _boxes(size: tuple[int, int], recipe: ViewRecipe, count: int = 1500) -> NDArray[np.int64]:
    rng = np.random.default_rng(0)
    return np.array([choose_box(size, recipe, rng) for _ in range(count)])


@pytest.mark.parametrize("size", [(96, 96), (60, 128), (40, 200)])
def test_cuts_are_spread_as_torchvision_s(size: tuple[int, int]) -> None:
    ours = _boxes(size, FIRST_VIEW)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        picture = torch.empty(3, *size)
        theirs = np.array([RandomResizedCrop.get_params(picture, [0.08, 1], [3 / 4, 4 / 3]) for _ in range(1500)])
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 0.01


@pytest.mark.parametrize("size", [(5, 5), (7, 300), (300, 7), (1, 1)])
def test_a_cut_lies_in_the_picture_whatever_its_shape(size: tuple[int, int]) -> None:
    top, left, height, width = _boxes(size, FIRST_VIEW, 300).T
    assert (np.stack([top, left]).min(), np.stack([height, width]).min()) >= (0, 1)
    assert (top + height).max() <= size[0]
    assert (left + width).max() <= size[1]


def test_the_area_of_a_cut_is_an_argument() -> None:
    areas = _boxes((100, 100), ViewRecipe(area=(0.5, 0.6)))[:, 2:].prod(axis=1)
    assert 4900 <= areas.min() <= areas.max() <= 6100


def _torchvision_view(recipe: ViewRecipe, side: int) -> Callable[[Tensor], Tensor]:
    jitter = transforms.ColorJitter(recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    steps = [
        transforms.RandomResizedCrop(side, recipe.area, interpolation=InterpolationMode.BICUBIC, antialias=False),
        transforms.RandomHorizontalFlip(recipe.flip),
        transforms.RandomApply([jitter], recipe.jitter),
        transforms.RandomGrayscale(recipe.grey),
        transforms.RandomApply([transforms.GaussianBlur(blur_window(side), (0.1, 2.0))], recipe.blur),
        transforms.RandomSolarize(128, recipe.solarise),
    ]
    return transforms.Compose(steps)


def _look(view: NDArray[np.uint8]) -> list[float]:
    """Return brightness, contrast, colour and sharpness of a view ``(3, H, W)``."""
    exact = view.astype(np.float64)
    sharpness = np.abs(np.diff(exact, axis=1)).mean()
    return [exact.mean(), exact.std(), (exact.max(axis=0) - exact.min(axis=0)).mean(), sharpness]


@pytest.mark.parametrize("recipe", [FIRST_VIEW, SECOND_VIEW], ids=["first", "second"])
def test_views_look_as_torchvision_s(recipe: ViewRecipe) -> None:
    pixels, count = _picture(height=48, width=48), 400
    rng = np.random.default_rng(0)
    ours = np.array([_look(render_view(pixels, 32, recipe, rng).transpose(2, 0, 1)) for _ in range(count)])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        view = _torchvision_view(recipe, 32)
        theirs = np.array([_look(view(_tensor(pixels)).numpy()) for _ in range(count)])
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "share"), [("flip", 0.5), ("blur", 0.1), ("solarise", 0.2), ("to_grey", 0.2), ("adjust_hue", 0.8)]
)
def test_the_second_view_has_the_paper_s_probabilities(
    name: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(byol_views, name, lambda pixels, *_: calls.append(name) or pixels)
    if name == "to_grey":  # which saturation uses too
        monkeypatch.setattr(byol_views, "adjust_saturation", lambda pixels, _: pixels)
    rng, pixels = np.random.default_rng(0), _picture(height=16, width=16)
    for _ in range(1000):
        render_view(pixels, 16, SECOND_VIEW, rng)
    assert len(calls) / 1000 == pytest.approx(share, abs=0.04)


def test_the_first_view_is_always_blurred_and_never_solarised() -> None:
    assert (FIRST_VIEW.blur, FIRST_VIEW.solarise) == (1.0, 0.0)


def test_a_recipe_without_changes_changes_nothing() -> None:
    pixels = _picture()
    np.testing.assert_array_equal(render_view(pixels, 96, NOTHING, np.random.default_rng(0)), pixels)


def test_a_picture_is_not_changed_by_its_views() -> None:
    pixels = _picture()
    before = pixels.copy()
    for seed in range(30):
        render_view(pixels, 96, SECOND_VIEW, np.random.default_rng(seed))
    np.testing.assert_array_equal(pixels, before)


def _dataset(seed: int = 0, **options: object) -> TwoViewsDataset:
    pictures = [_picture(each, 30 + 9 * each, 50) for each in range(5)]
    return TwoViewsDataset(pictures, side=32, seed=seed, **options)


def test_an_item_is_two_normalised_views_of_one_size() -> None:
    item = _dataset()[0, 3]
    assert set(item) == {"images", "second"}
    for view in item.values():
        assert view.shape == (3, 32, 32)
        assert view.dtype == torch.float32
        assert view.is_contiguous()
    assert not torch.equal(item["images"], item["second"])


def test_views_are_normalised_by_channel() -> None:
    pixels = _picture(height=32, width=32)
    mean, deviation = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    dataset = TwoViewsDataset([pixels], side=32, seed=0, recipes=(NOTHING, NOTHING), mean=mean, deviation=deviation)
    expected = reference.normalize(_tensor(pixels).float() / 255, list(mean), list(deviation))
    torch.testing.assert_close(dataset[0, 0]["images"], expected)
    torch.testing.assert_close(dataset[0, 0]["second"], expected)


def test_the_same_key_gives_the_same_views_and_any_other_key_others() -> None:
    item, again = _dataset()[2, 1], _dataset()[2, 1]
    assert torch.equal(item["images"], again["images"])
    assert torch.equal(item["second"], again["second"])
    for other in (_dataset()[3, 1], _dataset(seed=1)[2, 1], _dataset()[2, 2]):
        assert not torch.equal(item["images"], other["images"])
        assert not torch.equal(item["second"], other["second"])


def test_the_two_views_are_drawn_apart() -> None:
    dataset = TwoViewsDataset([_picture()], side=24, seed=0, recipes=(FIRST_VIEW, FIRST_VIEW))
    assert not torch.equal(dataset[0, 0]["images"], dataset[0, 0]["second"])


def test_a_loader_batches_them() -> None:
    loader: DataLoader[dict[str, Tensor]] = build_training_loader(_dataset(), length=5, batch_size=2, seed=0)
    batches = list(loader)
    assert [tuple(each["second"].shape) for each in batches] == [(2, 3, 32, 32)] * 2


def test_no_pictures_are_refused() -> None:
    with refuses(2):
        TwoViewsDataset([], side=32, seed=0)
