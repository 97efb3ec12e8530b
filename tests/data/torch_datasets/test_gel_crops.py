import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.torch_datasets.gel_crops import cut_crop, find_crops
from core.metrics.blots import find_lanes

WIDTH, HEIGHT, PITCH = 30, 8, 45


def _gel(
    lanes: list[int], rows: list[int], *, size: tuple[int, int] = (300, 500), width: int = WIDTH
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a gel with shining bands, 30×8 pixels, in these lanes and rows, and its mask."""
    gel, mask = np.full(size, 50, np.uint8), np.zeros(size, bool)
    for lane in lanes:
        for row in rows:
            box = (slice(row, row + HEIGHT), slice(20 + lane * PITCH, 20 + lane * PITCH + width))
            gel[box], mask[box] = 230, True
    return gel, mask


def test_a_crop_is_four_lanes_wide_even_where_every_other_lane_is_empty() -> None:
    full, gaps = (find_crops(*_gel(lanes, [40, 120, 200])) for lanes in (list(range(10)), [0, 1, 2, 5, 7, 8]))
    assert {crop.side for crop in full} == {4 * PITCH}
    assert {crop.side for crop in gaps} == {4 * PITCH}


def test_a_gel_of_one_lane_is_cropped_by_the_width_of_its_bands() -> None:
    crops = find_crops(*_gel([4], [40, 60, 80]))
    assert crops
    assert {crop.side for crop in crops} == {round(4 * 1.75 * WIDTH)}


def test_crops_lie_in_the_gel_and_every_band_is_in_one() -> None:
    gel, mask = _gel(list(range(10)), [3, 120, 285])
    covered = np.zeros_like(mask)
    for crop in find_crops(gel, mask):
        assert crop.top >= 0
        assert crop.left >= 0
        assert crop.top + crop.side <= gel.shape[0]
        assert crop.left + crop.side <= gel.shape[1]
        covered[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side] = True
    assert covered[mask].all()


def test_a_gel_smaller_than_four_lanes_is_cropped_to_its_shorter_side() -> None:
    crops = find_crops(*_gel([0, 1], [20, 60], size=(100, 130)))
    assert {crop.side for crop in crops} == {100}


@pytest.mark.parametrize("shift", [0, 7, 13])
def test_lanes_and_bands_lie_where_they_are_drawn(shift: int) -> None:
    gel, mask = _gel([0, 1, 2, 3, 4, 5], [40 + shift, 120, 200 - shift])
    for crop in find_crops(gel, mask):
        templates, blot = cut_crop(gel, mask, crop)
        lanes = find_lanes(templates[0])
        shown = {(column + crop.left - 20) // PITCH for column in range(crop.side) if mask[:, column + crop.left].any()}
        assert len(lanes) == len(shown)
        assert np.mean(templates[0][templates[1] > 0] > 0) > 0.95
        np.testing.assert_allclose(blot[0], -templates[1], atol=0.02)


def test_a_lane_runs_through_a_crop_in_which_it_has_no_band() -> None:
    gel, mask = _gel([0, 1, 3], [40, 80, 120])
    more = _gel([2], [150])
    gel, mask = np.maximum(gel, more[0]), mask | more[1]
    crop = min(find_crops(gel, mask), key=lambda each: (each.top, each.left))
    assert crop.top == 0
    assert len(crop.lanes) == 4


def test_lanes_that_touch_are_parted() -> None:
    gel, mask = _gel([0, 1, 2, 3, 4, 5], [40, 80], width=PITCH - 1)
    for crop in find_crops(gel, mask):
        layout = cut_crop(gel, mask, crop)[0][0]
        assert len(crop.lanes) >= 3
        assert len(find_lanes(layout)) == len(crop.lanes)


def test_dark_bands_stay_dark_and_shining_ones_become_dark() -> None:
    gel, mask = _gel([0, 1, 2, 3], [40, 120])
    for picture in (gel, 255 - gel):
        crop = find_crops(picture, mask)[0]
        templates, blot = cut_crop(picture, mask, crop)
        assert blot[0][templates[1] == 1].max() < -0.9
        assert blot[0][templates[1] == -1].min() > 0.9


def test_crops_with_one_band_or_much_that_is_not_marked_are_left_out() -> None:
    assert find_crops(*_gel([4], [100])) == []
    gel, mask = _gel(list(range(10)), [40, 80, 120, 160, 200, 240])
    whole = find_crops(gel, mask)
    gel[:, :120] = np.where(mask[:, :120], gel[:, :120], 255)
    left = find_crops(gel, mask)
    assert 0 < len(left) < len(whole)
    assert min(crop.left for crop in left) > 0


def test_an_empty_mask_gives_no_crop() -> None:
    gel, mask = _gel([0], [20])
    assert find_crops(gel, np.zeros_like(mask)) == []


def test_specks_of_a_mask_are_no_bands() -> None:
    gel, mask = _gel([0, 1, 2, 3], [40, 120])
    expected = find_crops(gel, mask)
    mask[290:292, 490:492] = True
    found = find_crops(gel, mask)
    assert [(each.top, each.left, each.side, each.lanes) for each in found] == [
        (each.top, each.left, each.side, each.lanes) for each in expected
    ]
