import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.data.layouts.pets import PetItem, PetSet, open_pets
from core.data.torch_datasets.pets import FOREGROUNDS, load_pet
from core.paths import PROJECT
from tests.data.layouts.sentences import assert_names, refuses

SIZE = (60, 50)
REAL = PROJECT.parent / "shared/data/pets_cats"


def _picture(path: Path, *, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(f"{path.parent.parent.name} {path.name}".encode())
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)
    return path


def _trimap(path: Path, *, size: tuple[int, int] = SIZE, lowest: int = 1) -> Path:
    """A pet in rows 20 to 39, columns 10 to 29, in a border of 3 pixels."""
    labels = np.full(size, 2, np.uint8)
    labels[17:43, 7:33] = 3
    labels[20:40, 10:30] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels - np.uint8(1 - lowest)).save(path)
    return path


def _mask(path: Path, *, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask[20:40, 10:30] = 255
    Image.fromarray(mask).save(path)
    return path


def _make_oxford(root: Path) -> Path:
    lists = {"trainval": ("Abyssinian_1", "Abyssinian_2", "beagle_1"), "test": ("Abyssinian_3", "beagle_2")}
    for name in sum(lists.values(), ()):
        _picture(root / f"images/{name}.jpg")
        _trimap(root / f"annotations/trimaps/{name}.png")
    for file, names in lists.items():
        lines = [f"{name} {1 if name[0] == 'A' else 2} {1 if name[0] == 'A' else 2} 1" for name in names]
        (root / f"annotations/{file}.txt").write_text("\n".join(lines) + "\n")
    return root


def _make_pairs(root: Path, count: int, *, ending: str = "png") -> Path:
    for number in range(count):
        _picture(root / f"images/cat{number}.jpg")
        _mask(root / f"masks/cat{number}.{ending}")
    return root


def _names(found: PetSet, split: str) -> list[str]:
    return [item.name for item in found.items(split)]


def _only_item(image: Path, mask: Path, *, is_trimap: bool) -> PetItem:
    return PetItem(image.stem, image.stem, image, mask, is_trimap)


def test_oxford_keeps_its_official_lists(tmp_path: Path) -> None:
    found = open_pets(_make_oxford(tmp_path))
    assert (found.title, found.layout, found.notes) == ("Oxford-IIIT Pet", "oxford", ())
    assert _names(found, "train") == ["Abyssinian_1", "Abyssinian_2", "beagle_1"]
    assert _names(found, "test") == ["Abyssinian_3", "beagle_2"]
    item = found.items("test")[1]
    places = ["images/beagle_2.jpg", "annotations/trimaps/beagle_2.png"]
    assert list(item.files()) == [tmp_path / place for place in places]
    assert item.is_trimap
    assert len(found.fingerprint()) == 16


def test_oxford_may_lie_where_torchvision_puts_it(tmp_path: Path) -> None:
    _make_oxford(tmp_path / "oxford-iiit-pet")
    assert len(open_pets(tmp_path).items("train")) == 3


def test_oxford_leaves_out_what_is_not_there_and_says_so(tmp_path: Path) -> None:
    _make_oxford(tmp_path)
    (tmp_path / "images/beagle_1.jpg").unlink()
    (tmp_path / "annotations/trimaps/beagle_2.png").unlink()
    _trimap(tmp_path / "annotations/trimaps/._Abyssinian_3.png")
    found = open_pets(tmp_path)
    assert _names(found, "train") == ["Abyssinian_1", "Abyssinian_2"]
    assert _names(found, "test") == ["Abyssinian_3"]
    assert_names(found.notes[0], 2)


def test_oxford_without_its_lists_is_refused(tmp_path: Path) -> None:
    _make_oxford(tmp_path)
    (tmp_path / "annotations/test.txt").unlink()
    with refuses(tmp_path / "annotations/test.txt", "annotations.tar.gz"):
        open_pets(tmp_path)


def test_the_split_folders_of_the_cats_are_kept(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("valid", 2), ("test", 3)):
        _make_pairs(tmp_path / split, count)
    found = open_pets(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 4, "val": 2, "test": 3}
    assert (found.layout, found.notes) == ("pairs", ())
    assert found.items("val")[0].mask == tmp_path / "valid/masks/cat0.png"
    assert not found.items("val")[0].is_trimap


def test_pairs_without_splits_set_a_fifth_aside(tmp_path: Path) -> None:
    found = open_pets(_make_pairs(tmp_path, 10))
    assert (len(found.items("train")), len(found.items("test"))) == (8, 2)
    assert not set(_names(found, "train")) & set(_names(found, "test"))
    assert [note in found.describe() for note in found.notes] == [True]


def test_pairs_of_trimaps_are_told_by_their_values(tmp_path: Path) -> None:
    for number in range(2):
        _picture(tmp_path / f"images/{number}.jpg")
        _trimap(tmp_path / f"masks/{number}.png")
    found = open_pets(tmp_path)
    assert all(item.is_trimap for items in found.splits.values() for item in items)
    assert_names(found.notes[-1], 1, 2, 3)


@pytest.mark.parametrize(("foreground", "pixels"), [("pet", 400), ("pet+border", 676), ("border", 276)])
def test_the_foreground_of_a_trimap_is_chosen(tmp_path: Path, foreground: str, pixels: int) -> None:
    item = open_pets(_make_oxford(tmp_path)).items("train")[0]
    picture = load_pet(item, foreground=foreground)
    assert picture.pixels.shape == (*SIZE, 3)
    assert picture.mask.sum() == pixels
    assert picture.mask.shape == picture.inside.shape == SIZE
    assert picture.inside.all()
    assert picture.second is None


def test_the_border_of_a_plain_mask_runs_along_its_outline_inside_it(tmp_path: Path) -> None:
    item = open_pets(_make_pairs(tmp_path, 2)).items("train")[0]
    pet, both, border = (load_pet(item, foreground=each).mask for each in FOREGROUNDS)
    assert both.sum() == 400
    assert pet.sum() == 18 * 18  # 2 % of 50 pixels is 1 pixel
    np.testing.assert_array_equal(pet | border, both)
    assert not (pet & border).any()


def test_the_border_of_a_plain_mask_is_two_percent_of_the_shorter_side(tmp_path: Path) -> None:
    item = _only_item(
        _picture(tmp_path / "a.png", size=(200, 300)), _mask(tmp_path / "b.png", size=(200, 300)), is_trimap=False
    )
    pet = load_pet(item, foreground="pet").mask
    assert pet.sum() == 12 * 12


def test_the_picture_s_edge_is_no_outline(tmp_path: Path) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :25] = 255
    Image.fromarray(mask).save(tmp_path / "half.png")
    Image.fromarray(np.full(SIZE, 255, np.uint8)).save(tmp_path / "whole.png")
    image = _picture(tmp_path / "a.png")
    half = load_pet(_only_item(image, tmp_path / "half.png", is_trimap=False), foreground="border").mask
    assert half[:, 24].all()
    assert half.sum() == SIZE[0]
    whole = _only_item(image, tmp_path / "whole.png", is_trimap=False)
    assert not load_pet(whole, foreground="border").mask.any()
    assert load_pet(whole, foreground="pet").mask.all()


