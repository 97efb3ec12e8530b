import csv
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.image_io.reader import read_picture
from core.data.synthetic.aoi.defects import add_chips, add_line, add_particles, add_void, build_marks
from core.data.synthetic.aoi.make import CLASSES, draw_inspection, write_aoi
from core.data.synthetic.aoi.surface import Scene, build_scene
from tests.data.synthetic.cues import cue_accuracy, picture_cues

SEEDS = range(12)
PAINTED = {"void": add_void, "particle": add_particles}


def _draw(seed: int, label: int) -> NDArray[np.uint8]:
    return draw_inspection(np.random.default_rng(seed), label)


@pytest.fixture(scope="module")
def changes() -> dict[int, list[NDArray[np.bool_]]]:
    """By label and seed: where a picture differs from the same part without a defect.

    Both are brought to one exposure and freed of grain.
    """
    found: dict[int, list[NDArray[np.bool_]]] = {label: [] for label in range(1, len(CLASSES))}
    for seed in SEEDS:
        sound, *defects = (
            cv2.GaussianBlur(_draw(seed, label).astype(np.float32), (0, 0), 0.8) for label in range(len(CLASSES))
        )
        for label, defect in enumerate(defects, start=1):
            gain = float(np.median(sound / np.maximum(defect, 1.0)))
            found[label].append(np.abs(sound - gain * defect) > 0.12 * sound.mean())
    return found


def _scene(seed: int) -> tuple[np.random.Generator, Scene]:
    rng = np.random.default_rng(seed)
    return rng, build_scene(rng)


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aoi") / "set"
    write_aoi(folder, n=36, seed=5)
    return folder


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [_scene(seed)[1] for seed in range(40)]


def test_the_same_seed_draws_the_same_pixels() -> None:
    for label in range(len(CLASSES)):
        np.testing.assert_array_equal(_draw(7, label), _draw(7, label))


def test_different_seeds_draw_different_parts() -> None:
    for one, other in pairwise(SEEDS):
        assert np.abs(_draw(one, 0).astype(int) - _draw(other, 0)).mean() > 5


def test_a_picture_is_grey_and_224_pixels_wide() -> None:
    assert _draw(0, 0).shape == (224, 224)
    assert _draw(0, 0).dtype == np.uint8


@pytest.mark.parametrize("label", range(1, len(CLASSES)))
def test_a_defect_is_seen_and_covers_a_small_part_of_its_picture(
    changes: dict[int, list[NDArray[np.bool_]]], label: int
) -> None:
    changed = np.array([each.mean() for each in changes[label]])
    assert (changed > 0.0005).mean() > 0.9
    assert changed.max() < 0.08


@pytest.mark.parametrize("count", [240, pytest.param(480, marks=[pytest.mark.exhaustive, pytest.mark.slow])])
def test_the_classes_hide_in_all_global_numbers(count: int) -> None:
    """A classifier that counts and averages but does not look stays near chance, 0.167; measured on 2,000: 0.167.

    Of 240 pictures chance alone gives 0.167 ± 0.024; a single class that shows gives 0.33.
    """
    labels = np.arange(count) % len(CLASSES)
    cues = np.stack([picture_cues(_draw(seed, label)) for seed, label in enumerate(labels.tolist())])
    assert cue_accuracy(cues, labels) < 0.22


@pytest.mark.parametrize(("label", "vertical"), [(2, False), (3, True)])
def test_a_line_runs_along_its_axis(changes: dict[int, list[NDArray[np.bool_]]], label: int, vertical: bool) -> None:
    long = 0
    for changed in changes[label]:
        rows, columns = np.nonzero(changed)
        along, across = (rows, columns) if vertical else (columns, rows)
        long += len(rows) > 0 and np.ptp(along) > 2.5 * np.ptp(across)
    assert long >= 0.9 * len(SEEDS)


@pytest.mark.parametrize("vertical", [False, True])
def test_lines_are_as_often_lighter_as_darker(vertical: bool) -> None:
    tones = []
    for seed in range(40):
        rng, scene = _scene(seed)
        marks = build_marks()
        add_line(rng, scene, marks, vertical=vertical)
        tones.append(marks.tone.sum() > 0)
    assert 0.25 < np.mean(tones) < 0.75


