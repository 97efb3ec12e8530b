import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.layouts.classes import open_classified
from core.data.layouts.images_only import PictureSet, open_pictures
from core.data.layouts.pets import open_pets
from core.data.layouts.vessels import find_vessels, open_vessels
from tests.data.layouts.masked_sets import draw_vessels, grey, save
from tests.data.layouts.sentences import find_note, refuses


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32("/".join(path.parts[-3:]).encode())
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(path)


def _names(found: PictureSet, split: str) -> list[str]:
    return [item.name for item in found.splits[split]]


def _make_drive(root: Path, *, masks: bool) -> None:
    for number in range(1, 5):
        part = "test" if number < 3 else "training"
        _picture(root / part / "images" / f"{number:02d}_{part}.png")
        if masks and part == "training":
            _picture(root / part / "1st_manual" / f"{number:02d}_manual1.png")


@pytest.mark.parametrize("masks", [True, False])
def test_the_official_drive_has_two_splits_though_its_test_pictures_have_no_masks(tmp_path: Path, masks: bool) -> None:
    _make_drive(tmp_path / "DRIVE", masks=masks)
    found = open_pictures(tmp_path)
    assert _names(found, "train") == ["03_training", "04_training"]
    assert _names(found, "test") == ["01_test", "02_test"]
    assert set(found.splits) == {"train", "test"}
    assert found.notes == ()


def test_a_set_of_vessels_has_the_same_splits_here(tmp_path: Path) -> None:
    for child in range(1, 6):
        for eye in "LR":
            _picture(tmp_path / f"Image_{child:02d}{eye}.jpg")
            _picture(tmp_path / f"Image_{child:02d}{eye}_1stHO.png")
    found, vessels = open_pictures(tmp_path), find_vessels(tmp_path)
    for split in ("train", "test"):
        assert _names(found, split) == [item.name for item in vessels.splits[split]]
        assert [item.group for item in found.splits[split]] == [item.group for item in vessels.splits[split]]
    assert [path.name for item in found.splits["test"][:1] for path in item.files()] == ["Image_02L.jpg"]


