import cv2
import numpy as np
import pytest

from core.data.synthetic.fundus.make import Fundus, draw_fundus
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.transforms.arrays import Mask, Pixels, resize, shrink_to
from core.data.transforms.fundus import FundusPreparation, find_field_of_view, normalise_locally
from tests.data.layouts.sentences import assert_names


@pytest.fixture(scope="module")
def fundi() -> list[Fundus]:
    return [
        draw_fundus(np.random.default_rng(seed), height=height, width=width)
        for seed, (height, width) in enumerate([(292, 282), (320, 480), (584, 565)])
    ]


def _iou(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_the_field_of_view_of_a_photograph_is_found(fundi: list[Fundus]) -> None:
    for fundus in fundi:
        found = find_field_of_view(fundus.image)
        assert found.dtype == bool
        assert _iou(found, fundus.field_of_view) > 0.97


def test_the_field_of_view_is_found_at_any_size_and_brightness(fundi: list[Fundus]) -> None:
    fundus = fundi[0]
    large = resize(fundus.image, (1168, 1130))
    inside = resize(fundus.field_of_view.astype(np.float32), (1168, 1130)) > 0.5
    assert _iou(find_field_of_view(large), inside) > 0.97
    dim = np.asarray(fundus.image * 0.35, np.uint8)
    assert _iou(find_field_of_view(dim), fundus.field_of_view) > 0.97


def test_a_caption_beside_the_retina_is_not_part_of_it(fundi: list[Fundus]) -> None:
    image = fundi[0].image.copy()
    cv2.putText(image, "OD 12", (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255))
    assert _iou(find_field_of_view(image), fundi[0].field_of_view) > 0.97


def test_a_picture_without_a_black_surround_is_all_field_of_view(fundi: list[Fundus]) -> None:
    rows, columns = fundi[0].image.shape[:2]
    middle = fundi[0].image[rows // 3 : 2 * rows // 3, columns // 3 : 2 * columns // 3]
    assert find_field_of_view(middle).all()
    assert find_field_of_view(np.full((40, 60, 3), 200, np.uint8)).all()


@pytest.mark.parametrize("shape", [(50, 50, 3), (16, 20_000, 3), (600, 400, 3)])
def test_a_black_picture_is_all_field_of_view(shape: tuple[int, int, int]) -> None:
    found = find_field_of_view(np.zeros(shape, np.uint8))
    assert found.shape == shape[:2]
    assert found.all()


def _ring(size: int = 100, radius: int = 40) -> tuple[Pixels, Mask]:
    rows, columns = np.mgrid[:size, :size]
    inside = np.hypot(rows - size / 2, columns - size / 2) < radius
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return pixels, inside


def test_inside_the_field_of_view_every_channel_has_mean_0_and_deviation_1() -> None:
    pixels, inside = _ring()
    pixels[~inside] = 255
    image = FundusPreparation(normalise="field-of-view").prepare(pixels, inside)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[inside].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(image[inside].std(axis=0), 1, atol=0.01)
    assert not image[~inside].any()


def test_the_mean_of_a_large_picture_is_exact() -> None:
    """Sums of millions of float32 values go astray by percents unless they are kept in float64."""
    pixels = np.full((1024, 2048, 3), 120, np.uint8)
    pixels[::2] = 80
    image = FundusPreparation().prepare(pixels, np.ones(pixels.shape[:2], bool))
    np.testing.assert_allclose([image.min(), image.max()], [-1, 1], atol=0.02)


def test_unit_divides_by_255() -> None:
    pixels, inside = _ring()
    image = FundusPreparation(normalise="unit").prepare(pixels, inside)
    np.testing.assert_allclose(image, pixels / 255, atol=1e-6)
    assert image.dtype == np.float32


def test_colours_are_what_their_names_say() -> None:
    pixels, inside = _ring()
    green = FundusPreparation("green", "unit").prepare(pixels, inside)
    grey = FundusPreparation("grey", "unit").prepare(pixels, inside)
    np.testing.assert_allclose(green[..., 0], pixels[..., 1] / 255, atol=1e-6)
    np.testing.assert_allclose(grey[..., 0], pixels @ [0.299, 0.587, 0.114] / 255, atol=1 / 255)
    for colour, channels in (("rgb", 3), ("green", 1), ("grey", 1)):
        preparation = FundusPreparation(colour)
        assert preparation.channels == channels == preparation.prepare(pixels, inside).shape[2]


def test_the_field_of_view_gets_the_width_that_was_asked_for() -> None:
    pixels, inside = _ring()
    image, mask, field = FundusPreparation(diameter=160).prepare_pair(LabelledPicture("a", pixels, inside, inside))
    assert image.shape[:2] == mask.shape == field.shape
    assert np.ptp(np.flatnonzero(field.any(axis=0))) + 1 == pytest.approx(160, abs=2)


def test_a_soft_mask_keeps_how_much_is_vessel_and_how_many_observers_say_so() -> None:
    pixels, inside = _ring()
    rows, columns = np.mgrid[: inside.shape[0], : inside.shape[1]]
    line, other = (columns // 3) % 5 == 0, rows < 40
    preparation = FundusPreparation(size=50)
    alone = LabelledPicture("a", pixels, line, inside)
    hard, soft = (preparation.prepare_pair(alone, soft=each)[1] for each in (False, True))
    assert hard.dtype == np.bool_
    assert soft.dtype == np.float32
    assert (hard == (soft > 0.5)).all()
    assert soft.mean() == pytest.approx(line.mean(), abs=0.01)
    assert ((soft > 0.1) & (soft < 0.9)).any()
    both = preparation.prepare_pair(LabelledPicture("a", pixels, line, inside, other), soft=True)[1]
    second = preparation.prepare_pair(LabelledPicture("a", pixels, other, inside), soft=True)[1]
    np.testing.assert_allclose(both, (soft + second) / 2, atol=1e-6)


def test_a_fixed_size_goes_before_the_diameter() -> None:
    _, inside = _ring()
    assert FundusPreparation(size=64, diameter=160).working_size(inside) == (64, 64)
    assert FundusPreparation().working_size(inside) == (100, 100)


def test_an_empty_field_of_view_does_not_break_the_preparation() -> None:
    pixels, inside = _ring()
    image = FundusPreparation(diameter=160).prepare(pixels, np.zeros_like(inside))
    assert np.isfinite(image).all()


def test_a_tensor_holds_the_channels_first() -> None:
    pixels, inside = _ring()
    preparation = FundusPreparation()
    tensor = preparation.prepare_tensor(pixels, inside)
    assert tensor.shape == (1, 3, 100, 100)
    np.testing.assert_array_equal(tensor[0].permute(1, 2, 0).numpy(), preparation.prepare(pixels, inside))


def test_resizing_is_told_and_keeping_is_not() -> None:
    pixels, inside = _ring()
    assert FundusPreparation().describe(pixels, inside) == ""
    assert_names(FundusPreparation(size=64).describe(pixels, inside), "64×64", "100×100")


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    pixels = np.zeros((100, 40, 3), np.uint8)
    assert shrink_to(pixels, 50).shape == (50, 20, 3)
    assert shrink_to(pixels, 100) is pixels
    assert shrink_to(np.zeros((1, 5000, 3), np.uint8), 64).shape == (1, 64, 3)


def test_local_normalisation_takes_uneven_light_away_and_keeps_what_is_small() -> None:
    rng = np.random.default_rng(0)
    detail = rng.normal(0, 0.02, (240, 256, 3)).astype(np.float32)
    light = np.linspace(0.2, 0.8, 256, dtype=np.float32)[None, :, None]
    inside = np.zeros((240, 256), bool)
    inside[20:-20, 20:-20] = True
    found = normalise_locally((0.5 + detail) * light, inside)
    assert np.all(found[~inside] == 0)
    thirds = [found[40:-40, start : start + 50] for start in (40, 103, 166)]
    assert all(abs(float(part.mean())) < 0.2 for part in thirds)
    assert all(0.7 < float(part.std()) < 1.3 for part in thirds)
    assert np.corrcoef(found[40:-40, 40:-40].ravel(), detail[40:-40, 40:-40].ravel())[0, 1] > 0.95
