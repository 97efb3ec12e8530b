from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.layouts.landcover import UNKNOWN, open_landcover
from core.data.synthetic.landcover.make import write_landcover
from core.data.torch_datasets.classification import Normalisation
from core.data.torch_datasets.crops import Augmentation
from core.data.torch_datasets.landcover import (
    LabelledPixels,
    LandcoverBatches,
    LandcoverDataset,
    LandcoverPicture,
    LandcoverPreparation,
    open_picture,
)

AS_IS = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
NOTHING = Augmentation(flips=False)


def _marked(height: int = 40, width: int = 60) -> LabelledPixels:
    """A picture whose green tells its row, blue its column and red 40 times its class; the classes are stripes."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    classes = (columns // 10) % 6
    return np.dstack([40 * classes, 4 * rows, 4 * columns, classes])


def _dataset(crop: int = 16, *, augmentation: Augmentation = NOTHING, seed: int = 0) -> LandcoverDataset:
    return LandcoverDataset(
        [_marked()], crop=crop, per_picture=3, augmentation=augmentation, normalisation=AS_IS, seed=seed
    )  # fmt: skip


def _class_seen(images: torch.Tensor) -> torch.Tensor:
    return (images[0] * 255 / 40).round().long()


def test_a_crop_lies_inside_the_picture_and_has_its_own_labels() -> None:
    dataset = _dataset()
    corners = set()
    for epoch in range(20):
        example = dataset[epoch, 0]
        assert example["images"].shape == (3, 16, 16)
        assert example["labels"].dtype == torch.int64
        assert torch.equal(_class_seen(example["images"]), example["labels"])
        rows, columns = (example["images"][1:] * 255 / 4).round().long()
        assert rows[-1, 0] - rows[0, 0] == columns[0, -1] - columns[0, 0] == 15
        corners.add((int(rows[0, 0]), int(columns[0, 0])))
    assert len(corners) > 10


@pytest.mark.parametrize("flips", [False, True])
def test_labels_follow_their_pixels_through_turns_and_mirrors(flips: bool) -> None:
    dataset = _dataset(augmentation=Augmentation(flips=flips))
    for index in range(12):
        example = dataset[1, index]
        assert torch.equal(_class_seen(example["images"]), example["labels"])


def test_a_crop_as_large_as_the_picture_is_the_picture() -> None:
    square = _marked(60, 60)
    dataset = LandcoverDataset(
        [square], crop=60, per_picture=1, augmentation=NOTHING, normalisation=AS_IS, seed=0
    )  # fmt: skip
    assert np.array_equal(dataset[0, 0]["labels"].numpy(), square[..., 3])
    assert np.array_equal((dataset[0, 0]["images"] * 255).round().numpy().transpose(1, 2, 0), square[..., :3])


def test_what_lies_beyond_a_small_picture_is_unknown() -> None:
    example = _dataset(crop=80)[0, 0]
    known = example["labels"] != UNKNOWN
    assert int(known.sum()) == 40 * 60
    assert known[20:60, 10:70].all()
    assert (example["images"][2] > 0).float().mean() > 0.9  # mirrored, not black


def test_the_same_key_gives_the_same_example_and_another_epoch_another() -> None:
    augmentation = Augmentation(flips=True, scale=1.3, colour=0.2)
    first, again, other = (_dataset(augmentation=augmentation)[epoch, 1] for epoch in (3, 3, 4))
    assert torch.equal(first["images"], again["images"])
    assert torch.equal(first["labels"], again["labels"])
    assert not torch.equal(first["images"], other["images"])
    assert not torch.equal(first["images"], _dataset(augmentation=augmentation, seed=1)[3, 1]["images"])


def test_light_changes_the_picture_and_not_its_labels() -> None:
    plain, lit = (_dataset(augmentation=Augmentation(flips=False, colour=colour))[0, 0] for colour in (0.0, 0.5))
    assert torch.equal(plain["labels"], lit["labels"])
    assert not torch.allclose(plain["images"], lit["images"], atol=0.02)


def test_an_epoch_has_so_many_crops_of_each_picture() -> None:
    assert len(_dataset()) == 3


@pytest.mark.parametrize(("size", "shape"), [(0, (40, 60)), (30, (20, 30)), (500, (40, 60))])
def test_pictures_are_shrunk_with_their_shape_and_never_enlarged(size: int, shape: tuple[int, int]) -> None:
    marked = _marked()
    picture = LandcoverPicture("tile", marked[..., :3], marked[..., 3].astype(np.int64))
    preparation = LandcoverPreparation(AS_IS, size)
    pair = preparation.shrink_pair(picture)
    assert pair.shape == (*shape, 4)
    assert preparation.prepare(picture.pixels).shape == (1, 3, *shape)
    assert np.array_equal(pair[..., 3], np.round(pair[..., 0] / 40))


def test_validation_batches_are_whole_pictures_and_always_the_same(tmp_path: Path) -> None:
    write_landcover(tmp_path / "land", n=7, side=64)
    items = open_landcover(tmp_path / "land").items("val")
    batches = LandcoverBatches(items, LandcoverPreparation(AS_IS, 32))
    assert len(batches) == len(items) == 2
    for first, again, item in zip(batches, batches, items, strict=True):
        picture = open_picture(item)
        assert first["picture"].name == picture.name
        assert np.array_equal(first["picture"].labels, picture.labels)
        assert first["picture"].pixels.shape == (64, 64, 3)
        assert first["images"].shape == (1, 3, 32, 32)
        assert torch.equal(first["images"], again["images"])
