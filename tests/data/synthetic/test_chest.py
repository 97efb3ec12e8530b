import re
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.image_io.reader import read_picture
from core.data.layouts.classes import open_classified
from core.data.synthetic.chest.make import QUALITY, Chest, draw_chest, write_chest, write_chest_arrays
from core.data.synthetic.chest.pneumonia import KINDS, Pneumonia, choose_pneumonia, render_opacity
from core.data.synthetic.chest.thorax import Thorax, choose_thorax
from core.data.synthetic.chest.tissue import Tissue, render_tissue
from core.data.transforms.arrays import FloatImage
from tests.data.synthetic.cues import COLOUR_FREE, cue_accuracy, picture_cues

TWINS = range(10)
MANY = 20


def _draw(seed: int, *, pneumonia: bool) -> Chest:
    return draw_chest(np.random.default_rng(seed), pneumonia=pneumonia)


def _anatomy(seed: int) -> tuple[np.random.Generator, Thorax, Tissue]:
    """The body of the chest that is drawn of the same seed."""
    rng = np.random.default_rng(seed)
    thorax = choose_thorax(rng, 256)
    return rng, thorax, render_tissue(rng, thorax)


def _opacity(seed: int, kind: str, sides: tuple[float, ...]) -> tuple[FloatImage, Thorax, Tissue]:
    rng, thorax, tissue = _anatomy(seed)
    return render_opacity(rng, Pneumonia(kind, sides, 1.0), thorax, tissue), thorax, tissue


@pytest.fixture(scope="module")
def twins() -> list[tuple[Chest, Chest]]:
    return [(_draw(seed, pneumonia=False), _draw(seed, pneumonia=True)) for seed in TWINS]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chest") / "set"
    write_chest(folder, n=MANY, seed=3)
    return folder


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chest") / "arrays"
    write_chest_arrays(folder, n=10, seed=3)
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.jpeg"))


def _grey(path: Path) -> NDArray[np.uint8]:
    return read_picture(path).pixels[..., 0]


def test_the_same_seed_draws_the_same_pixels(twins: list[tuple[Chest, Chest]]) -> None:
    for pneumonia in (False, True):
        np.testing.assert_array_equal(twins[4][pneumonia].image, _draw(4, pneumonia=pneumonia).image)


def test_different_seeds_draw_different_chests(twins: list[tuple[Chest, Chest]]) -> None:
    for one, other in pairwise(healthy for healthy, _ in twins):
        assert np.abs(one.image.astype(int) - other.image).mean() > 12


@pytest.mark.parametrize("side", [128, 256])
def test_a_picture_is_grey_and_square(side: int) -> None:
    chest = draw_chest(np.random.default_rng(0), pneumonia=True, side=side)
    assert chest.image.shape == chest.opacity.shape == (side, side)
    assert chest.image.dtype == np.uint8


def test_only_a_diseased_chest_has_an_opacity(twins: list[tuple[Chest, Chest]]) -> None:
    for healthy, ill in twins:
        assert (healthy.kind, bool(healthy.opacity.any())) == ("", False)
        assert ill.kind in KINDS
        assert (ill.opacity > 0.1).mean() > 0.005


def test_a_disease_makes_its_place_brighter_than_the_rest_of_the_chest(twins: list[tuple[Chest, Chest]]) -> None:
    gains = []
    for healthy, ill in twins:
        change = cv2.GaussianBlur(ill.image.astype(np.float32) - healthy.image, (0, 0), 2)
        dense = ill.opacity > 0.5 * ill.opacity.max()
        gains.append(change[dense].mean() - change[ill.opacity < 0.02].mean())
    assert min(gains) > 4
    assert np.mean(gains) > 25


def test_a_radiograph_shows_dark_lungs_between_bright_tissue(twins: list[tuple[Chest, Chest]]) -> None:
    for seed, (healthy, _) in zip(TWINS, twins, strict=True):
        tissue = _anatomy(seed)[2]
        lungs = healthy.image[tissue.air > 0.6].mean()
        for bright in (tissue.middle > 0.7, tissue.belly > 0.9):
            assert healthy.image[bright].mean() > lungs + 30
        assert 0.08 < (tissue.lungs > 0.5).mean() < 0.5


def test_the_heart_lies_mostly_on_the_right_of_the_picture() -> None:
    for seed in TWINS:
        _, thorax, tissue = _anatomy(seed)
        x, y = thorax.grid
        heart = (tissue.middle > 0.5) & (np.abs(y - min(thorax.domes) + 0.25) < 0.2)
        from_spine = x[heart] - 0.6 * thorax.twist
        assert from_spine.max() > -from_spine.min() + 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_disease_lies_in_the_lung_it_was_given(kind: str) -> None:
    for seed in range(4):
        for side in (-1.0, 1.0):
            opacity, thorax, tissue = _opacity(seed, kind, (side,))
            assert opacity.max() > 0.2
            assert not opacity[tissue.lungs == 0].any()
            assert not opacity[side * thorax.grid[0] < 0].any()


