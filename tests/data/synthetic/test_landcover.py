from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.data.layouts.landcover import CLASSES, UNKNOWN, load_landcover, open_landcover
from core.data.synthetic.landcover.fields import render_octaves, shade
from core.data.synthetic.landcover.land import SCENES, WATER, lay_out_land
from core.data.synthetic.landcover.make import Tile, draw_tile, write_landcover
from tests.data.layouts.sentences import refuses


def _draw(number: int, *, side: int = 128, seed: int = 0) -> Tile:
    rng = np.random.default_rng((seed, number))
    return draw_tile(rng, scene=SCENES[number % len(SCENES)], cloudy=number % 7 == 1, side=side)


@pytest.fixture(scope="module")
def tiles() -> list[Tile]:
    return [_draw(number) for number in range(24)]


def test_the_same_seed_draws_the_same_pixels() -> None:
    first, again = _draw(1), _draw(1)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)


def test_different_seeds_draw_different_country() -> None:
    one, other = _draw(0, seed=1), _draw(0, seed=2)
    assert (one.labels == other.labels).mean() < 0.8
    assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("side", [64, 97, pytest.param(200, marks=pytest.mark.exhaustive), 512])
def test_every_kind_of_country_can_be_drawn_at_other_sizes(side: int) -> None:
    scenes = SCENES if side < 512 else SCENES[:1]
    for number, scene in enumerate(scenes):
        tile = draw_tile(np.random.default_rng(number), scene=scene, side=side)
        assert tile.image.shape == (side, side, 3)
        assert tile.image.dtype == np.uint8
        assert tile.labels.shape == (side, side)
        assert set(np.unique(tile.labels)) <= set(range(6))


def test_all_covers_take_a_fair_share(tiles: list[Tile]) -> None:
    counts = np.bincount(np.concatenate([tile.labels.ravel() for tile in tiles]), minlength=UNKNOWN + 1)
    shares = counts / counts.sum()
    assert (shares[: len(CLASSES)] > 0.04).all()
    assert (shares[: len(CLASSES)] < 0.4).all()
    assert 0.005 < shares[UNKNOWN] < 0.1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in (1, 2))])
def test_twenty_tiles_hold_all_seven_labels(seed: int) -> None:
    found = np.concatenate([_draw(number, side=64, seed=seed).labels.ravel() for number in range(20)])
    assert set(np.unique(found)) == {*range(len(CLASSES)), UNKNOWN}


def test_most_tiles_hold_several_covers(tiles: list[Tile]) -> None:
    assert np.median([len(np.unique(tile.labels)) for tile in tiles]) >= 4


def test_what_is_unknown_lies_under_white_clouds(tiles: list[Tile]) -> None:
    cloudy = [tile for tile in tiles if (tile.labels == UNKNOWN).any()]
    assert len(cloudy) == 4
    for tile in cloudy:
        hidden = tile.labels == UNKNOWN
        assert tile.image[hidden].mean() > tile.image[~hidden].mean() + 40


def test_the_sea_is_one_piece_of_water_along_an_edge() -> None:
    coast = next(scene for scene in SCENES if scene.sea)
    for seed in range(4):
        water = (lay_out_land(np.random.default_rng(seed), 128, coast).labels == WATER).astype(np.uint8)
        areas = cv2.connectedComponentsWithStats(water)[2][1:, cv2.CC_STAT_AREA]
        assert 0.15 < areas.max() / water.size < 0.6
        assert areas.max() > 0.75 * water.sum()


def test_noise_has_the_deviation_it_promises() -> None:
    for grain in (1.0, 2.0, 9.0, 30.0):
        field = render_octaves(np.random.default_rng(0), 512, grain)
        assert field.shape == (512, 512)
        assert abs(field.mean()) < 0.15
        assert 0.8 < field.std() < 1.45


def test_a_slope_towards_the_sun_is_lit() -> None:
    ramp = np.tile(np.arange(32, dtype=np.float32), (32, 1))
    np.testing.assert_allclose(shade(ramp, (-1.0, 0.0))[1:-1, 1:-1], 1.0)
    np.testing.assert_allclose(shade(ramp.T, (0.0, 1.0))[1:-1, 1:-1], -1.0)


