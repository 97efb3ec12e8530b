from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.layouts.blots import BlotSet, load_blot, load_blots, open_blots
from core.paths import PROJECT
from tests.data.layouts.masked_sets import grey, save
from tests.data.layouts.sentences import assert_names, find_note, refuses

PLACES = ("template1", "template2", "target")
REAL = PROJECT.parent / "shared" / "data" / "blots_gel_bands"


def _grey(path: Path, value: int, *, side: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), value, np.uint8)).save(path)
    return path


def _make_triples(root: Path, names: list[str], *, side: int = 64) -> Path:
    for name in names:
        for value, place in zip((255, 0, 102), PLACES, strict=True):
            _grey(root / place / f"{name}.png", value, side=side)
    return root


def _make_gels(root: Path, count: int, *, shines: bool = True, mask_ending: str = "png") -> Path:
    """Write gels of 240×200 with four lanes of three bands each."""
    for place in ("images", "masks"):
        (root / place).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        gel, mask = np.full((200, 240), 40, np.uint8), np.zeros((200, 240), np.uint8)
        for lane in range(4):
            for row in (30, 80, 130):
                box = (slice(row + number, row + 8 + number), slice(20 + 55 * lane, 55 + 55 * lane))
                gel[box], mask[box] = 220, 255
        Image.fromarray(gel if shines else 255 - gel).save(root / f"images/gel{number}.png")
        Image.fromarray(mask).save(root / f"masks/gel{number}.{mask_ending}")
    return root


def _groups(found: BlotSet) -> tuple[set[str], set[str]]:
    train, test = ({item.group for item in found.items(split)} for split in ("train", "test"))
    return train, test


def test_templates_and_targets_are_joined_by_name_and_a_tenth_is_set_aside(tmp_path: Path) -> None:
    found = open_blots(_make_triples(tmp_path, [f"{number:03d}" for number in range(30)]))
    assert found.layout == "templates"
    assert (len(found.items("train")), len(found.items("test"))) == (27, 3)
    assert len(found.notes) == 1
    item = found.items("train")[0]
    assert [path.parent.name for path in item.files()] == ["target", "template1", "template2"]
    assert {path.stem for path in item.files()} == {item.name}


def test_the_split_is_the_same_each_time(tmp_path: Path) -> None:
    _make_triples(tmp_path, [f"{number:03d}" for number in range(30)])
    first, again = open_blots(tmp_path), open_blots(tmp_path)
    assert first.splits == again.splits
    assert first.fingerprint() == again.fingerprint()


def test_a_blot_is_opened_as_two_templates_and_a_target_from_minus_one_to_one(tmp_path: Path) -> None:
    templates, target = load_blot(open_blots(_make_triples(tmp_path, ["a", "b"])).items("train")[0])
    assert (templates.shape, target.shape) == ((2, 64, 64), (1, 64, 64))
    assert templates.dtype == target.dtype == np.float32
    assert (templates[0] == 1).all()
    assert (templates[1] == -1).all()
    np.testing.assert_allclose(target, 102 / 127.5 - 1, atol=1e-6)


def test_other_sizes_are_resized_and_said(tmp_path: Path) -> None:
    found = open_blots(_make_triples(tmp_path, ["a", "b"], side=100))
    assert_names(found.notes[0], "64×64", "a ", "100×100")
    assert load_blot(found.items("train")[0])[1].shape == (1, 64, 64)


def test_names_that_lack_a_picture_are_left_out_and_said(tmp_path: Path) -> None:
    _make_triples(tmp_path, ["a", "b", "c"])
    (tmp_path / "template2/b.png").unlink()
    found = open_blots(tmp_path)
    assert {item.name for split in found.splits.values() for item in split} == {"a", "c"}
    assert_names(found.notes[0], *PLACES, 1)


def test_split_folders_are_kept_as_they_are(tmp_path: Path) -> None:
    _make_triples(tmp_path / "train", ["a", "b", "c"])
    _make_triples(tmp_path / "test", ["d"])
    found = open_blots(tmp_path)
    assert {split: [item.name for item in items] for split, items in found.splits.items()} == {
        "train": ["a", "b", "c"], "test": ["d"],
    }  # fmt: skip
    assert found.notes == ()