def test_a_mask_stored_as_jpeg_is_cut_at_half_its_brightness(tmp_path: Path) -> None:
    soft = cv2.GaussianBlur(np.pad(np.full((20, 20), 180, np.uint8), ((20, 20), (10, 20))), (5, 5), 0)
    Image.fromarray(soft).save(tmp_path / "mask.jpg", quality=40)
    item = _only_item(_picture(tmp_path / "a.jpg"), tmp_path / "mask.jpg", is_trimap=False)
    mask = load_pet(item, foreground="pet+border").mask
    truth = np.zeros(SIZE, bool)
    truth[20:40, 10:30] = True
    assert (mask ^ truth).sum() < 12


def _load_all(folder: Path, *, foreground: str = "pet") -> None:
    for item in open_pets(folder).items("train"):
        load_pet(item, foreground=foreground)


def test_a_folder_of_something_else_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with refuses(tmp_path, "annotations/trimaps", "annotations/test.txt", "masks/"):
        open_pets(tmp_path)
    _picture(tmp_path / "images/a.jpg")
    _mask(tmp_path / "masks/b.png")
    with refuses(tmp_path, "annotations/trimaps", "annotations/test.txt", "masks/"):
        open_pets(tmp_path)


def test_a_missing_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with refuses(tmp_path / "nowhere", "Oxford-IIIT Pet"):
        open_pets(tmp_path / "nowhere")


def test_a_set_without_training_masks_is_refused(tmp_path: Path) -> None:
    _make_pairs(tmp_path / "test", 3)
    with refuses(tmp_path) as caught:
        open_pets(tmp_path)
    assert "annotations" not in str(caught.value), "its layout is known"


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    _make_pairs(tmp_path, 2)
    for number in range(2):
        _mask(tmp_path / f"masks/cat{number}.png", size=(44, 33))
    with refuses("33×44", "50×60", "cat"):
        _load_all(tmp_path)


def test_a_trimap_with_other_values_is_refused(tmp_path: Path) -> None:
    _make_oxford(tmp_path)
    _trimap(tmp_path / "annotations/trimaps/Abyssinian_1.png", lowest=0)
    with refuses("Abyssinian_1.png", 0, 2, 3):
        _load_all(tmp_path)


def test_another_foreground_is_refused(tmp_path: Path) -> None:
    _make_oxford(tmp_path)
    with refuses("'dog'", *FOREGROUNDS):
        _load_all(tmp_path, foreground="dog")


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason="there are no real cats here")
def test_the_real_cats_open() -> None:
    found = open_pets(REAL)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 688, "val": 192, "test": 101}
    shares = [load_pet(item, foreground="pet+border").mask.mean() for item in found.items("val")[:8]]
    assert all(0.001 < share < 0.95 for share in shares)
