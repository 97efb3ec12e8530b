import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2

from core.data.array_cache import cache_size
from core.data.torch_datasets.decoded import Framing, PicturesOnDemand, decode_all
from core.data.transforms.arrays import Pixels
from core.errors import UserError
from tests.data.layouts.sentences import refuses

MODES = {"bilinear": v2.InterpolationMode.BILINEAR, "bicubic": v2.InterpolationMode.BICUBIC}
SHAPES = [(97, 64), (64, 97), (300, 211), (211, 640), (40, 33), (56, 56), (48, 48), (32, 32), (700, 37)]


def _scene(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture with soft and hard edges, no symmetry."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5))
    picture[height // 3 :, : width // 4] //= 3
    return picture


@dataclass(frozen=True)
class _Item:
    name: str
    seed: int
    shape: tuple[int, int] = (40, 50)

    @property
    def group(self) -> str:
        return self.name

    def files(self) -> Iterator[Path]:
        yield Path(self.name)


class _Loader:
    def __init__(self) -> None:
        self.opened: list[str] = []
        self.threads: set[int] = set()

    def __call__(self, item: _Item) -> Pixels:
        self.opened.append(item.name)
        self.threads.add(threading.get_ident())
        if item.name == "broken":
            raise UserError("broken.png is damaged.")
        return _scene(*item.shape, seed=item.seed)


ITEMS = [_Item(f"picture {number}", number) for number in range(150)]
SMALL = Framing(16, 20)


def _decode(folder: Path, loader: _Loader, items: list[_Item] = ITEMS, **options: object) -> NDArray[np.uint8]:
    given = {"framing": SMALL, "key": "f00d"} | options
    return decode_all(items, loader, folder=folder, **given)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("side", "shorter"), [(48, 56), (48, 48), (31, 40)])
def test_resizing_and_cutting_is_torchvisions(
    shape: tuple[int, int], side: int, shorter: int, interpolation: str
) -> None:
    pixels = _scene(*shape)
    resize = v2.Resize(shorter, MODES[interpolation], antialias=True)
    transform = v2.Compose([resize, v2.CenterCrop(side)])
    framed = Framing(side, shorter, interpolation).frame(pixels)
    assert framed.shape == (side, side, 3)
    image = np.asarray(transform(Image.fromarray(pixels)))
    tensor = transform(torch.from_numpy(pixels).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    for expected in (image, tensor):
        different = np.abs(framed.astype(int) - expected.astype(int))
        assert different.max() <= 2
        assert different.mean() < 0.2


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", SHAPES)
def test_squashing_is_torchvisions_resize_to_a_square(shape: tuple[int, int], interpolation: str) -> None:
    pixels = _scene(*shape)
    expected = v2.Resize((48, 48), MODES[interpolation], antialias=True)(Image.fromarray(pixels))
    np.testing.assert_array_equal(Framing(48, 0, interpolation).frame(pixels), np.asarray(expected))


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    pixels = _scene(48, 48)
    for framing in (Framing(48), Framing(48, 48)):
        np.testing.assert_array_equal(framing.frame(pixels), pixels)


def test_other_light_gives_the_same_square() -> None:
    rng = np.random.default_rng(4)
    picture = rng.integers(60, 160, (96, 80, 3)).astype(np.uint8)
    darker = (picture * 0.6 + 3).round().astype(np.uint8)
    squares = [Framing(64, even=True).frame(each).astype(float) for each in (picture, darker)]
    assert np.abs(squares[0] - squares[1]).mean() <= 2.5  # what rounding to whole numbers leaves
    middle = squares[0][8:56, 8:56]
    assert abs(middle.mean() - 122) < 1
    assert abs(middle.std() - 55) < 2
    framed = picture.copy()
    framed[:6] = 255  # a light edge does not count
    assert np.abs(Framing(64, even=True).frame(framed)[16:].astype(float) - squares[0][16:]).max() <= 1
    empty = np.full((64, 64, 3), 200, np.uint8)
    empty[::2] += 1
    assert Framing(64, even=True).frame(empty).std() < 8


def test_a_very_long_picture_is_never_enlarged_as_a_whole() -> None:
    framed = Framing(64, 64).frame(_scene(2, 20_000))
    assert framed.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [((224, 200), (224, 200)), ((0, 0), (0,)), ((8, 8, "nearest"), ("'nearest'", "bilinear", "bicubic"))],
)
def test_impossible_framings_are_refused_in_one_sentence(given: tuple[int, int], said: tuple[object, ...]) -> None:
    with refuses(*said):
        Framing(*given)


def test_pictures_are_decoded_once_in_their_order(tmp_path: Path) -> None:
    loader, told = _Loader(), list[tuple[int, int]]()
    stack = _decode(tmp_path, loader, progress=lambda done, of: told.append((done, of)))
    assert sorted(loader.opened) == sorted(item.name for item in ITEMS)
    assert threading.get_ident() not in loader.threads
    assert told[-1] == (150, 150)
    assert isinstance(stack, np.memmap)
    assert stack.shape == (150, 16, 16, 3)
    for item, picture in zip(ITEMS, stack, strict=True):
        np.testing.assert_array_equal(picture, SMALL.frame(_scene(*item.shape, seed=item.seed)))
    np.testing.assert_array_equal(_decode(tmp_path, loader), stack)
    assert len(loader.opened) == 150
    assert cache_size(tmp_path) == stack.nbytes


@pytest.mark.parametrize(
    "changed",
    [{"key": "other"}, {"framing": Framing(16, 21)}, {"framing": Framing(16, 20, "bicubic")}, {"items": ITEMS[::-1]}],
)
def test_content_framing_and_order_each_make_another_stack(tmp_path: Path, changed: dict[str, object]) -> None:
    first, loader = _decode(tmp_path, _Loader()), _Loader()
    again = _decode(tmp_path, loader, **changed)  # type: ignore[arg-type]
    assert len(loader.opened) == 150
    assert ("key" in changed) == np.array_equal(first, again)


@pytest.mark.parametrize("rows", [3, -1, slice(10, 80), slice(None, None, 40), [5, 3, 3], np.array([140, 2]), []])
def test_a_stack_that_does_not_fit_opens_pictures_as_they_are_asked_for(tmp_path: Path, rows: object) -> None:
    loader = _Loader()
    stack = _decode(tmp_path, loader, budget=1000)
    assert isinstance(stack, PicturesOnDemand)
    assert cache_size(tmp_path) == 0
    loader.opened.clear()
    kept = _decode(tmp_path, _Loader())
    found = stack[rows]
    assert found.dtype == np.uint8
    assert stack.shape == kept.shape
    assert len(stack) == len(kept)
    np.testing.assert_array_equal(found, kept[np.arange(150)[rows]])
    assert len(loader.opened) == (1 if found.ndim == 3 else len(found))


@pytest.mark.parametrize("budget", [1000, 10**9])
def test_a_picture_that_cannot_be_read_is_named_and_nothing_is_kept(tmp_path: Path, budget: int) -> None:
    items = [*ITEMS[:70], _Item("broken", 0), *ITEMS[70:]]
    with pytest.raises(UserError, match=r"broken\.png is damaged"):
        _decode(tmp_path, _Loader(), items, budget=budget)[70]
    assert cache_size(tmp_path) == 0


def test_no_pictures_make_an_empty_stack(tmp_path: Path) -> None:
    stack = _decode(tmp_path, _Loader(), [])
    assert len(stack) == 0
    assert stack.shape == (0, 16, 16, 3)
    assert stack[[]].shape == (0, 16, 16, 3)
