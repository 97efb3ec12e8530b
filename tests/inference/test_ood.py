"""Input checks on drawn pictures: the whole way, from fitting to the sentence."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.data.image_io.reader import read_picture
from core.data.transforms.arrays import Pixels
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.ood.detector import INPUT, NEGATIVE, TURNS, InputCheck, Looks, describe
from core.inference.ood.fitting import Described, change, fit_input_check
from tests.synthetic_sets import SyntheticSets


@pytest.fixture(scope="module")
def drawn(synthetic_sets: SyntheticSets) -> dict[str, list[Pixels]]:
    """Synthetic pictures of four experiments: 40 X-rays, and a few of what is none."""
    found: dict[str, list[Pixels]] = {}
    for slug in ("chest", "pets", "objects", "landcover"):
        splits = find_experiment(slug).open_folder(synthetic_sets.of(slug)).splits
        items = [each for split in splits.values() for each in split][: 40 if slug == "chest" else 8]
        found[slug] = [read_picture(each.image).pixels for each in items]  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="module")
def check(drawn: dict[str, list[Pixels]]) -> InputCheck:
    """Fitted on 22 X-rays and 66 changed copies: of fewer points, 64 components would leave nothing out."""
    rng = np.random.default_rng(0)
    own, held = drawn["chest"][:22], drawn["chest"][22:32]
    changed = describe(change(each, rng) for each in own * 3)
    held_changed = describe(change(each, rng) for each in held)
    return fit_input_check("a drawn X-ray", Described.of(own), changed, Described.of(held), held_changed)


def without_numbers(sentence: str) -> str:
    return re.sub(r"\d", "", sentence).replace(".", "")


def strange() -> Iterator[Pixels]:
    """Yield pictures that show nothing of the kind."""
    rng = np.random.default_rng(1)
    yield np.full((200, 200, 3), 255, np.uint8)
    yield rng.integers(0, 256, (200, 200, 3), np.uint8)
    yield np.repeat(rng.integers(0, 256, (200, 200, 1), np.uint8), 3, axis=2)
    yield np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 300, axis=0).repeat(3, axis=2)


@pytest.mark.slow
def test_own_pictures_pass_and_others_are_doubted(check: InputCheck, drawn: dict[str, list[Pixels]]) -> None:
    own = [check.doubt(each) for each in drawn["chest"][32:]]
    assert sum(not each for each in own) >= 7, own
    others = [check.doubt(each) for slug in ("pets", "objects", "landcover") for each in drawn[slug]]
    assert np.mean([bool(each) for each in others]) >= 0.95
    assert all(check.doubt(each) for each in strange())


@pytest.mark.slow
def test_an_own_picture_that_was_taken_otherwise_passes(check: InputCheck, drawn: dict[str, list[Pixels]]) -> None:
    rng = np.random.default_rng(5)
    doubts = [check.doubt(change(each, rng)) for each in drawn["chest"][32:]]
    assert sum(not each for each in doubts) >= 6, doubts


def test_a_doubt_names_the_kind_and_says_why(check: InputCheck, drawn: dict[str, list[Pixels]]) -> None:
    own = drawn["chest"][0]
    looks = Looks.of(own)
    assert check.doubt_looks(looks) == ""
    unlike = {
        "blank": replace(looks, contrast=0), "coloured": replace(looks, chroma=100),
        "wide": replace(looks, aspect=9.25), "tall": replace(looks, aspect=0.0625),
        "smooth": replace(looks, detail=0), "noisy": replace(looks, detail=99),
    }  # fmt: skip
    reasons = {name: check.doubt_looks(each) for name, each in unlike.items()}
    reasons["far"] = check.doubt_distance(99.25)
    assert all(reasons.values()), reasons
    assert len(set(reasons.values())) == len(reasons), "each has a sentence of its own"
    assert "9.2" in reasons["wide"]
    assert "0.062" in reasons["tall"]
    assert all(value in reasons["far"] for value in ("99.25", f"{check.bounds.distance:.2f}"))
    pictures = {
        "blank": np.full((100, 100, 3), 255, np.uint8), "coloured": drawn["pets"][0],
        "wide": np.tile(own, (1, 5, 1)), "tall": np.tile(own, (5, 1, 1)),
    }  # fmt: skip
    for name, pixels in pictures.items():
        why = check.doubt_looks(Looks.of(pixels))
        assert without_numbers(why) == without_numbers(reasons[name])
        assert "a drawn X-ray" in check.doubt(pixels)
        assert why in check.doubt(pixels)
    grey = np.repeat(drawn["objects"][0].mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert "a drawn X-ray" in check.doubt(grey)


def test_a_doubted_picture_that_would_pass_turned_is_told_so(check: InputCheck, drawn: dict[str, list[Pixels]]) -> None:
    (back,) = [name for name, quarters in TURNS.items() if quarters == 1]
    doubts = [check.doubt(np.rot90(each, -1)) for each in drawn["chest"][32:]]
    assert sum(back.lower() in each.lower() for each in doubts) >= 6, doubts
    others = [check.doubt(np.rot90(each, -1)) for slug in ("objects", "landcover") for each in drawn[slug]]
    assert not [each for each in others for way in (*TURNS, NEGATIVE) if way.lower() in each.lower()]


def test_the_file_keeps_all_of_it_and_no_picture(
    check: InputCheck, drawn: dict[str, list[Pixels]], tmp_path: Path
) -> None:
    check.save(tmp_path)
    again = InputCheck.load(tmp_path)
    assert again is not None
    assert again.bounds == check.bounds
    features = describe(drawn["chest"][:3])
    np.testing.assert_allclose(again.distances(features), check.distances(features), rtol=1e-4)
    assert (tmp_path / INPUT).stat().st_size < 400_000
    numbers = check.gallery.size + check.scale.size + check.components.size + check.spread.size
    assert (tmp_path / INPUT).stat().st_size == pytest.approx(2 * numbers, rel=0.05)


def test_a_checkpoint_without_a_check_has_none(tmp_path: Path) -> None:
    assert InputCheck.load(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / INPUT).write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(tmp_path / INPUT))):
        InputCheck.load(tmp_path)


def test_the_distance_of_a_point_of_the_gallery_is_what_the_components_leave_out(check: InputCheck) -> None:
    """By hand: a picture that lies on three points of the gallery and within the components has distance 0."""
    place = check.gallery[0]
    twins = InputCheck(
        check.scale, check.components, check.spread, np.stack([place, place, place, 5 + place]), check.bounds
    )
    features = (place * check.spread[:-1]) @ check.components * check.scale[1] + check.scale[0]
    assert twins.distances(features[None])[0] < 0.2
    assert check.distances(features[None] + 3 * check.scale[1])[0] > 1


def test_looks_are_measured_as_they_are_defined() -> None:
    halves = np.zeros((100, 200, 3), np.uint8)
    halves[:, 100:] = 200
    looks = Looks.of(halves)
    assert (looks.aspect, looks.chroma) == (2.0, 0.0)
    assert looks.contrast == pytest.approx(100)
    assert Looks.of(np.tile(np.array([250, 100, 50], np.uint8), (64, 64, 1))).chroma == pytest.approx(200)