def test_the_kinds_differ_in_extent_and_texture() -> None:
    """A lobe ends sharply at its fissure; a net is finer than patches."""
    edges = {}
    for kind in KINDS:
        fields = [_opacity(seed, kind, (-1.0, 1.0))[0] for seed in range(6)]
        edges[kind] = np.mean([np.abs(cv2.Laplacian(field, cv2.CV_32F)).sum() / field.sum() for field in fields])
    assert edges["interstitial"] > 1.3 * edges["patchy"]


def test_diseases_vary_in_kind_side_and_strength() -> None:
    rng = np.random.default_rng(0)
    drawn = [choose_pneumonia(rng) for _ in range(200)]
    assert {each.kind for each in drawn} == set(KINDS)
    assert all(len(each.sides) == 2 for each in drawn if each.kind == "interstitial")
    assert {each.sides for each in drawn if each.kind == "lobar"} >= {(-1.0,), (1.0,)}
    assert np.ptp([each.strength for each in drawn]) > 0.5


def test_twins_share_their_brightness(twins: list[tuple[Chest, Chest]]) -> None:
    for healthy, ill in twins:
        for share in (0.05, 0.25, 0.5, 0.75, 0.95):
            assert abs(np.quantile(healthy.image, share) - np.quantile(ill.image, share)) <= 3
        assert abs(healthy.image.mean() - ill.image.mean()) < 1.5


@pytest.mark.parametrize("side", [128, pytest.param(256, marks=[pytest.mark.exhaustive, pytest.mark.slow])])
def test_the_classes_hide_in_all_global_numbers(side: int) -> None:
    """A classifier that counts and averages but does not look stays near chance, 0.5; measured: 0.56 on 1,200.

    The size of the JPEG is one of its numbers. Of 120 pictures chance alone gives 0.5 ± 0.046.
    """
    labels = np.arange(120) % 2
    cues = []
    for label, sequence in zip(labels, np.random.SeedSequence(3).spawn(120), strict=True):
        image = draw_chest(np.random.default_rng(sequence), pneumonia=bool(label), side=side).image
        encoded = cv2.imencode(".jpeg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        cues.append([*picture_cues(image)[list(COLOUR_FREE)], len(encoded)])
    assert cue_accuracy(np.array(cues), labels) <= 0.6


def test_write_chest_makes_the_layout_of_the_real_set(written: Path) -> None:
    names = {"NORMAL": r"IM-\d{4}-0001\.jpeg", "PNEUMONIA": r"person\d+_(bacteria|virus)_\d+\.jpeg"}
    assert len(_files(written)) == MANY
    for split, count in (("train", 0.4 * MANY), ("test", 0.1 * MANY)):
        for word, pattern in names.items():
            files = list((written / split / word).iterdir())
            assert len(files) == count
            assert all(re.fullmatch(pattern, path.name) for path in files)
    assert {path.name for path in written.iterdir()} == {"train", "test"}


def test_no_patient_is_in_two_files(written: Path) -> None:
    patients = [re.match(r"IM-\d+|person\d+", path.name) for path in _files(written)]
    assert len({patient[0] for patient in patients if patient}) == MANY


def test_the_loader_of_the_real_set_opens_both_layouts(written: Path, arrays: Path) -> None:
    found = open_classified(written)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 0.8 * MANY, "test": 0.2 * MANY}
    assert {item.label for item in found.items("test")} == {0, 1}
    found = open_classified(arrays)
    assert sum(len(items) for items in found.splits.values()) == 10
    assert {item.label for item in found.items("train")} == {0, 1}


def test_a_file_holds_the_picture_of_its_number(written: Path) -> None:
    chest = draw_chest(np.random.default_rng(np.random.SeedSequence(3).spawn(4)[3]), pneumonia=True)
    path = next((written / "train/PNEUMONIA").glob("person4_*"))
    assert ("virus" in path.name) == (chest.kind == "interstitial")
    assert np.abs(_grey(path).astype(int) - chest.image).mean() < 3


def test_a_smaller_set_is_the_beginning_of_a_larger_one(written: Path, tmp_path: Path) -> None:
    write_chest(tmp_path / "few", n=10, seed=3)
    for path in _files(tmp_path / "few"):
        assert path.read_bytes() == (written / path.relative_to(tmp_path / "few")).read_bytes()
    assert len(_files(tmp_path / "few")) == 10


def test_the_arrays_hold_the_same_pictures(written: Path, arrays: Path) -> None:
    assert {path.name for path in arrays.iterdir()} == {"normal.npy", "pneumonia.npy"}
    normal, pneumonia = (np.load(arrays / f"{name}.npy") for name in ("normal", "pneumonia"))
    for array in (normal, pneumonia):
        assert array.shape == (5, 256, 256)
        assert array.dtype == np.uint8
    first = _grey(written / "train/NORMAL/IM-0001-0001.jpeg").astype(int)
    assert np.abs(first - normal[0]).mean() < 3
    third = _grey(next((written / "train/PNEUMONIA").glob("person6_*"))).astype(int)
    assert np.abs(third - pneumonia[2]).mean() < 3