@pytest.mark.parametrize("form", ["gel{gel}_{blot}", "gel{gel}_lane{blot}", "membrane{gel}x{blot}"])
def test_blots_of_one_gel_stay_together_where_names_tell_it(tmp_path: Path, form: str) -> None:
    names = [form.format(gel="abcdefghij"[gel], blot=blot) for gel in range(10) for blot in range(3)]
    found = open_blots(_make_triples(tmp_path, names))
    train, test = _groups(found)
    assert (len(train), len(test)) == (9, 1)
    assert not train & test
    assert len(found.items("test")) == 3
    assert found.notes != open_blots(_make_triples(tmp_path / "alone", ["a", "b"])).notes


def test_a_few_beginnings_are_kinds_and_no_gels(tmp_path: Path) -> None:
    names = [f"{kind}_{number}" for kind in ("control", "treated") for number in range(10)]
    found = open_blots(_make_triples(tmp_path, names))
    assert (len(found.items("train")), len(found.items("test"))) == (18, 2)


def test_gels_are_cut_into_crops_that_are_split_by_gel(tmp_path: Path) -> None:
    found = open_blots(_make_gels(tmp_path, 4, mask_ending="tif"))
    assert found.layout == "gels"
    train, test = _groups(found)
    assert (len(train), len(test)) == (3, 1)
    assert not train & test
    names = [item.name for items in found.splits.values() for item in items]
    assert_names(found.notes[0], len(names), 4)
    assert len(set(names)) == len(names)
    assert len(found.fingerprint()) == 16


@pytest.mark.parametrize("shines", [True, False])
def test_a_crop_has_lanes_bands_and_a_dark_on_light_target_in_one_place(tmp_path: Path, shines: bool) -> None:
    for item in open_blots(_make_gels(tmp_path, 2, shines=shines)).items("train"):
        templates, target = load_blot(item)
        lanes, bands = templates > 0
        assert (templates.shape, target.shape) == ((2, 64, 64), (1, 64, 64))
        assert bands.any()
        assert lanes[bands].mean() > 0.9
        assert target[0][templates[1] == 1].max() < -0.9
        assert target[0][templates[1] == -1].min() > 0.9


def test_many_crops_are_opened_as_each_alone(tmp_path: Path) -> None:
    items = open_blots(_make_gels(tmp_path, 3)).items("train")
    assert len({item.group for item in items}) == 2
    for item, (templates, target) in zip(items, load_blots(items), strict=True):
        alone = load_blot(item)
        np.testing.assert_array_equal(templates, alone[0])
        np.testing.assert_array_equal(target, alone[1])


def test_a_mask_of_another_size_is_brought_to_its_gel(tmp_path: Path) -> None:
    _make_gels(tmp_path, 2)
    for path in (tmp_path / "masks").iterdir():
        with Image.open(path) as mask:
            mask.resize((120, 100), Image.Resampling.NEAREST).save(path)
    templates, target = load_blot(open_blots(tmp_path).items("train")[0])
    assert target[0][templates[1] == 1].mean() < -0.9


def test_a_gel_without_mask_is_left_out_and_said(tmp_path: Path) -> None:
    _make_gels(tmp_path, 3)
    (tmp_path / "masks/gel1.png").unlink()
    found = open_blots(tmp_path)
    assert "gel1" not in set.union(*_groups(found))
    assert len(found.notes) == len(open_blots(_make_gels(tmp_path / "whole", 2)).notes) + 1
    assert_names(found.notes[2], 1)


