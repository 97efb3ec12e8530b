from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torchvision.datasets import OxfordIIITPet

from core.data.image_io.reader import read_picture
from core.data.layouts.pets import BACKGROUND, BORDER, PET, open_pets
from core.data.synthetic.pets.coats import BREEDS
from core.data.synthetic.pets.make import Pet, draw_pet, write_pets
from core.data.torch_datasets.pets import load_pet


def _draw(seed: int) -> Pet:
    return draw_pet(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def pets() -> list[Pet]:
    return [_draw(seed) for seed in range(24)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pets") / "oxford-iiit-pet"
    write_pets(folder, n=9, seed=4)
    return folder


def _listed(folder: Path, name: str) -> list[str]:
    return (folder / "annotations" / f"{name}.txt").read_text().splitlines()


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_the_same_seed_draws_the_same_picture(pets: list[Pet]) -> None:
    again = _draw(5)
    np.testing.assert_array_equal(again.image, pets[5].image)
    np.testing.assert_array_equal(again.trimap, pets[5].trimap)
    assert again.breed == pets[5].breed


def test_different_seeds_draw_different_pictures(pets: list[Pet]) -> None:
    for one, other in pairwise(pets):
        size = (64, 64)
        difference = cv2.resize(one.image, size).astype(float) - cv2.resize(other.image, size)
        assert np.abs(difference).mean() > 10


def test_pictures_vary_in_size_and_breed(pets: list[Pet]) -> None:
    sizes = [pet.image.shape for pet in pets]
    assert all(size[2] == 3 and 190 <= min(size[:2]) <= max(size[:2]) <= 400 for size in sizes)
    assert len(set(sizes)) > 18
    assert len({pet.breed.name for pet in pets}) > 8
    assert all(pet.image.dtype == pet.trimap.dtype == np.uint8 for pet in pets)


def test_a_trimap_has_a_border_of_a_few_pixels_between_pet_and_background(pets: list[Pet]) -> None:
    for pet in pets:
        assert pet.trimap.shape == pet.image.shape[:2]
        assert set(np.unique(pet.trimap).tolist()) == {PET, BACKGROUND, BORDER}
        around = cv2.dilate((pet.trimap == PET).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert not (around & (pet.trimap == BACKGROUND)).any()
        border = np.pad((pet.trimap == BORDER).astype(np.uint8), 1)
        assert 1.5 < cv2.distanceTransform(border, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max() < 9


def test_a_pet_fills_a_realistic_share_of_its_picture(pets: list[Pet]) -> None:
    shares = [(pet.trimap != BACKGROUND).mean() for pet in pets]
    assert min(shares) > 0.03
    assert max(shares) < 0.85
    assert 0.15 < np.mean(shares) < 0.45


def test_a_pet_differs_from_what_is_right_beside_it(pets: list[Pet]) -> None:
    """There is an edge to be found: along the outline the picture changes more than elsewhere."""
    steeper = 0
    for pet in pets:
        grey = cv2.GaussianBlur(pet.image, (0, 0), 1.5).astype(np.float32)
        slope = sum(np.abs(cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx)).sum(axis=2) for dx in (0, 1))
        steeper += bool(np.mean(slope[pet.trimap == BORDER]) > 1.2 * np.mean(slope[pet.trimap == BACKGROUND]))
    assert steeper > 0.85 * len(pets)


def test_colour_alone_does_not_find_the_pets(pets: list[Pet]) -> None:
    """Colours are learned from 18 pictures, as the share of pet among pixels of 16 × 16 × 16 colours."""
    counts = np.ones((2, 4096))
    inside = [pet.trimap != BACKGROUND for pet in pets]
    colours = [(pet.image // 16).astype(int) @ (256, 16, 1) for pet in pets]
    for number in range(18):
        for label in (0, 1):
            counts[label] += np.bincount(colours[number][inside[number] == label], minlength=4096)
    share = counts[1] / counts.sum(axis=0)
    truth = np.concatenate([each.ravel() for each in inside[18:]])
    likely = np.concatenate([share[each].ravel() for each in colours[18:]])
    assert max(_dice(likely > level, truth) for level in np.linspace(0.1, 0.7, 13)) < 0.65


def test_breeds_are_numbered_by_name_and_cats_begin_with_a_capital() -> None:
    names = [breed.name for breed in BREEDS]
    assert names == sorted(names, key=str.lower)
    assert len(set(names)) == len(names)
    assert all(breed.build.cat == breed.name[0].isupper() for breed in BREEDS)


def test_write_pets_makes_the_layout_of_oxford(written: Path) -> None:
    trainval, test, whole = (_listed(written, name) for name in ("trainval", "test", "list"))
    assert (len(trainval), len(test)) == (5, 4)
    assert sorted(trainval + test) == [line for line in whole if not line.startswith("#")]
    names = {line.split()[0] for line in trainval + test}
    assert {int(name.rsplit("_", 1)[1]) for name in names} == set(range(1, 10))
    assert {path.name for path in (written / "images").iterdir()} == {f"{name}.jpg" for name in names}
    assert {path.name for path in (written / "annotations/trimaps").iterdir()} == {f"{name}.png" for name in names}


def test_a_line_says_class_species_and_breed(written: Path) -> None:
    for line in _listed(written, "trainval") + _listed(written, "test"):
        name, class_id, species, breed_id = line.split()
        breed = BREEDS[int(class_id) - 1]
        assert name.startswith(f"{breed.name}_")
        assert species == ("1" if breed.build.cat else "2")
        assert [each for each in BREEDS if each.build.cat == breed.build.cat][int(breed_id) - 1] == breed


def test_torchvision_opens_it(written: Path) -> None:
    for split, count in (("trainval", 5), ("test", 4)):
        found = OxfordIIITPet(written.parent, split=split, target_types=["category", "segmentation"])
        assert len(found) == count
        image, (_, trimap) = found[0]
        assert image.size == trimap.size
        assert set(np.unique(np.asarray(trimap)).tolist()) == {1, 2, 3}


def test_the_loader_opens_it(written: Path) -> None:
    found = open_pets(written)
    assert found.layout == "oxford"
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 5, "test": 4}
    parts = {each: load_pet(found.items("test")[0], foreground=each).mask for each in ("pet", "pet+border", "border")}
    np.testing.assert_array_equal(parts["pet"] | parts["border"], parts["pet+border"])
    assert parts["border"].any()


def test_a_file_holds_the_picture_of_its_number(written: Path) -> None:
    pet = draw_pet(np.random.default_rng(np.random.SeedSequence(4).spawn(3)[2]))
    name = f"{pet.breed.name}_3"
    with Image.open(written / f"annotations/trimaps/{name}.png") as trimap:
        np.testing.assert_array_equal(np.asarray(trimap), pet.trimap)
    saved = read_picture(written / f"images/{name}.jpg").pixels
    assert np.abs(saved.astype(int) - pet.image).mean() < 5


def test_a_smaller_set_is_the_beginning_of_a_larger_one(written: Path, tmp_path: Path) -> None:
    write_pets(tmp_path / "few", n=4, seed=4)
    for path in (tmp_path / "few").rglob("*.*g"):
        assert path.read_bytes() == (written / path.relative_to(tmp_path / "few")).read_bytes()
    for name in ("trainval", "test"):
        assert _listed(tmp_path / "few", name) == _listed(written, name)[:2]