def _patches(tile: Tile, *, texture: bool) -> Iterator[tuple[list[float], int]]:
    """Yield the mean colour of each patch of 16×16 pixels of one cover, and its texture; and the cover."""
    grey = tile.image.mean(axis=2).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 2)
    for top in range(0, len(grey) - 15, 16):
        for left in range(0, len(grey) - 15, 16):
            here = np.s_[top : top + 16, left : left + 16]
            cover = int(tile.labels[here][0, 0])
            if cover != UNKNOWN and (tile.labels[here] == cover).all():
                features = tile.image[here].mean(axis=(0, 1)).tolist()
                if texture:
                    steps = [np.abs(np.diff(grey[here], axis=axis)).mean() for axis in (0, 1)]
                    features += np.log1p([fine[here].std(), grey[here].std(), *steps]).tolist()
                    features += [fine[here].max(), fine[here].min(), *tile.image[here].std(axis=(0, 1))]
                yield features, cover


def _accuracy(tiles: list[Tile], *, texture: bool) -> float:
    """Return how often a linear classifier names the cover of patches of tiles it has not seen: every fifth."""
    seen = [patch for number, tile in enumerate(tiles) if number % 5 != 1 for patch in _patches(tile, texture=texture)]
    new = [patch for tile in tiles[1::5] for patch in _patches(tile, texture=texture)]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000))
    classifier.fit(*map(np.array, zip(*seen, strict=True)))
    return float(classifier.score(*map(np.array, zip(*new, strict=True))))


def test_colour_alone_does_not_tell_the_cover_and_texture_helps() -> None:
    tiles = [_draw(number, side=192, seed=5) for number in range(30)]
    by_colour, by_texture = _accuracy(tiles, texture=False), _accuracy(tiles, texture=True)
    assert by_colour < 0.7
    assert by_texture > by_colour + 0.12


def test_write_landcover_makes_the_layout_of_the_course(tmp_path: Path) -> None:
    write_landcover(tmp_path / "land", n=7, side=64)
    names = {path.relative_to(tmp_path / "land").as_posix() for path in tmp_path.rglob("*.*")}
    parts = {number: "validation" if number in {1, 6} else "train" for number in range(7)}
    assert names == {f"{parts[n]}/{n:04d}_{kind}" for n in range(7) for kind in ("sat.jpg", "mask.png")}


def test_the_loader_reads_what_was_drawn(tmp_path: Path) -> None:
    write_landcover(tmp_path / "land", n=3, seed=4, side=64)
    found = open_landcover(tmp_path / "land")
    assert {split: [item.name for item in items] for split, items in found.splits.items()} == {
        "train": ["train_0000", "train_0002"],
        "val": ["validation_0001"],
    }
    sequence = np.random.SeedSequence(4).spawn(2)[1]
    drawn = draw_tile(np.random.default_rng(sequence), scene=SCENES[1], cloudy=True, side=64)
    pixels, labels = load_landcover(found.items("val")[0])
    np.testing.assert_array_equal(labels, drawn.labels)
    assert np.abs(pixels.astype(int) - drawn.image).mean() < 6


def test_a_tile_does_not_depend_on_how_many_are_written(tmp_path: Path) -> None:
    write_landcover(tmp_path / "few", n=2, seed=5, side=64)
    write_landcover(tmp_path / "more", n=6, seed=5, side=64)
    for path in (tmp_path / "few").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "more" / path.relative_to(tmp_path / "few")).read_bytes()


def test_a_picture_is_a_jpeg_of_the_asked_size(tmp_path: Path) -> None:
    write_landcover(tmp_path / "land", n=2, side=80)
    with Image.open(tmp_path / "land/train/0000_sat.jpg") as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (80, 80))


@pytest.mark.parametrize("side", [63, 4096])
def test_sizes_that_cannot_be_drawn_are_refused(tmp_path: Path, side: int) -> None:
    with refuses(side, 64, 2048):
        write_landcover(tmp_path / "land", n=2, side=side)
    assert list(tmp_path.iterdir()) == []