def test_any_folder_of_pictures_will_do_and_a_fifth_is_set_aside(tmp_path: Path) -> None:
    for number in range(10):
        _picture(tmp_path / f"photo{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = open_pictures(tmp_path)
    assert (len(found.splits["train"]), len(found.splits["test"])) == (8, 2)
    assert [note in found.describe() for note in found.notes] == [True]
    assert _names(open_pictures(tmp_path), "test") == _names(found, "test")


@pytest.mark.parametrize("form", ["{}_left", "{}_right", "Image_{}L", "eye{}-OD"])
def test_both_eyes_of_a_person_stay_together(tmp_path: Path, form: str) -> None:
    other = {"left": "right", "right": "left", "L": "R", "OD": "OS"}
    end = next(each for each in other if form.endswith(each))
    for number in range(10, 20):
        _picture(tmp_path / f"{form.format(number)}.png")
        _picture(tmp_path / f"{form.removesuffix(end).format(number)}{other[end]}.png")
    found = open_pictures(tmp_path)
    groups = {split: {item.group for item in items} for split, items in found.splits.items()}
    assert not groups["train"] & groups["test"]
    assert (len(found.splits["train"]), len(found.splits["test"])) == (16, 4)


def test_names_that_only_end_in_such_letters_are_no_eyes(tmp_path: Path) -> None:
    for name in ("girl", "owl", "car", "left"):
        _picture(tmp_path / f"{name}.png")
    items = [item for each in open_pictures(tmp_path).splits.values() for item in each]
    assert all(item.group == item.name for item in items)


def test_masks_beside_the_pictures_are_no_pictures(tmp_path: Path) -> None:
    for place in ("images/a", "images/b", "masks/x", "fov/a"):
        _picture(tmp_path / f"{place}.png")
    found = open_pictures(tmp_path)
    assert sorted(_names(found, "train") + _names(found, "test")) == ["a", "b"]
    for name in ("c", "d"):
        _picture(tmp_path / "more" / f"{name}.png")
        _picture(tmp_path / "more" / "masks" / f"{name}_.png")
    found = open_pictures(tmp_path / "more")
    assert sorted(_names(found, "train") + _names(found, "test")) == ["c", "d"]


def test_folders_of_classes_keep_their_own_splits_and_names_stay_apart(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for kind in ("cat", "dog"):
            _picture(tmp_path / split / kind / "1.png")
    found = open_pictures(tmp_path)
    assert {split: _names(found, split) for split in found.splits} == {
        split: ["cat_1", "dog_1"] for split in ("train", "val", "test")
    }
    assert found.notes == ()


def test_equal_names_with_different_endings_are_two_pictures(tmp_path: Path) -> None:
    _picture(tmp_path / "a.jpg")
    _picture(tmp_path / "a.png")
    found = open_pictures(tmp_path)
    assert sorted(_names(found, "train") + _names(found, "test")) == ["a", "a-2"]


def test_gzipped_photographs_are_pictures(tmp_path: Path) -> None:
    _picture(tmp_path / "plain.ppm")
    content = (tmp_path / "plain.ppm").read_bytes()
    (tmp_path / "plain.ppm").unlink()
    for number in range(1, 3):
        (tmp_path / f"im000{number}.ppm.gz").write_bytes(gzip.compress(content))
    found = open_pictures(tmp_path)
    assert sorted(_names(found, "train") + _names(found, "test")) == ["im0001", "im0002"]


def test_a_single_picture_can_be_trained_on(tmp_path: Path) -> None:
    _picture(tmp_path / "only.png")
    assert open_pictures(tmp_path).splits.keys() == {"train"}


def test_a_folder_without_pictures_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / ".hidden").mkdir()
    _picture(tmp_path / ".hidden" / "x.png")
    with refuses(tmp_path, ".png"):
        open_pictures(tmp_path)
    with refuses(tmp_path / "nowhere"):
        open_pictures(tmp_path / "nowhere")


def test_folders_tell_patients_and_count_anew(tmp_path: Path) -> None:
    for place in ("patient1/a", "patient1/b", "patient2/a", "other/case_1", "more/case_1"):
        _picture(tmp_path / f"{place}.png")
    items = [item for each in open_pictures(tmp_path).splits.values() for item in each]
    assert {item.name: item.group for item in items} == {
        "patient1_a": "patient1",
        "patient1_b": "patient1",
        "patient2_a": "patient2_a",
        "other_case_1": "other_case_1",
        "more_case_1": "more_case_1",
    }


@pytest.mark.parametrize("end", ["_mask", "_segmentation", "-gt", "_label_1"])
@pytest.mark.parametrize("with_masks", [2, 9])
@pytest.mark.parametrize("split", ["", "train/"])
def test_masks_beside_images_are_left_out_and_told(tmp_path: Path, end: str, with_masks: int, split: str) -> None:
    for number in range(9):
        _picture(tmp_path / f"{split}im{number}.png")
        if number < with_masks:
            _picture(tmp_path / f"{split}im{number}{end}.png")
    found = open_pictures(tmp_path)
    assert {item.name for items in found.splits.values() for item in items} == {f"im{number}" for number in range(9)}
    find_note(found, f"{with_masks} images", f"im0{end}.png")


@pytest.mark.parametrize("folder", ["masks", "cat_masks", "labelsTr", "GroundTruth", "manual1"])
def test_folders_of_masks_are_left_out_and_told(tmp_path: Path, folder: str) -> None:
    for number in range(4):
        _picture(tmp_path / f"holiday/{number}.png")
        _picture(tmp_path / f"{folder}/m{number}.png")
    found = open_pictures(tmp_path)
    assert len([item for items in found.splits.values() for item in items]) == 4
    find_note(found, "4 images", f"{folder}/m0.png")


def _deep(path: Path, brightest: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(zlib.crc32(path.name.encode())).integers(100, brightest, (20, 24), dtype=np.uint16)
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_images_that_are_scaled_each_by_itself_are_told(tmp_path: Path, ending: str) -> None:
    for number in range(30):
        _deep(tmp_path / f"plain/{number:02}.{ending}", 3000)
        _deep(tmp_path / f"full/{number:02}.{ending}", 65535)
    for number in range(4):
        for folder, name in (("images", "pairs"), ("masks", "pairs")):
            path = _deep(tmp_path / f"{name}/{folder}/{number}.{ending}", 3000)
        Image.fromarray(255 * (np.mgrid[:20, :24][0] < 5).astype(np.uint8)).save(path)
        for name in ("cat", "dog"):
            _deep(tmp_path / f"classes/{name}/{name[0]}{number}.{ending}", 3000)
    find_note(open_pictures(tmp_path / "plain"), "16 bits", "10 of 10", f"00.{ending}")
    find_note(open_pets(tmp_path / "pairs"), "16 bits", "4 of 4", f"0.{ending}")
    find_note(open_classified(tmp_path / "classes"), "16 bits", "8 of 8", f"c0.{ending}")
    assert not any("bits" in note for note in open_pictures(tmp_path / "full").notes)


def test_split_folders_may_have_any_of_their_usual_names(tmp_path: Path) -> None:
    for place, count in (("train", 4), ("dev", 2), ("test_images", 2)):
        for number in range(count):
            _picture(tmp_path / place / f"{number}.png")
    found = open_pictures(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 4, "val": 2, "test": 2}
    assert found.notes == ()


@pytest.mark.parametrize("place", ["", "extra", "train/a/b/c"])
def test_images_beside_and_below_what_is_searched_are_told(tmp_path: Path, place: str) -> None:
    for number in range(4):
        _picture(tmp_path / "train" / f"{number}.png")
        _picture(tmp_path / "test" / f"{number}.png")
    _picture(tmp_path / place / "far.png")
    found = open_pictures(tmp_path)
    assert len(found.splits["train"]) == len(found.splits["test"]) == 4
    find_note(found, 1, (Path(place) / "far.png").as_posix())


def test_a_folder_whose_images_lie_too_deep_is_refused_with_them(tmp_path: Path) -> None:
    _picture(tmp_path / "a/b/c/d.png")
    with refuses("a/b/c/d.png", ".png"):
        open_pictures(tmp_path)


def test_images_of_several_pages_are_told_in_every_layout(tmp_path: Path) -> None:
    for number in range(4):
        pixels, vessels, _ = draw_vessels(number)
        images = [Image.fromarray(np.roll(pixels, 5 * page, 1)) for page in range(3)]
        (tmp_path / "images").mkdir(exist_ok=True)
        images[0].save(tmp_path / f"images/{number}.tif", save_all=True, append_images=images[1:])
        save(grey(vessels), tmp_path / f"masks/{number}.png")
    find_note(open_vessels(tmp_path), 4, 3, "0.tif")
    find_note(open_pictures(tmp_path), 4, 3, "0.tif")


def test_plain_images_name_what_is_not_read(tmp_path: Path) -> None:
    for number in range(5):
        save(draw_vessels(number)[0], tmp_path / f"{number}.png")
    for name in ("a.dcm", "._0.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    found = open_pictures(tmp_path)
    find_note(found, 1, "a.dcm")
    assert sum(map(len, found.splits.values())) == 5
    assert "notes" not in found.describe()
