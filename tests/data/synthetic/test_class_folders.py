from pathlib import Path

import numpy as np

from core.data.image_io.reader import read_picture
from core.data.layouts.classes import open_classified
from core.data.synthetic.class_folders import write_class_folders
from core.data.transforms.arrays import Pixels
from tests.data.layouts.sentences import refuses

CLASSES = ("dark", "light")


def _draw(rng: np.random.Generator, name: str) -> Pixels:
    return np.full((24, 30, 3), rng.integers(0, 50) + (150 if name == "light" else 0), np.uint8)


def test_what_is_written_is_read_back_with_its_classes_and_splits(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", _draw, CLASSES, n=20)
    found = open_classified(tmp_path / "set")
    assert found.classes == CLASSES
    assert (len(found.items("train")), len(found.items("test"))) == (16, 4)
    for item in found.items("test"):
        assert (read_picture(item.image).pixels.mean() > 100) == (item.label == 1)


def test_a_larger_set_begins_with_the_smaller_one(tmp_path: Path) -> None:
    for n in (10, 20):
        write_class_folders(tmp_path / str(n), _draw, CLASSES, n=n)
    small, large = (
        {path.relative_to(place): path.read_bytes() for path in place.rglob("*.png")}
        for place in (tmp_path / "10", tmp_path / "20")
    )
    assert len(small) == 10
    assert small.items() <= large.items()


def test_too_few_pictures_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with refuses(3, 2, 4):
        write_class_folders(tmp_path / "set", _draw, CLASSES, n=3)
    assert not (tmp_path / "set").exists()
