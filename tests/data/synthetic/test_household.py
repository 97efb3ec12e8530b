from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from core.data.image_io.reader import read_picture
from core.data.synthetic.household.make import Scene, draw_scene, make_of, write_scenes
from core.data.synthetic.household.shapes import CLASSES, LYING, sketch_object
from tests.data.layouts.sentences import refuses

OF_EACH = 16
CHANCE = 1 / len(CLASSES)


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[Scene]]:
    return {
        name: [draw_scene(name, np.random.default_rng((number, index))) for index in range(OF_EACH)]
        for number, name in enumerate(CLASSES)
    }


@pytest.fixture(scope="module")
def labels() -> NDArray[np.int64]:
    return np.repeat(np.arange(len(CLASSES)), OF_EACH)


def _every(scenes: dict[str, list[Scene]]) -> list[Scene]:
    return [scene for group in scenes.values() for scene in group]


def test_there_are_20_classes_with_names_of_office_home() -> None:
    assert len(CLASSES) == 20
    assert list(CLASSES) == sorted(CLASSES)
    assert set(CLASSES) > LYING


def test_the_same_seed_draws_the_same_pixels() -> None:
    first, again = (draw_scene("Mug", np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.shape, again.shape)


@pytest.mark.parametrize("name", CLASSES)
def test_every_sketch_of_a_class_has_another_shape(name: str) -> None:
    first, other = (sketch_object(name, np.random.default_rng(seed)).parts for seed in (0, 1))
    outlines = [np.concatenate([outline for outline, _ in parts]) for parts in (first, other)]
    assert outlines[0].shape != outlines[1].shape or not np.allclose(*outlines)
    assert all(np.abs(each).max() < 1.5 for each in outlines)
    assert {material for _, material in first} <= {1, 2, 3}


def test_pictures_are_96_to_128_pixels(scenes: dict[str, list[Scene]]) -> None:
    sides = {side for scene in _every(scenes) for side in scene.image.shape[:2]}
    assert (min(sides), max(sides)) == (96, 128)
    for scene in _every(scenes):
        assert scene.image.dtype == np.uint8
        assert scene.image.shape == (*scene.shape.shape, 3)


def test_the_thing_is_wholly_in_the_picture_and_large_enough_to_be_seen(scenes: dict[str, list[Scene]]) -> None:
    for scene in _every(scenes):
        rows, columns = np.nonzero(scene.shape)
        assert max(np.ptp(rows), np.ptp(columns)) > 45
        assert 0.01 < scene.shape.mean() < 0.75


def test_the_thing_stands_out_from_what_surrounds_it(scenes: dict[str, list[Scene]]) -> None:
    contrasts = []
    for scene in _every(scenes):
        near = cv2.dilate(scene.shape.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~scene.shape
        image = scene.image.astype(float)
        contrasts.append(np.abs(image[scene.shape].mean(axis=0) - image[near].mean(axis=0)).max())
    assert np.median(contrasts) > 30
    assert np.mean(np.array(contrasts) < 6) < 0.05


def test_pictures_of_a_class_differ(scenes: dict[str, list[Scene]]) -> None:
    for group in scenes.values():
        small = [cv2.resize(scene.image, (16, 16)).astype(float) for scene in group]
        gaps = [np.abs(one - other).mean() for one, other in pairwise(small)]
        assert min(gaps) > 10


def _accuracy(features: list[list[float]], labels: NDArray[np.int64]) -> float:
    return float(cross_val_score(LinearDiscriminantAnalysis(), np.array(features), labels, cv=4).mean())


def test_neither_brightness_nor_size_nor_place_tells_the_class_and_colour_only_helps(
    scenes: dict[str, list[Scene]], labels: NDArray[np.int64]
) -> None:
    colours, lights, places = [], [], []
    for scene in _every(scenes):
        image = scene.image.astype(float)
        colours.append([*image.mean(axis=(0, 1))])
        lights.append([image.mean(), image.std()])
        rows, columns = np.nonzero(scene.shape)
        extent = max(np.ptp(rows), np.ptp(columns))
        places.append([rows.mean() / image.shape[0], columns.mean() / image.shape[1], extent])
    assert _accuracy(lights, labels) < 2.6 * CHANCE
    assert _accuracy(places, labels) < 2.6 * CHANCE
    assert _accuracy([[*one, *other] for one, other in zip(lights, places, strict=True)], labels) < 4 * CHANCE
    assert 1.5 * CHANCE < _accuracy(colours, labels) < 4 * CHANCE


def test_no_class_has_the_make_of_another() -> None:
    makes = [make_of(name) for name in CLASSES]
    assert len(set(makes)) == len(CLASSES)
    shared = Counter((each.pattern, each.steps) for each in makes)
    assert set(shared.values()) == {1, 2}
    for name in CLASSES:  # a third of the circle is shared with most others
        near = [other for other in makes if abs((other.hue - make_of(name).hue + 180) % 360 - 180) < 120]
        assert len(near) > len(CLASSES) / 2


def test_shape_tells_the_class(scenes: dict[str, list[Scene]], labels: NDArray[np.int64]) -> None:
    shapes = []
    for scene in _every(scenes):
        rows, columns = np.nonzero(scene.shape)
        cut = scene.shape[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        shapes.append(cv2.resize(cut.astype(np.float32), (20, 20), interpolation=cv2.INTER_AREA).ravel())
    nearest = KNeighborsClassifier(1)
    assert cross_val_score(nearest, np.array(shapes), labels, cv=4).mean() > 0.75


def test_write_scenes_makes_a_folder_for_each_class_in_each_part(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", n=21, classes=3)
    paths = [path.relative_to(tmp_path / "scenes").parts for path in (tmp_path / "scenes").rglob("*.jpg")]
    counts = Counter((part, name) for part, name, _ in paths)
    assert counts == {
        (part, name): count for part, count in (("train", 5), ("test", 2)) for name in ("Alarm_Clock", "Bike", "Bottle")
    }
    assert ("test", "Alarm_Clock", "00003.jpg") in paths
    assert len({name for *_, name in paths}) == 21


def test_the_fewest_pictures_give_every_class_one_to_test(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", n=40)
    for part in ("train", "test"):
        assert sorted(path.parent.name for path in (tmp_path / "scenes" / part).rglob("*.jpg")) == list(CLASSES)


def test_the_files_hold_the_pictures_and_do_not_depend_on_n(tmp_path: Path) -> None:
    write_scenes(tmp_path / "few", n=4, seed=5, classes=2)
    write_scenes(tmp_path / "more", n=9, seed=5, classes=2)
    write_scenes(tmp_path / "others", n=4, seed=6, classes=2)
    scene = draw_scene("Bike", np.random.default_rng(np.random.SeedSequence(5).spawn(2)[1]))
    pixels = read_picture(tmp_path / "few/train/Bike/00001.jpg").pixels
    assert pixels.shape == scene.image.shape
    assert np.abs(pixels.astype(int) - scene.image).mean() < 12
    for path in (tmp_path / "few").rglob("*.jpg"):
        place = path.relative_to(tmp_path / "few")
        assert path.read_bytes() == (tmp_path / "more" / place).read_bytes()
        assert path.read_bytes() != (tmp_path / "others" / place).read_bytes()


@pytest.mark.parametrize("classes", [1, 21])
def test_numbers_of_classes_that_do_not_fit_are_refused(tmp_path: Path, classes: int) -> None:
    with refuses(classes, 2, 20):
        write_scenes(tmp_path / "scenes", n=99, classes=classes)
    assert list(tmp_path.iterdir()) == []
