from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.torch_datasets.classification import Normalisation
from core.data.torch_datasets.labelled import LabelledPicture
from core.data.torch_datasets.masked import MaskedAugmentation, MaskedDataset, MaskedStack, Squashing, WholePictures

SIDE = 64
PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
ALL = MaskedAugmentation(True, 0.1, 0.2, 30.0, 0.2)


@dataclass(frozen=True)
class _Item:
    name: str
    group: str = ""

    def files(self) -> Iterator[Path]:
        return iter(())


class _Loader:
    """Draws a white ellipse on grey, whose mask is the ellipse, and counts how often."""

    def __init__(self) -> None:
        self.loads = 0

    def __call__(self, item: _Item) -> LabelledPicture:
        self.loads += 1
        number = int(item.name)
        rows, columns = np.mgrid[0:80, 0:120]
        mask = ((rows - 40) / 22) ** 2 + ((columns - 60 - number) / 30) ** 2 < 1
        pixels = np.where(mask[..., None], np.uint8(255), np.uint8(90)) * np.ones(3, np.uint8)
        return LabelledPicture(item.name, pixels, mask, np.ones(mask.shape, bool))


ITEMS = tuple(_Item(str(number)) for number in range(5))


@pytest.fixture
def load() -> _Loader:
    return _Loader()


@pytest.fixture
def stack(load: _Loader) -> MaskedStack[_Item]:
    return MaskedStack(ITEMS, load, Squashing(SIDE))


def dataset(stack: MaskedStack[_Item], augmentation: MaskedAugmentation, seed: int = 0) -> MaskedDataset:
    return MaskedDataset(stack, normalisation=PLAIN, augmentation=augmentation, seed=seed)


def test_a_picture_is_squashed_with_its_mask(stack: MaskedStack[_Item]) -> None:
    masked = stack[0]
    assert masked.shape == (SIDE, SIDE, 4)
    found = masked[..., 3] > 127
    assert found.mean() == pytest.approx(np.pi * 22 * 30 / (80 * 120), abs=0.01)
    assert (masked[..., 0][found] > 170).all()
    assert (masked[..., 0][~found] < 180).all()


def test_pictures_are_opened_once_for_all_runs_and_epochs(
    stack: MaskedStack[_Item], load: _Loader, tmp_path: Path
) -> None:
    before = [stack[number] for number in range(5)]
    load.loads = 0
    told: list[tuple[int, int]] = []
    stack.keep(tmp_path, key="a", progress=lambda done, of: told.append((done, of)))
    again = MaskedStack(ITEMS, load, Squashing(SIDE))
    again.keep(tmp_path, key="a")
    assert all(
        (again[number] == stack[number]).all() and (stack[number] == before[number]).all() for number in range(5)
    )
    assert load.loads == 5
    assert told == [(5, 5)]


@pytest.mark.parametrize(
    ("key", "squashing"), [("b", Squashing(SIDE)), ("a", Squashing(SIDE, denoise=True)), ("a", Squashing(32))]
)
def test_what_changes_the_pixels_is_kept_apart(
    stack: MaskedStack[_Item], load: _Loader, tmp_path: Path, key: str, squashing: Squashing
) -> None:
    stack.keep(tmp_path, key="a")
    other = MaskedStack(ITEMS, load, squashing)
    other.keep(tmp_path, key=key)
    assert load.loads == 10
    assert (other[3] == MaskedStack(ITEMS, load, squashing)[3]).all()


