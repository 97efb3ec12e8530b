from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.data.torch_datasets.crops import Augmentation, MaskedPicture, PatchDataset

STILL = Augmentation(flips=False)


def _numbered(height: int = 61, width: int = 53, channels: int = 3) -> MaskedPicture:
    """Every pixel has a value of its own, positive, so that nothing from outside (0) can be mistaken for it."""
    numbers = np.arange(1, height * width + 1, dtype=np.float32).reshape(height, width)
    image = np.stack([numbers + channel * height * width for channel in range(channels)], axis=-1)
    inside = np.zeros((height, width), bool)
    inside[20:-20, 20:-20] = True  # patches of up to 40 pixels stay in the picture
    return MaskedPicture(image, numbers.astype(int) % 3 == 0, inside)


def _dataset(
    augmentation: Augmentation, *pictures: MaskedPicture, patch: int = 16, per_picture: int = 4, seed: int = 1
) -> PatchDataset:
    pictures = pictures or (_numbered(),)
    return PatchDataset(pictures, patch=patch, per_picture=per_picture, augmentation=augmentation, seed=seed)


def _symmetries(source: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [np.rot90(each, turns) for each, turns in product((source, source[:, ::-1]), range(4))]


def _source(picture: MaskedPicture, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut the square of the picture whose pixels an example holds."""
    rows, columns = np.divmod(seen.astype(int) - 1, picture.mask.shape[1])
    return picture.image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, 0]


@pytest.mark.parametrize("patch", [15, 16, 32, 33])
def test_mirrors_and_quarter_turns_only_rearrange_pixels(patch: int) -> None:
    picture = _numbered()
    dataset = _dataset(Augmentation(), picture, patch=patch)
    ways = set()
    for index in range(64):
        example = dataset[0, index]
        seen = example["images"][0].numpy()
        source = _source(picture, seen)
        assert source.shape == (patch, patch)
        fitting = [way for way, each in enumerate(_symmetries(source)) if np.array_equal(each, seen)]
        assert len(fitting) == 1
        ways.add(fitting[0])
        np.testing.assert_array_equal(example["mask"][0].numpy() == 1, seen.astype(int) % 3 == 0)
        for channel in range(3):
            np.testing.assert_array_equal(example["images"][channel].numpy(), seen + channel * picture.mask.size)
    assert ways == set(range(8))


@pytest.mark.parametrize("patch", [15, 16])
def test_without_augmentation_a_patch_is_a_cut_around_a_place_inside(patch: int) -> None:
    picture = _numbered()
    for index in range(20):
        seen = _dataset(STILL, picture, patch=patch)[0, index]["images"][0].numpy()
        np.testing.assert_array_equal(seen, _source(picture, seen))
        row, column = divmod(int(seen[(patch - 1) // 2, (patch - 1) // 2]) - 1, picture.mask.shape[1])
        assert picture.inside[row, column]


@pytest.mark.parametrize(("height", "width"), [(40, 30), (31, 45), (33, 33), (32, 32)])
def test_whole_pictures_are_turned_so_that_nothing_is_lost(height: int, width: int) -> None:
    picture = _numbered(height, width)
    dataset = _dataset(Augmentation(), picture, patch=0, per_picture=7)
    assert len(dataset) == 1
    ways = set()
    for epoch in range(60):
        seen = dataset[epoch, 0]["images"][0].numpy()
        assert seen.shape == (height, width)
        assert np.array_equal(np.sort(seen, axis=None), np.sort(picture.image[..., 0], axis=None))
        ways.add(seen.tobytes())
    assert len(ways) == (8 if height == width else 4)


def _blob() -> MaskedPicture:
    rows, columns = np.mgrid[:120, :120]
    mask = (np.hypot(rows - 55, columns - 70) < 17) | ((np.abs(rows - columns) < 4) & (rows > 20))
    return MaskedPicture(mask[..., None].astype(np.float32), mask, np.ones_like(mask))


def test_picture_and_mask_are_warped_alike() -> None:
    dataset = _dataset(Augmentation(rotation=180, scale=1.6), _blob(), patch=64)
    for index in range(30):
        example = dataset[0, index]
        from_picture, mask = example["images"][0] > 0.5, example["mask"][0] > 0.5
        different = (from_picture != mask).float().mean()
        assert different < 0.01
        shifted = (from_picture.roll(1, 0) != mask).float().mean()
        assert different < shifted or not mask.any()


def test_a_soft_mask_stays_between_its_neighbours_when_it_is_warped() -> None:
    blob = _blob()
    soft = MaskedPicture(blob.image, (0.5 * blob.mask).astype(np.float32), blob.inside)
    for turned in (Augmentation(), Augmentation(rotation=180, scale=1.6)):
        hard, smooth = _dataset(turned, blob, patch=48), _dataset(turned, soft, patch=48)
        for index in range(10):
            one, other = hard[0, index]["mask"], smooth[0, index]["mask"]
            assert float(other.max()) <= 0.5
            assert ((other > 0.25) != (one > 0.5)).float().mean() < 0.02
            if turned.scale == 1.0:  # quarter turns move whole pixels
                assert torch.allclose(other, 0.5 * one)


def test_scale_enlarges_and_shrinks_by_up_to_its_factor() -> None:
    rows, columns = np.mgrid[:200, :200]
    disc = np.hypot(rows - 100, columns - 100) < 20
    centre = np.zeros_like(disc)
    centre[100, 100] = True
    dataset = _dataset(
        Augmentation(False, scale=2.0), MaskedPicture(disc[..., None].astype(np.float32), disc, centre), patch=99
    )
    radii = np.array([float(dataset[0, index]["mask"].sum() / np.pi) ** 0.5 / 20 for index in range(60)])
    assert 0.48 < radii.min() < 0.6
    assert 1.7 < radii.max() < 2.05
    assert (radii < 1).mean() == pytest.approx(0.5, abs=0.2)


def test_turning_and_mirroring_keep_shape_and_area() -> None:
    rows, columns = np.mgrid[:200, :200]
    disc, centre = np.hypot(rows - 100, columns - 100) < 30, np.zeros((200, 200), bool)
    centre[100, 100] = True
    picture = MaskedPicture(disc[..., None].astype(np.float32), disc, centre)
    dataset = _dataset(Augmentation(True, rotation=180), picture, patch=99)
    for index in range(30):
        mask = dataset[0, index]["mask"][0]
        assert float(mask.sum()) == pytest.approx(disc.sum(), rel=0.02)
        for axis in (0, 1):
            assert int(mask.any(dim=axis).sum()) == pytest.approx(59, abs=2)


def test_the_same_key_gives_the_same_example_in_any_order() -> None:
    augmentation = Augmentation(True, 30, 1.3, 0.3, 1.5)
    first, again = _dataset(augmentation), _dataset(augmentation)
    torch.manual_seed(0)
    np.random.seed(0)
    forward = [first[2, index] for index in range(4)]
    backward = [again[2, index] for index in (3, 2, 1, 0)][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert torch.equal(one["images"], other["images"])
        assert torch.equal(one["mask"], other["mask"])


def test_epoch_index_and_seed_each_change_the_example() -> None:
    dataset = _dataset(Augmentation())
    example = dataset[0, 0]["images"]
    assert not torch.equal(example, dataset[1, 0]["images"])
    assert not torch.equal(example, dataset[0, 1]["images"])
    assert not torch.equal(example, _dataset(Augmentation(), seed=2)[0, 0]["images"])


def test_an_epoch_takes_as_many_patches_of_every_picture() -> None:
    everywhere = np.ones((40, 40), bool)
    pictures = [MaskedPicture(np.full((40, 40, 1), value, np.float32), ~everywhere, everywhere) for value in (1, 2, 3)]
    dataset = _dataset(STILL, *pictures, patch=4, per_picture=5)
    seen = [int(dataset[0, index]["images"].max()) for index in range(len(dataset))]
    assert sorted(seen) == [1] * 5 + [2] * 5 + [3] * 5


def test_colour_and_blur_change_the_picture_and_never_the_mask() -> None:
    for augmentation in (Augmentation(False, colour=0.5), Augmentation(False, blur=3.0)):
        plain, changed = _dataset(STILL, _blob(), patch=33), _dataset(augmentation, _blob(), patch=33)
        for index in range(8):
            assert torch.equal(plain[0, index]["mask"], changed[0, index]["mask"])
            assert not torch.equal(plain[0, index]["images"], changed[0, index]["images"])
            assert changed[0, index]["images"].dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 3])
def test_examples_have_the_shapes_the_network_takes(channels: int) -> None:
    example = _dataset(Augmentation(True, 20, 1.2, 0.2, 1.0), _numbered(channels=channels), patch=17)[0, 0]
    assert example["images"].shape == (channels, 17, 17)
    assert example["mask"].shape == (1, 17, 17)
    assert set(example["mask"].unique().tolist()) <= {0.0, 1.0}


def test_a_picture_without_a_field_of_view_is_cut_anywhere() -> None:
    picture = MaskedPicture(np.ones((30, 30, 1), np.float32), np.ones((30, 30), bool), np.zeros((30, 30), bool))
    assert _dataset(STILL, picture, patch=8)[0, 0]["images"].any()


def test_what_lies_beyond_the_picture_is_zero_and_background() -> None:
    picture = MaskedPicture(np.ones((10, 10, 1), np.float32), np.ones((10, 10), bool), np.ones((10, 10), bool))
    example = _dataset(STILL, picture, patch=40)[0, 0]
    assert example["images"].sum() == example["mask"].sum() == 100


def test_where_masks_leave_pixels_open_every_example_says_so() -> None:
    """What lies beyond the picture counts as background, as before; only open pixels do not count."""
    numbered = _numbered()
    known = numbered.image[..., 0].astype(int) % 5 != 0
    open_one = MaskedPicture(numbered.image, numbered.mask, np.ones_like(known), known)
    dataset = _dataset(Augmentation(), open_one, _numbered(), patch=16, per_picture=16)
    for index in range(32):
        example = dataset[0, index]
        seen = example["images"][0].numpy()
        assert example["known"].shape == example["mask"].shape
        expected = seen.astype(int) % 5 != 0 if index % 2 == 0 else np.ones_like(seen, bool)
        np.testing.assert_array_equal(example["known"][0].numpy() == 1, expected | (seen == 0))
    assert "known" not in _dataset(Augmentation())[0, 0]
