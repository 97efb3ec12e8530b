from itertools import pairwise

import numpy as np
import pytest
import torch

from core.data.torch_datasets.blots import (
    Blot,
    BlotDataset,
    enlarge,
    join_templates,
    lay_side_by_side,
    split_templates,
    to_grey,
)
from tests.data.layouts.sentences import refuses


def _blots(count: int = 3) -> list[Blot]:
    rng = np.random.default_rng(0)
    stacks = [rng.uniform(-1, 1, (3, 64, 64)).astype(np.float32) for _ in range(count)]
    return [(stack[:2], stack[2:]) for stack in stacks]


def test_an_example_is_its_blot_where_nothing_is_changed() -> None:
    blots = _blots()
    dataset = BlotDataset(blots, mirror=False, jitter=0, seed=0)
    assert len(dataset) == 3
    for index, (templates, target) in enumerate(blots):
        example = dataset[4, index]
        np.testing.assert_array_equal(example["images"].numpy(), templates)
        np.testing.assert_array_equal(example["target"].numpy(), target)


def test_the_key_decides_an_example_and_each_epoch_has_its_own() -> None:
    first, again = (BlotDataset(_blots(), mirror=True, jitter=8, seed=1) for _ in range(2))
    assert torch.equal(first[2, 1]["target"], again[2, 1]["target"])
    seen = [first[epoch, 1]["target"] for epoch in range(5)]
    assert not any(torch.equal(one, other) for one, other in pairwise(seen))
    other = BlotDataset(_blots(), mirror=True, jitter=8, seed=2)
    assert not torch.equal(first[2, 1]["target"], other[2, 1]["target"])


def test_a_blot_is_mirrored_about_every_other_time_with_its_templates() -> None:
    ((templates, target), *_) = blots = _blots()
    dataset = BlotDataset(blots, mirror=True, jitter=0, seed=0)
    mirrored = 0
    for epoch in range(60):
        example = dataset[epoch, 0]
        flipped = not torch.equal(example["target"], torch.from_numpy(target))
        step = -1 if flipped else 1
        np.testing.assert_array_equal(example["target"].numpy(), target[..., ::step])
        np.testing.assert_array_equal(example["images"].numpy(), templates[..., ::step])
        mirrored += flipped
    assert 18 <= mirrored <= 42


def test_enlarging_moves_templates_and_target_alike_and_never_shows_an_outside() -> None:
    ramp = np.linspace(-0.9, 0.9, 64, dtype=np.float32) * np.ones((64, 1), np.float32)
    stack = np.stack([ramp, ramp.T, ramp])
    dataset = BlotDataset([(stack[:2], stack[2:])], mirror=False, jitter=12, seed=0)
    slopes = set()
    for epoch in range(20):
        example = dataset[epoch, 0]
        assert example["images"].shape == (2, 64, 64)
        torch.testing.assert_close(example["images"][0], example["target"][0])
        assert example["target"].abs().max() <= 0.9001
        across = example["target"][0, 0].numpy()
        slopes.add(round(float(across[40] - across[20]), 3))
    assert len(slopes) > 4
    assert max(slopes) == pytest.approx(20 * 1.8 / 63, abs=0.01)
    assert min(slopes) >= 20 * 1.8 / 63 * 64 / 76 - 0.01


def test_templates_of_any_size_are_joined_and_taken_apart_again() -> None:
    rng = np.random.default_rng(1)
    lanes, bands = (rng.integers(0, 256, (64, 64, 1), np.uint8).repeat(3, axis=2) for _ in range(2))
    joined = join_templates(lanes, bands)
    assert joined.shape == (64, 128, 3)
    templates = split_templates(joined)
    for template, grey in zip(templates, (lanes, bands), strict=True):
        np.testing.assert_allclose(template, grey[..., 0] / 127.5 - 1, atol=1e-6)
    large = lanes.repeat(5, axis=0).repeat(5, axis=1)
    np.testing.assert_array_equal(join_templates(large, bands), joined)


def test_colours_become_grey() -> None:
    red = np.zeros((64, 128, 3), np.uint8)
    red[..., 0] = 255
    assert split_templates(red) == pytest.approx(2 * 0.299 - 1, abs=0.005)


@pytest.mark.parametrize(("height", "width"), [(64, 128), (100, 200), (101, 203), (100, 191), (100, 209)])
def test_a_picture_about_twice_as_wide_as_high_has_two_templates(height: int, width: int) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, (width + 1) // 2 :] = 255
    templates = split_templates(pixels)
    assert templates.shape == (2, 64, 64)
    assert templates[0].max() < -0.9
    assert templates[1].mean() > 0.95


@pytest.mark.parametrize(("height", "width"), [(64, 64), (100, 189), (100, 211), (128, 64)])
def test_a_picture_of_another_shape_is_one_sentence(height: int, width: int) -> None:
    with refuses(f"{width} × {height}"):
        split_templates(np.zeros((height, width, 3), np.uint8))


def test_grey_levels_are_rounded_and_held_in_range() -> None:
    values = np.array([[-1.2, -1, 0, 0.502, 1, 7]], np.float32)
    assert to_grey(values).tolist() == [[0, 0, 128, 192, 255, 255]]


def test_pictures_lie_side_by_side_with_gaps_and_visible_pixels() -> None:
    first, second = np.full((4, 4), 10, np.uint8), np.arange(16, dtype=np.uint8).reshape(4, 4)
    row = lay_side_by_side([first, second], scale=3)
    assert row.shape == (12, 12 + 6 + 12, 3)
    assert (row[:, :12] == 10).all()
    assert (row[:, 12:18] == 255).all()
    np.testing.assert_array_equal(row[::3, 18::3, 1], second)
    np.testing.assert_array_equal(row[:, 18:, 0], enlarge(second, 3))