def test_without_room_pictures_are_opened_as_they_are_asked_for(
    stack: MaskedStack[_Item], load: _Loader, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    stack.keep(tmp_path / "file", key="a")
    assert stack.kept is None
    assert stack[2].shape == (SIDE, SIDE, 4)


def test_pictures_come_without_masks_for_measuring_colours(stack: MaskedStack[_Item]) -> None:
    pictures = list(stack.pictures())
    assert len(pictures) == 5
    assert all(each.shape == (SIDE, SIDE, 3) for each in pictures)


def test_picture_and_mask_are_warped_alike(stack: MaskedStack[_Item]) -> None:
    """White is the mask before; after any warp it still is."""
    data = dataset(stack, MaskedAugmentation(True, 0.1, 0.2, 30.0))
    for index in range(5):
        example = data[3, index]
        white = example["images"][0] > (90 + 255) / 2 / 255
        assert (white != example["mask"][0].bool()).float().mean() < 0.01


def test_nothing_is_changed_unless_asked_for(stack: MaskedStack[_Item]) -> None:
    example = dataset(stack, MaskedAugmentation())[0, 2]
    assert (example["images"] * 255).round().byte().permute(1, 2, 0).numpy() == pytest.approx(stack[2][..., :3])
    assert (example["mask"][0].numpy() == (stack[2][..., 3] > 127)).all()


@pytest.mark.parametrize(("scale", "low", "high"), [(0.2, 0.64, 1.44), (0.0, 1.0, 1.0)])
def test_size_changes_by_at_most_its_share(stack: MaskedStack[_Item], scale: float, low: float, high: float) -> None:
    area = (stack[0][..., 3] > 127).sum()
    data = dataset(stack, MaskedAugmentation(scale=scale))
    shares = [float(data[epoch, 0]["mask"].sum() / area) for epoch in range(60)]
    assert min(shares) == pytest.approx(low, abs=0.07)
    assert max(shares) == pytest.approx(high, abs=0.12)


def test_shift_moves_by_at_most_its_share_of_the_side(stack: MaskedStack[_Item]) -> None:
    data = dataset(stack, MaskedAugmentation(shift=0.1))
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    centres = []
    for epoch in range(60):
        mask = data[epoch, 0]["mask"][0].numpy()
        centres.append(((rows * mask).sum() / mask.sum(), (columns * mask).sum() / mask.sum()))
    reach = np.abs(np.array(centres) - (SIDE - 1) / 2).max(axis=0)
    assert (reach < 0.1 * SIDE + 0.5).all()
    assert (reach > 0.07 * SIDE).all()


def test_what_lies_beyond_the_picture_is_the_picture_mirrored() -> None:
    masked = np.zeros((SIDE, SIDE, 4), np.uint8)
    masked[:, :16] = 200
    shifted = [MaskedAugmentation(shift=0.1).apply(masked, np.random.default_rng(seed)) for seed in range(20)]
    assert all((each[:, 0] == 200).all() for each in shifted)


def test_colours_change_and_the_mask_does_not(stack: MaskedStack[_Item]) -> None:
    example = dataset(stack, MaskedAugmentation(colour=0.4))[0, 1]
    assert (example["mask"][0].numpy() == (stack[1][..., 3] > 127)).all()
    assert (example["images"] - torch.from_numpy(stack[1][..., :3] / 255).permute(2, 0, 1)).abs().mean() > 0.02


def test_the_same_key_gives_the_same_example_in_any_order(stack: MaskedStack[_Item]) -> None:
    data = dataset(stack, ALL)
    forwards = [data[1, index]["images"] for index in range(5)]
    backwards = [data[1, index]["images"] for index in reversed(range(5))]
    assert all(torch.equal(one, other) for one, other in zip(forwards, reversed(backwards), strict=True))


def test_epoch_index_and_seed_each_change_the_example(stack: MaskedStack[_Item]) -> None:
    first = dataset(stack, ALL)[0, 0]["images"]
    others = [dataset(stack, ALL)[1, 0], dataset(stack, ALL)[0, 1], dataset(stack, ALL, seed=1)[0, 0]]
    assert not any(torch.equal(first, each["images"]) for each in others)


def test_whole_pictures_come_in_order_at_their_own_size_every_time(load: _Loader) -> None:
    whole = WholePictures(ITEMS, load, Squashing(SIDE), PLAIN)
    for _ in range(2):
        batches = list(whole)
        assert [batch["picture"].name for batch in batches] == [item.name for item in ITEMS]
        assert all(batch["images"].shape == (1, 3, SIDE, SIDE) for batch in batches)
        assert all(batch["picture"].mask.shape == (80, 120) for batch in batches)
    assert len(whole) == 5
    assert list(WholePictures((), load, Squashing(SIDE), PLAIN)) == []


def test_validation_sees_what_training_sees(stack: MaskedStack[_Item], load: _Loader) -> None:
    (first, *_) = WholePictures(ITEMS, load, Squashing(SIDE), PLAIN)
    assert torch.equal(first["images"][0], dataset(stack, MaskedAugmentation())[0, 0]["images"])


def test_a_picture_that_cannot_be_opened_is_told_when_its_turn_comes() -> None:
    def fail(item: _Item) -> LabelledPicture:
        raise OSError(item.name)

    with pytest.raises(OSError, match="0"):
        next(iter(WholePictures(ITEMS, fail, Squashing(SIDE), PLAIN)))


def test_open_pixels_follow_the_picture(load: _Loader, tmp_path: Path) -> None:
    """The loader's white ellipse is what does not count here, so that pixels say where it went."""

    def load_open(item: _Item) -> LabelledPicture:
        picture = load(item)
        return replace(picture, known=~picture.mask)

    stack = MaskedStack(ITEMS, load_open, Squashing(SIDE), is_open=True)
    assert stack[0].shape == (SIDE, SIDE, 5)
    opened = stack[0].copy()
    stack.keep(tmp_path, key="open")
    np.testing.assert_array_equal(stack[0], opened)
    for index in range(5):
        example = dataset(stack, replace(ALL, colour=0.0))[0, index]
        white = example["images"][0].numpy() > 0.7
        assert example["known"].shape == example["mask"].shape == (1, SIDE, SIDE)
        assert ((example["known"][0].numpy() == 0) != white).mean() < 0.02
        assert set(example["known"].unique().tolist()) <= {0.0, 1.0}


def test_without_open_pixels_examples_are_as_they_were(stack: MaskedStack[_Item]) -> None:
    assert "known" not in dataset(stack, ALL)[0, 0]
    assert stack[0].shape == (SIDE, SIDE, 4)
