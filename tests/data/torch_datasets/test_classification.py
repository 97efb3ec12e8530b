from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, default_collate
from torchvision.transforms import v2

from core.data.image_io.formats.source import cut_short
from core.data.layouts.classes import labels_of, open_classified
from core.data.layouts.found_classes import ClassifiedItem
from core.data.loaders import EpochSampler
from core.data.torch_datasets.classification import (
    ClassifiedDataset,
    FeatureDataset,
    Normalisation,
    PicturePart,
    ValidationBatches,
    WithCopies,
    build_batch_loader,
    load_pixels,
)
from core.data.torch_datasets.decoded import Framing, PicturesOnDemand, PictureStack, decode_all
from core.data.transforms.augment import PictureAugmentation
from core.errors import UserError
from tests.data.layouts.labelled_folders import write_class_folders, write_defects, write_picture
from tests.data.layouts.sentences import refuses

COUNT, SIDE = 23, 16
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
EVERYTHING = PictureAugmentation(True, 0.1, 1.3, 30, 0.3, True)


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    stack = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    stack.setflags(write=False)
    return stack


@pytest.fixture
def labels() -> NDArray[np.int64]:
    return np.arange(COUNT, dtype=np.int64) * 7


def _dataset(pictures: PictureStack, labels: NDArray[np.int64], **options: Any) -> ClassifiedDataset:
    return ClassifiedDataset(pictures, labels, **({"normalisation": IMAGENET} | options))


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_normalising_is_torchvisions(pictures: NDArray[np.uint8]) -> None:
    transform = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET.mean, IMAGENET.deviation)])
    expected = transform(torch.tensor(pictures).permute(0, 3, 1, 2))
    images = IMAGENET.normalise(pictures)
    assert (images.dtype, images.shape, images.is_contiguous()) == (torch.float32, (COUNT, 3, SIDE, SIDE), True)
    torch.testing.assert_close(images, expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("augmentation", [PictureAugmentation(), EVERYTHING])
def test_a_batch_is_its_examples_together(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64], augmentation: PictureAugmentation
) -> None:
    dataset = _dataset(pictures, labels, augmentation=augmentation, seed=3)
    keys = [(4, 7), (4, 0), (5, 7), (4, 22)]
    batch = dataset.__getitems__(keys)
    assert batch["images"].shape == (4, 3, SIDE, SIDE)
    assert batch["labels"].tolist() == [49, 0, 49, 154]
    assert _equal(batch, default_collate([dataset[key] for key in keys]))


