import numpy as np
import pytest
import torch

from core.data.torch_datasets.whole_images import (
    OpenedPictures,
    PictureDataset,
    WorkingSize,
    add_noise,
    prepare_example,
    to_channels_last,
    to_numbers,
    to_pixels,
    to_tensor,
)
from core.data.transforms.arrays import Pixels
from tests.data.layouts.sentences import refuses


def _pictures(count: int = 3, shape: tuple[int, int] = (40, 50)) -> list[Pixels]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3)).astype(np.uint8) for _ in range(count)]


def _dataset(pictures: list[Pixels], **changes: object) -> PictureDataset:
    options: dict[str, object] = {"patch": 16, "per_picture": 4, "flips": True, "noise": 0.0, "seed": 0}
    return PictureDataset(pictures, **(options | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keep", "shape", "expected"),
    [
        (False, (960, 999), (512, 512)),
        (False, (100, 900), (512, 512)),
        (True, (960, 999), (492, 512)),
        (True, (800, 400), (512, 256)),
        (True, (100, 100), (512, 512)),
        (True, (2, 9000), (1, 512)),
    ],
)
def test_a_picture_is_squashed_or_keeps_its_shape(
    keep: bool, shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    pixels = np.full((*shape, 3), 7, np.uint8)
    size = WorkingSize(512, keep)
    assert size.of(pixels) == expected
    assert size.fit(pixels).shape == (*expected, 3)
    assert (size.fit(pixels) == 7).all()


def test_numbers_lie_from_minus_one_to_one_and_come_back_exactly() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    numbers = to_numbers(ramp)
    assert numbers.dtype == np.float32
    assert (numbers.min(), numbers.max()) == (-1, 1)
    reported = (ramp / 255 - 0.5) / 0.5
    assert np.allclose(numbers, reported, atol=1e-6)
    assert (to_pixels(numbers) == ramp).all()
    assert (to_pixels(numbers * 3)[[0, -1], [0, -1]] == ramp[[0, -1], [0, -1]]).all()
    assert (to_channels_last(to_tensor(numbers)[None]) == numbers).all()


def test_noise_has_the_deviation_asked_for() -> None:
    flat = np.zeros((200, 200, 3), np.float32)
    noisy = add_noise(flat, 0.3, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(0.3, rel=0.02)
    assert noisy.mean() == pytest.approx(0, abs=0.01)
    assert add_noise(flat, 0.0, np.random.default_rng(0)) is flat


def test_a_validation_picture_has_the_same_noise_at_every_epoch_and_another_than_its_neighbour() -> None:
    pixels = np.full((20, 20, 3), 100, np.uint8)
    first, again, other = (prepare_example(pixels, name=name, noise=0.1) for name in ("a", "a", "b"))
    assert torch.equal(first["images"], again["images"])  # type: ignore[arg-type]
    assert not torch.equal(first["images"], other["images"])  # type: ignore[arg-type]
    assert torch.equal(first["targets"], other["targets"])  # type: ignore[arg-type]


def test_the_same_key_gives_the_same_example_and_another_epoch_another() -> None:
    pictures = _pictures()
    one, two = _dataset(pictures, noise=0.1), _dataset(pictures, noise=0.1)
    for key in ((0, 0), (0, 11), (3, 5)):
        assert torch.equal(one[key]["images"], two[key]["images"])
    assert not torch.equal(one[0, 0]["targets"], one[1, 0]["targets"])
    assert not torch.equal(one[0, 0]["targets"], _dataset(pictures, seed=1)[0, 0]["targets"])


def test_without_noise_what_is_seen_is_what_is_wanted() -> None:
    dataset = _dataset(_pictures())
    assert len(dataset) == 12
    for index in range(len(dataset)):
        example = dataset[0, index]
        assert example["images"].shape == (3, 16, 16)
        assert torch.equal(example["images"], example["targets"])


def test_noise_is_in_what_is_seen_alone() -> None:
    example = _dataset(_pictures(), noise=0.2, patch=32)[0, 0]
    assert (example["images"] - example["targets"]).std() == pytest.approx(0.2, rel=0.1)
    assert example["targets"].abs().max() <= 1


def test_cuts_are_parts_of_the_picture_from_all_over_it() -> None:
    rows, columns = np.mgrid[:40, :50].astype(np.uint8)
    picture = np.stack([rows, columns, rows], axis=2)
    dataset = _dataset([picture], flips=False, per_picture=300)
    corners = set()
    for index in range(300):
        cut = to_pixels(to_channels_last(dataset[0, index]["targets"]))
        top, left = int(cut[0, 0, 0]), int(cut[0, 0, 1])
        assert (cut == picture[top : top + 16, left : left + 16]).all()
        corners.add((top, left))
    tops, lefts = ({each[axis] for each in corners} for axis in (0, 1))
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (0, 24, 0, 34)


def test_a_square_is_turned_in_all_eight_ways_and_an_oblong_never_on_its_side() -> None:
    square, oblong = _pictures(1, (12, 12)), _pictures(1, (12, 20))
    for pictures, ways in ((square, 8), (oblong, 4)):
        dataset = _dataset(pictures, patch=0)
        assert len(dataset) == 1
        seen = {dataset[epoch, 0]["targets"].numpy().tobytes() for epoch in range(100)}
        assert len(seen) == ways
        assert dataset[0, 0]["images"].shape == (3, *pictures[0].shape[:2])


def test_a_picture_that_is_smaller_than_a_cut_is_one_sentence() -> None:
    with refuses(41, "50×40", "keep_shape"):
        _dataset(_pictures(), patch=41)[0, 0]


def test_pictures_beyond_the_budget_are_opened_anew() -> None:
    pictures, opened = _pictures(4), []

    def load(number: int) -> Pixels:
        opened.append(number)
        return pictures[number]

    kept = OpenedPictures(4, load, budget=2 * pictures[0].nbytes)
    assert opened == [0, 1]
    assert len(kept) == 4
    for number in (0, 1, 2, 3, 3):
        assert (kept[number] == pictures[number]).all()
    assert opened == [0, 1, 2, 3, 3]