@pytest.mark.parametrize("name", PAINTED)
def test_voids_and_particles_lie_on_the_part_and_leave_its_edge_alone(name: str) -> None:
    for seed in SEEDS:
        rng, scene = _scene(seed)
        marks = build_marks()
        PAINTED[name](rng, scene, marks)
        raised = np.abs(marks.relief) > 0.5
        assert raised.any()
        assert (scene.measure()[raised] > 0).mean() > 0.9
        assert not marks.damage.any()


def test_a_void_is_a_hole_and_a_particle_is_a_bump() -> None:
    for seed in SEEDS:
        heights = {}
        for name, add_defect in PAINTED.items():
            rng, scene = _scene(seed)
            marks = build_marks()
            add_defect(rng, scene, marks)
            heights[name] = (marks.relief.min(), marks.relief.max())
        assert heights["void"][0] < -1.5
        assert heights["particle"][0] > -0.1
        assert heights["particle"][1] > 1.0


def test_chips_change_the_outline_near_the_edge_and_nothing_else() -> None:
    for seed in range(24):
        rng, scene = _scene(seed)
        marks = build_marks()
        add_chips(rng, scene, marks)
        sound, damaged = scene.measure(), scene.measure(marks.damage)
        changed = (sound > 0) != (damaged > 0)
        assert changed.sum() > 12
        assert np.abs(sound[changed]).max() < 30
        assert not marks.tone.any()
        assert not marks.relief.any()


def test_every_picture_shows_an_edge_of_the_part(scenes: list[Scene]) -> None:
    beyond = np.array([(scene.measure() < 0).mean() for scene in scenes])
    assert beyond.min() > 0.03
    assert beyond.max() < 0.6


def test_edges_lie_on_all_four_sides(scenes: list[Scene]) -> None:
    assert {scene.edges[0].side for scene in scenes} == {0, 1, 2, 3}


def test_write_aoi_makes_the_layout_of_the_report(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {
        "train.csv",
        "test.csv",
        "test_truth.csv",
        "train_images",
        "test_images",
    }
    train, test, truth = (_rows(written / name) for name in ("train.csv", "test.csv", "test_truth.csv"))
    assert train[0] == test[0] == truth[0] == ["ID", "Label"]
    for part, rows in (("train", train), ("test", test)):
        names = [name for name, _ in rows[1:]]
        assert names == [f"{part}_{number:05d}.png" for number in range(len(names))]
        assert set(names) == {path.name for path in (written / f"{part}_images").iterdir()}
    assert len(train) + len(test) - 2 == 36


def test_the_labels_of_the_test_part_are_in_the_truth_alone(written: Path) -> None:
    test, truth = _rows(written / "test.csv"), _rows(written / "test_truth.csv")
    assert {label for _, label in test[1:]} == {""}
    assert [name for name, _ in test] == [name for name, _ in truth]
    assert {label for _, label in truth[1:]} == {str(label) for label in range(len(CLASSES))}


def test_the_classes_are_balanced_in_both_parts(written: Path) -> None:
    for name in ("train.csv", "test_truth.csv"):
        counts = np.bincount([int(label) for _, label in _rows(written / name)[1:]], minlength=len(CLASSES))
        assert np.ptp(counts) <= 1


def test_a_file_holds_the_picture_of_its_label(written: Path) -> None:
    """The first training picture is the seventh of all."""
    label = int(_rows(written / "train.csv")[1][1])
    expected = draw_inspection(np.random.default_rng(np.random.SeedSequence(5).spawn(7)[6]), label)
    pixels = read_picture(written / "train_images" / "train_00000.png").pixels
    np.testing.assert_array_equal(pixels, np.dstack([expected] * 3))


def test_a_smaller_set_is_the_beginning_of_a_larger_one(written: Path, tmp_path: Path) -> None:
    write_aoi(tmp_path / "few", n=18, seed=5)
    for path in (tmp_path / "few").rglob("*.*"):
        whole = (written / path.relative_to(tmp_path / "few")).read_bytes()
        assert whole.startswith(path.read_bytes())


def test_another_seed_orders_the_labels_otherwise(written: Path, tmp_path: Path) -> None:
    write_aoi(tmp_path / "other", n=12, seed=6)
    other = _rows(tmp_path / "other" / "train.csv")[1:]
    assert other != _rows(written / "train.csv")[1 : 1 + len(other)]