def test_without_augmentation_an_example_is_its_picture(pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    dataset = _dataset(pictures, labels, normalisation=PLAIN, rows=[5, 2, 9])
    assert len(dataset) == 3
    for index, row in enumerate((5, 2, 9)):
        example = dataset[0, index]
        np.testing.assert_allclose(example["images"].permute(1, 2, 0) * 255, pictures[row], atol=1e-4)
        assert example["labels"].dtype == torch.int64
        assert int(example["labels"]) == labels[row]


def test_the_same_key_gives_the_same_example_in_any_order(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    first, again = (_dataset(pictures, labels, augmentation=EVERYTHING, seed=1) for _ in range(2))
    forward = first.__getitems__([(2, index) for index in range(COUNT)])["images"]
    torch.manual_seed(0)
    np.random.seed(0)
    backward = again.__getitems__([(2, index) for index in reversed(range(COUNT))])["images"]
    assert torch.equal(forward, backward.flip(0))


def test_epoch_index_and_seed_each_change_the_example(pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    twice = np.broadcast_to(pictures[:1], pictures.shape)
    dataset = _dataset(twice, labels, augmentation=EVERYTHING)
    example = dataset[0, 0]["images"]
    assert not torch.equal(example, dataset[1, 0]["images"])
    assert not torch.equal(example, dataset[0, 1]["images"])
    assert not torch.equal(example, _dataset(twice, labels, augmentation=EVERYTHING, seed=2)[0, 0]["images"])


def test_copies_stand_behind_their_pictures_and_are_the_same_each_time(pictures: NDArray[np.uint8]) -> None:
    stack = WithCopies(pictures, EVERYTHING, copies=2, first=5, seed=3)
    assert stack.shape == (COUNT + 10, SIDE, SIDE, 3)
    assert stack.sources[COUNT:].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    np.testing.assert_array_equal(stack[:COUNT], pictures)
    copies = stack[COUNT:]
    assert len({each.tobytes() for each in [*pictures[:5], *copies]}) == 15
    np.testing.assert_array_equal(stack[[COUNT + 7, 2, COUNT]], np.stack([copies[7], pictures[2], copies[0]]))
    np.testing.assert_array_equal(stack[COUNT + 7], copies[7])
    other = WithCopies(pictures, EVERYTHING, copies=2, first=5, seed=4)[COUNT:]
    assert not (copies == other).all(axis=(1, 2, 3)).any()


def test_a_loader_gives_what_collating_examples_gives(pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    dataset = _dataset(pictures, labels, augmentation=EVERYTHING)
    for epoch in (0, 3):
        loader, sampler = build_batch_loader(dataset, batch_size=5, seed=9), EpochSampler(COUNT, seed=9)
        loader.sampler.epoch = sampler.epoch = epoch  # type: ignore[attr-defined]
        one_by_one = DataLoader([dataset[key] for key in sampler], batch_size=5, drop_last=True)  # type: ignore[var-annotated,arg-type]
        batches = list(loader)
        assert len(batches) == len(loader) == 4
        assert all(_equal(batch, other) for batch, other in zip(batches, one_by_one, strict=True))


def test_a_small_set_makes_one_batch(pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    (batch,) = build_batch_loader(_dataset(pictures, labels, rows=[1, 2]), batch_size=8, seed=0)
    assert batch["images"].shape == (2, 3, SIDE, SIDE)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_features_come_as_float32_with_their_labels(labels: NDArray[np.int64], kind: type) -> None:
    features = np.random.default_rng(1).normal(size=(COUNT, 12)).astype(kind)
    dataset = FeatureDataset(features, labels, rows=np.arange(20, 3, -1))
    assert len(dataset) == 17
    batch = dataset.__getitems__([(0, 3), (8, 0)])
    assert batch["features"].dtype == torch.float32
    np.testing.assert_array_equal(batch["features"], features[[17, 20]].astype(np.float32))
    assert batch["labels"].tolist() == [119, 140]
    assert _equal(dataset[0, 3], {name: values[0] for name, values in batch.items()})
    seen = torch.cat([each["labels"] for each in build_batch_loader(dataset, batch_size=17, seed=0)])
    assert sorted(seen.tolist()) == sorted(labels[4:21].tolist())


def _items(labels: NDArray[np.int64] | None) -> list[ClassifiedItem]:
    return [
        ClassifiedItem(f"p{row}", f"p{row}", Path("x"), None if labels is None else int(labels[row]))
        for row in range(COUNT)
    ]


def test_validation_batches_go_through_their_rows_in_order(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    rows = [3, 1, 4, 15, 9, 2, 6]
    batches = ValidationBatches(_items(labels), pictures, normalisation=IMAGENET, rows=rows, batch_size=3)
    assert [len(batch["names"]) for batch in batches] == [3, 3, 1]
    assert len(batches) == 3
    for _ in range(2):
        assert [name for batch in batches for name in batch["names"]] == [f"p{row}" for row in rows]
        np.testing.assert_array_equal(torch.cat([batch["labels"] for batch in batches]), labels[rows])
        np.testing.assert_array_equal(np.concatenate([batch["pixels"] for batch in batches]), pictures[rows])
        assert torch.equal(torch.cat([batch["images"] for batch in batches]), IMAGENET.normalise(pictures[rows]))
    assert batches[-1]["names"] == ["p6"]
    assert [batch["names"] for batch in batches[1:]] == [["p15", "p9", "p2"], ["p6"]]
    with pytest.raises(IndexError):
        batches[3]


def test_validation_batches_of_features_open_only_the_pictures_that_are_drawn(labels: NDArray[np.int64]) -> None:
    opened: list[str] = []

    def load(item: ClassifiedItem) -> NDArray[np.uint8]:
        opened.append(item.name)
        return np.full((9, 9, 3), int(item.name[1:]), np.uint8)

    features = np.arange(COUNT * 4, dtype=np.float16).reshape(COUNT, 4)
    stack = PicturesOnDemand(_items(labels), load, Framing(8))
    batches = list(ValidationBatches(_items(labels), stack, features=features, rows=[9, 8, 7, 1], batch_size=2))
    np.testing.assert_array_equal(torch.cat([batch["features"] for batch in batches]), features[[9, 8, 7, 1]])
    assert all("images" not in batch for batch in batches)
    assert opened == []
    pixels = batches[1]["pixels"]
    assert isinstance(pixels, PicturePart)
    assert (pixels.shape, len(pixels)) == ((2, 8, 8, 3), 2)
    np.testing.assert_array_equal(pixels[1], np.full((8, 8, 3), 1))
    assert opened == ["p1"]
    np.testing.assert_array_equal(pixels[:][:, 0, 0, 0], [7, 1])


def test_pictures_without_labels_can_be_gone_through_but_not_mixed_with_others(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    (batch,) = ValidationBatches(_items(None), pictures, normalisation=IMAGENET)
    assert batch.keys() == {"names", "images", "pixels"}
    with refuses("p0"):
        ValidationBatches([*_items(None)[:1], *_items(labels)[1:]], pictures, normalisation=IMAGENET)


def test_a_set_on_disk_becomes_batches(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", {"a": 5, "b": 10})
    found = open_classified(tmp_path / "set")
    items = found.items("train")
    stack = decode_all(items, load_pixels, framing=Framing(SIDE), key=found.fingerprint(), folder=tmp_path / "cache")
    assert isinstance(stack, np.memmap)
    loader = build_batch_loader(_dataset(stack, labels_of(items), normalisation=PLAIN), batch_size=4, seed=0)
    batches = list(loader)
    assert len(batches) == 3
    order = [index for _, index in EpochSampler(12, seed=0)]
    for number, index in enumerate(order):
        batch, place = batches[number // 4], number % 4
        expected = Framing(SIDE).frame(load_pixels(items[index]))
        np.testing.assert_allclose(batch["images"][place].permute(1, 2, 0) * 255, expected, atol=1e-3)
        assert int(batch["labels"][place]) == items[index].label
    (batch,) = ValidationBatches(items, stack, normalisation=IMAGENET)
    assert batch["pixels"].shape == (12, SIDE, SIDE, 3)


def test_rows_of_arrays_are_opened_as_pictures_are(tmp_path: Path) -> None:
    arrays = {name: np.random.default_rng(3).integers(0, 256, (12, 8, 8)) for name in ("normal", "pneumonia")}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    found = open_classified(tmp_path)
    for split in found.splits:
        for item in found.items(split):
            assert item.index is not None
            expected = arrays[item.image.stem][item.index]
            np.testing.assert_array_equal(load_pixels(item), np.repeat(expected[..., None], 3, axis=2))


def test_a_damaged_picture_is_named_when_it_is_opened(tmp_path: Path) -> None:
    write_defects(tmp_path / "set")
    write_picture(tmp_path / "set/train_images/train_00003.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    found = open_classified(tmp_path / "set")
    with pytest.raises(UserError) as caught:
        decode_all(found.items("train"), load_pixels, framing=Framing(8), key="x", folder=tmp_path / "cache")
    assert str(caught.value) == cut_short('"train_images/train_00003.png"')


def test_all_damaged_pictures_are_named_at_once_by_their_paths(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", {"cat": 8, "dog": 8})
    for name, content in (("cat/0001", b""), ("dog/0001", b"<!DOCTYPE html>"), ("dog/0002", b"\x89PNG\r\n\x1a\n")):
        (tmp_path / f"set/{name}.png").write_bytes(content)
    items = [item for each in open_classified(tmp_path / "set").splits.values() for item in each]
    with pytest.raises(UserError) as caught:
        decode_all(items, load_pixels, framing=Framing(8), key="x", folder=tmp_path / "cache")
    for named in ("3 of 16", "cat/0001.png", "dog/0001.png", "dog/0002.png"):
        assert named in str(caught.value)
    assert not list((tmp_path / "cache").glob("*.array"))
