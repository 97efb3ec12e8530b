import csv
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.image_io.reader import read_picture
from core.data.layouts.classes import open_classified
from core.data.synthetic.objects.make import CLASSES, draw_object, write_objects
from tests.data.layouts.sentences import refuses
from tests.data.synthetic.cues import COLOUR_FREE, cue_accuracy, picture_cues


def _draw(seed: int, label: int) -> NDArray[np.uint8]:
    return draw_object(np.random.default_rng(seed), label)


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects") / "set"
    write_objects(folder, n=62, seed=5, classes=3)
    return folder


def test_the_same_seed_draws_the_same_pixels() -> None:
    for label in range(len(CLASSES)):
        np.testing.assert_array_equal(_draw(7, label), _draw(7, label))


def test_different_seeds_draw_different_pictures() -> None:
    for one, other in pairwise(range(12)):
        assert np.abs(_draw(one, 0).astype(int) - _draw(other, 0)).mean() > 5


def test_a_picture_is_rgb_and_32_pixels_wide() -> None:
    assert _draw(0, 0).shape == (32, 32, 3)
    assert _draw(0, 0).dtype == np.uint8


def test_there_are_fifty_classes_of_ten_shapes_and_five_coats() -> None:
    assert len(set(CLASSES)) == 50
    coats, shapes = zip(*(name.split() for name in CLASSES), strict=True)
    assert len(set(coats)) == 5
    assert len(set(shapes)) == 10


def test_the_first_classes_differ_in_shape_and_in_coat() -> None:
    coats, shapes = zip(*(name.split() for name in CLASSES[:5]), strict=True)
    assert len(set(coats)) == len(set(shapes)) == 5


def test_the_same_chance_with_another_label_puts_another_thing_at_the_same_place() -> None:
    """Ground and exposure may shift with what is painted, but the picture is changed where the thing is."""
    changed = np.mean([np.abs(_draw(seed, 0).astype(float) - _draw(seed, 23)).mean(axis=2) for seed in range(40)], 0)
    assert changed[10:22, 10:22].mean() > 1.3 * np.concatenate((changed[:3].ravel(), changed[-3:].ravel())).mean()


@pytest.mark.parametrize("count", [400, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_brightness_size_and_place_tell_nothing_and_colour_tells_little(count: int) -> None:
    """Chance is 0.1 with ten classes. With all fifty, chance 0.02, 3,000 pictures gave 0.030, and 0.050 with colour.

    Of 400 pictures chance alone gives 0.1 ± 0.015.
    """
    labels = np.arange(count) % 10
    cues = np.stack([picture_cues(_draw(seed, label)) for seed, label in enumerate(labels.tolist())])
    assert cue_accuracy(cues[:, COLOUR_FREE], labels) < 0.16
    assert cue_accuracy(cues, labels) < 0.25


def test_hues_of_a_class_spread_and_overlap_those_of_others() -> None:
    def mean_hue(label: int, seed: int) -> complex:
        middle = cv2.cvtColor(_draw(seed, label)[11:21, 11:21], cv2.COLOR_RGB2HSV).astype(float)
        weights = middle[..., 1] * middle[..., 2]
        return complex((weights * np.exp(2j * np.pi * middle[..., 0] / 180)).sum() / weights.sum())

    directions = [abs(np.mean([np.sign(mean_hue(label, seed)) for seed in range(60)])) for label in (0, 11, 22)]
    assert min(directions) > 0.25
    assert max(directions) < 0.95


def test_write_objects_makes_the_layout_of_the_course(written: Path) -> None:
    """62 pictures of 3 classes: 21, 21 and 20."""
    expected = {"val_gt.csv", "class_names.txt"}
    for label in range(3):
        for number in range(21 if label < 2 else 20):
            expected.add(f"{'val_50' if number % 10 == 0 else 'train_50'}/{label}_{number}.png")
    assert _names(written) == expected


def test_classes_are_called_by_their_names_in_the_order_of_their_numbers(written: Path) -> None:
    found = open_classified(written)
    assert found.classes == CLASSES[:3]
    assert all(item.name.rpartition("/")[2].startswith(f"{item.label}_") for item in found.items("train"))
    (written / "class_names.txt").write_text("one\n")
    try:
        assert open_classified(written).classes == ("0", "1", "2"), "names that do not suffice are none"
    finally:
        (written / "class_names.txt").write_text("\n".join(CLASSES[:3]) + "\n")


def test_the_table_repeats_the_labels_of_the_validation_part(written: Path) -> None:
    with (written / "val_gt.csv").open(newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["image_id", "label"]
    assert {name for name, _ in rows} == {path.name for path in (written / "val_50").iterdir()}
    assert all(name.split("_")[0] == label for name, label in rows)


def test_a_file_holds_the_picture_of_its_class(written: Path) -> None:
    expected = draw_object(np.random.default_rng(np.random.SeedSequence(5).spawn(8)[7]), 1)
    np.testing.assert_array_equal(read_picture(written / "train_50" / "1_2.png").pixels, expected)


def test_a_smaller_set_is_part_of_a_larger_one(written: Path, tmp_path: Path) -> None:
    write_objects(tmp_path / "few", n=12, seed=5, classes=3)
    for name in _names(tmp_path / "few"):
        assert (written / name).read_bytes().startswith((tmp_path / "few" / name).read_bytes())


def test_every_class_is_in_both_parts_of_the_smallest_set(tmp_path: Path) -> None:
    write_objects(tmp_path / "set", n=100)
    for part in ("train_50", "val_50"):
        assert {path.name.split("_")[0] for path in (tmp_path / "set" / part).iterdir()} == {str(k) for k in range(50)}


@pytest.mark.parametrize("classes", [1, 51])
def test_impossible_numbers_of_classes_are_refused(tmp_path: Path, classes: int) -> None:
    with refuses(classes, 2, 50):
        write_objects(tmp_path / "set", n=500, classes=classes)
    assert list(tmp_path.iterdir()) == []
