from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.layouts.blots import load_blot, open_blots
from core.data.synthetic.blots import Blot, draw_blot, write_blots
from core.metrics.blots import find_lanes

PLACES = ("template1", "template2", "target")


@pytest.fixture(scope="module")
def blots() -> list[Blot]:
    return [draw_blot(np.random.default_rng(seed)) for seed in range(80)]


def test_the_same_seed_draws_the_same_blot_and_another_seed_another() -> None:
    first, again, other = (draw_blot(np.random.default_rng(seed)) for seed in (3, 3, 4))
    for name in ("layout", "bands", "target"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_three_grey_pictures_of_64_by_64(blots: list[Blot]) -> None:
    for blot in blots:
        for grey in (blot.layout, blot.bands, blot.target):
            assert (grey.shape, grey.dtype) == ((64, 64), np.uint8)
        assert set(np.unique(blot.layout)) == {0, 255}
        assert set(np.unique(blot.bands)) <= {0, 64, 128, 191, 255}


def test_a_blot_has_3_to_8_lanes_that_can_be_told_apart(blots: list[Blot]) -> None:
    counts = {len(find_lanes(blot.layout.astype(np.float32) / 127.5 - 1)) for blot in blots}
    assert counts == set(range(3, 9))


def test_bands_are_dark_where_the_second_template_says_and_darker_where_it_says_stronger(blots: list[Blot]) -> None:
    means = {step: [] for step in (0, 64, 128, 191, 255)}
    for blot in blots:
        for step, found in means.items():
            if (blot.bands == step).any():
                found.append(blot.target[blot.bands == step].mean())
    levels = [np.mean(found) for found in means.values()]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 190
    assert levels[-1] < 90


def test_bands_lie_in_lanes(blots: list[Blot]) -> None:
    inside = [np.mean(blot.layout[blot.bands > 0] > 0) for blot in blots if blot.bands.any()]
    assert min(inside) > 0.5
    assert np.mean(inside) > 0.85


def test_templates_do_not_tell_all(blots: list[Blot]) -> None:
    outside = [blot.target[blot.bands == 0].astype(float) for blot in blots]
    assert np.std([each.mean() for each in outside]) > 5, "haze and exposure differ"
    assert min(each.std() for each in outside) > 2, "grain"
    strong = [blot.target[blot.bands == 128].mean() for blot in blots if (blot.bands == 128).any()]
    assert np.std(strong) > 10, "one step of the template is many strengths"


def test_the_written_set_opens_as_templates_and_targets(tmp_path: Path) -> None:
    write_blots(tmp_path / "blots", n=21, seed=5)
    found = open_blots(tmp_path / "blots")
    assert (len(found.items("train")), len(found.items("test"))) == (19, 2)
    templates, target = load_blot(found.items("train")[0])
    with Image.open(tmp_path / "blots/target" / f"{found.items('train')[0].name}.png") as picture:
        np.testing.assert_allclose(target[0], np.asarray(picture) / 127.5 - 1, atol=1e-6)
    assert (templates.shape, target.shape) == ((2, 64, 64), (1, 64, 64))


def test_a_blot_depends_on_the_seed_and_its_number_alone(tmp_path: Path) -> None:
    for name, n, seed in (("few", 2, 0), ("more", 4, 0), ("other", 2, 1)):
        write_blots(tmp_path / name, n=n, seed=seed)
    for place in PLACES:
        first = (tmp_path / "few" / place / "0002.png").read_bytes()
        assert first == (tmp_path / "more" / place / "0002.png").read_bytes()
        assert first != (tmp_path / "other" / place / "0002.png").read_bytes()
