import numpy as np
import pytest
from numpy.typing import NDArray

from tests.data.synthetic.cues import COLOUR_FREE, CUES, cue_accuracy, picture_cues

LABELS = np.arange(240) % 4


def _grain(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(90, 160, (40, 40, 3)).astype(np.uint8)


def _accuracy(pictures: list[NDArray[np.uint8]]) -> float:
    return cue_accuracy(np.stack([picture_cues(picture) for picture in pictures]), LABELS)


def test_pictures_that_differ_in_nothing_stay_at_chance() -> None:
    assert _accuracy([_grain(seed) for seed in range(240)]) < 0.34


def test_brightness_gives_a_class_away() -> None:
    assert _accuracy([_grain(seed) + np.uint8(4 * (seed % 4)) for seed in range(240)]) > 0.9


def test_the_place_gives_a_class_away() -> None:
    pictures = [_grain(seed) for seed in range(240)]
    for seed, picture in enumerate(pictures):
        picture[8 * (seed % 4) : 8 * (seed % 4) + 8, :12] = 255
    assert _accuracy(pictures) > 0.9


def test_the_file_size_gives_a_class_away() -> None:
    """Blocks of equal pixels leave mean, spread and place about the same, but pack well."""
    pictures = [_grain(seed) for seed in range(240)]
    for seed, picture in enumerate(pictures):
        columns = 8 * (seed % 4)
        picture[:, :columns] = picture[:, :columns:4].repeat(4, axis=1)
    packed = np.stack([picture_cues(picture) for picture in pictures])[:, [CUES.index("PNG bytes")]]
    assert cue_accuracy(packed, LABELS) > 0.9


def test_grey_pictures_have_the_cues_of_their_rgb_form() -> None:
    grey = _grain(0)[..., 0]
    free = [index for index in COLOUR_FREE if CUES[index] != "PNG bytes"]
    np.testing.assert_allclose(picture_cues(grey)[free], picture_cues(np.dstack([grey] * 3))[free])
    assert len(picture_cues(grey)) == len(CUES)


def test_a_picture_of_one_grey_has_finite_cues() -> None:
    cues = picture_cues(np.full((20, 30), 80, np.uint8))
    assert np.isfinite(cues).all()
    assert cues[CUES.index("std")] == pytest.approx(0.0)