def test_what_is_no_set_of_blots_is_refused_in_words(tmp_path: Path) -> None:
    with refuses(tmp_path / "missing", *(f"{place}/" for place in PLACES), "masks/"):
        open_blots(tmp_path / "missing")
    with refuses(tmp_path, *(f"{place}/" for place in PLACES), "masks/"):
        open_blots(tmp_path)
    for place in PLACES:
        (tmp_path / "empty" / place).mkdir(parents=True)
    with refuses(tmp_path / "empty"):
        open_blots(tmp_path / "empty")
    _make_gels(tmp_path / "black", 1)
    _grey(tmp_path / "black/masks/gel0.png", 0)
    with refuses(tmp_path / "black", " 1 "):
        open_blots(tmp_path / "black")


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason="the gel pictures are not here")
@pytest.mark.parametrize(("gels", "held"), [(4, 1), pytest.param(18, 2, marks=pytest.mark.exhaustive)])
def test_a_real_gel_gives_about_24_crops_whose_bands_are_dark_under_the_template(
    tmp_path: Path, gels: int, held: int
) -> None:
    for place in ("images", "masks"):
        (tmp_path / place).mkdir()
        for path in sorted((REAL / place).iterdir())[:gels]:
            (tmp_path / place / path.name).symlink_to(path)
    found = open_blots(tmp_path)
    train, test = _groups(found)
    assert (len(train), len(test)) == (gels - held, held)
    crops = len(found.items("train")) + len(found.items("test"))
    assert 19 <= crops / gels <= 28
    darker = []
    for templates, target in load_blots(found.items("test")):
        lanes, bands = templates > 0
        assert lanes[bands].mean() > 0.6
        darker.append(target[0][~bands].mean() - target[0][bands].mean())
    assert np.mean(darker) > 0.6
    assert min(darker) > 0.1


def test_split_folders_may_have_any_of_their_usual_names_and_others_are_told(tmp_path: Path) -> None:
    for place, count in (("train", 4), ("dev", 2), ("test_set", 2), ("holdout", 3)):
        _make_triples(tmp_path / place, [f"{place}{number}" for number in range(count)])
    found = open_blots(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 4, "val": 2, "test": 2}
    find_note(found, 9, "holdout/target/holdout0.png")


def test_gels_and_masks_are_matched_without_regard_to_case_and_unicode_form(tmp_path: Path) -> None:
    _make_gels(tmp_path, 2)
    for number in range(2):
        image, mask = (tmp_path / place / f"gel{number}.png" for place in ("images", "masks"))
        image.rename(image.with_stem(f"g\u00e9l{number}"))
        mask.rename(mask.with_stem(f"GE\u0301L{number}"))
    assert {item.group for split in open_blots(tmp_path).splits.values() for item in split} == {
        f"g\u00e9l{number}" for number in range(2)
    }


def test_images_of_one_name_with_other_endings_are_told(tmp_path: Path) -> None:
    _make_gels(tmp_path, 2)
    Image.fromarray(np.zeros((200, 240), np.uint8)).save(tmp_path / "images/gel0.tif")
    find_note(open_blots(tmp_path), 1, "gel0.tif")


def _gels(root: Path, *, inverted: bool = False, count: int = 3) -> Path:
    for number in range(count):
        gel, mask = np.full((200, 240), 40 + number, np.uint8), np.zeros((200, 240), bool)
        for lane in range(4):
            for row in (30, 80, 130):
                box = (slice(row + number, row + 8 + number), slice(20 + 55 * lane, 55 + 55 * lane))
                gel[box], mask[box] = 220, True
        save(gel, root / f"images/gel{number}.png")
        save(grey(~mask if inverted else mask), root / f"masks/gel{number}.png")
    return root


def test_band_masks_that_are_dark_on_light_are_turned_round(tmp_path: Path) -> None:
    found, other = open_blots(_gels(tmp_path / "a", inverted=True)), open_blots(_gels(tmp_path / "b"))
    find_note(found, "3 of 3")
    assert [item.name for item in found.items("train")] == [item.name for item in other.items("train")]
    for mine, yours in zip(found.items("train"), other.items("train"), strict=True):
        np.testing.assert_array_equal(load_blot(mine)[0], load_blot(yours)[0])


def test_gels_name_what_is_left_out(tmp_path: Path) -> None:
    _gels(tmp_path)
    for place in ("images", "masks"):
        (tmp_path / place / "._gel0.png").write_bytes(b"x")
        (tmp_path / place / "scan.gel").write_bytes(b"x")
    save(np.zeros((200, 240), np.uint8), tmp_path / "masks/other.png")
    (tmp_path / "masks/gel2.png").unlink()
    found = open_blots(tmp_path)
    find_note(found, 1, "gel2")
    find_note(found, 1, "other.png")
    find_note(found, 2, "scan.gel")
