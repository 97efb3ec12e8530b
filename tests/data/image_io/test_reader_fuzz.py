"""Damaged files through the one reader; `benchmarks/damaged_pictures.py` takes 500 through all widgets, too."""

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from core.data.image_io.reader import read_picture
from core.errors import UserError
from tests.data.image_io.damaged_images import WAYS, damaged_pictures, judge, sound

ONE_OF_EACH = 10 * len(WAYS)
"""So many files are every format damaged in every way."""
PATIENCE = 20.0
"""Seconds for one file, on a machine on which other tests run; alone none takes a tenth of a second."""


def test_the_whole_pictures_are_read() -> None:
    for ending, content in sound().items():
        assert read_picture(content, name=f"whole.{ending}").pixels.shape == (48, 72, 3)


def test_the_same_seed_gives_the_same_files() -> None:
    first, second, other = (list(damaged_pictures(70, seed)) for seed in (0, 0, 1))
    assert first == second
    assert sum(one.content != two.content for one, two in zip(first, other, strict=True)) > 60


@pytest.mark.parametrize("count", [ONE_OF_EACH, pytest.param(500, marks=pytest.mark.exhaustive)])
def test_a_damaged_picture_is_read_or_refused_in_a_sentence_and_takes_little_memory(tmp_path: Path, count: int) -> None:
    told: Counter[str] = Counter()
    tracemalloc.start()
    for each in damaged_pictures(count, seed=7):
        path = tmp_path / each.name
        path.write_bytes(each.content)
        told[judge(each.name, lambda path=path: read_picture(path), UserError, PATIENCE)] += 1
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told["refused"] > count / 4  # cuts and lost parts at least
    assert told["answered"] > count / 24  # a bit of a pixel does no harm
    assert most < 700 * 2**20  # a picture of 50 million pixels is allowed, three bytes each, and a copy of it
