"""Sets of images with masks as people have them: what is read of each mask, and what is said of the rest."""

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.layouts.pets import PetSet, open_pets
from core.data.layouts.vessels import VesselSet, open_vessels
from core.data.torch_datasets.fundus import FundusBatches, load_labelled
from core.data.torch_datasets.pets import load_pet
from core.data.transforms.fundus import FundusPreparation
from tests.data.layouts.masked_sets import draw_blob, draw_vessels, grey, outline, save
from tests.data.layouts.sentences import find_note, refuses


def _fundi(root: Path, count: int = 6, *, name: str = "e{}", masks: str = "masks") -> Path:
    for number in range(count):
        pixels, vessels, _ = draw_vessels(number)
        save(pixels, root / f"images/{name.format(number)}.png")
        save(grey(vessels), root / f"{masks}/{name.format(number)}.png")
    return root


def _all(found: VesselSet) -> dict[str, np.ndarray]:
    return {item.name: load_labelled(item).mask for items in found.splits.values() for item in items}


# Vessels


def _make_hrf(root: Path, *, fields: str = "mask") -> Path:
    for number in range(5):
        pixels, vessels, inside = draw_vessels(number)
        name = f"{number:02}_{'dr' if number % 2 else 'h'}"
        save(pixels, root / f"images/{name}.{'JPG' if number % 2 else 'jpg'}", format="JPEG", quality=95)
        save(grey(vessels), root / f"manual1/{name}.tif")
        save(np.dstack([grey(inside)] * 3), root / f"{fields}/{name}_mask.tif")
    return root


@pytest.mark.parametrize("fields", ["mask", "masks", "fov", "labels", "region of interest"])
def test_hrf_has_its_vessels_in_manual1_and_discs_are_fields_of_view(tmp_path: Path, fields: str) -> None:
    found = open_vessels(_make_hrf(tmp_path, fields=fields))
    for items in found.splits.values():
        for item in items:
            picture = load_labelled(item)
            _, vessels, inside = draw_vessels(int(item.name[:2]))
            np.testing.assert_array_equal(picture.mask, vessels)
            np.testing.assert_array_equal(picture.inside, inside)
    if fields != "fov":
        find_note(found, f"{fields}/")


def test_a_folder_of_discs_alone_is_no_annotation(tmp_path: Path) -> None:
    shutil.rmtree(_make_hrf(tmp_path) / "manual1")
    with refuses(tmp_path, "images/", "mask/"):
        open_vessels(tmp_path)


def test_a_second_manual_is_the_second_observer(tmp_path: Path) -> None:
    _make_hrf(tmp_path)
    shutil.copytree(tmp_path / "manual1", tmp_path / "manual2")
    found = open_vessels(tmp_path)
    assert all(load_labelled(item).second is not None for item in found.items("train"))
    find_note(found, "manual2/")


def test_a_second_folder_of_masks_is_told(tmp_path: Path) -> None:
    shutil.copytree(_fundi(tmp_path) / "masks", tmp_path / "labels")
    find_note(open_vessels(tmp_path), "masks/", "labels/")


def test_other_folders_of_images_are_told_and_photographs_are_no_fields_of_view(tmp_path: Path) -> None:
    shutil.copytree(_fundi(tmp_path) / "images", tmp_path / "enhanced")
    found = open_vessels(tmp_path)
    assert all(item.field_of_view is None for item in found.items("train"))
    find_note(found, "masks/", "enhanced/")


def test_dark_vessels_on_light_are_turned_round(tmp_path: Path) -> None:
    for number in range(6):
        pixels, vessels, _ = draw_vessels(number)
        save(pixels, tmp_path / f"images/{number}.png")
        save(grey(~vessels), tmp_path / f"masks/{number}.png")
    found = open_vessels(tmp_path)
    for name, mask in _all(found).items():
        np.testing.assert_array_equal(mask, draw_vessels(int(name))[1])
    find_note(found, "6 of 6")


def test_images_without_masks_and_masks_without_images_are_counted_and_named(tmp_path: Path) -> None:
    _fundi(tmp_path, 10, name="eye {}")
    for number in range(4, 10):
        (tmp_path / f"masks/eye {number}.png").rename(tmp_path / f"masks/eye-{number}.png")
    found = open_vessels(tmp_path)
    assert sum(map(len, found.splits.values())) == 4
    find_note(found, "6 of 10 images", "eye 4.png", "eye 5.png", "eye 6.png", "3 more")
    find_note(found, "6 of 10 masks", "eye-4.png", "3 more")


def test_files_that_are_not_read_and_images_deeper_in_folders_are_told(tmp_path: Path) -> None:
    _fundi(tmp_path, 4)
    for name in (
        "images/a.dcm",
        "images/b.nii.gz",
        "masks/c.mat",
        "images/notes.txt",
        "images/._e0.png",
        "images/Thumbs.db",
    ):
        (tmp_path / name).write_bytes(b"x")
    save(draw_vessels(9)[0], tmp_path / "images/more/late.png")
    found = open_vessels(tmp_path)
    find_note(found, 2, "images/", "a.dcm", "b.nii.gz")
    find_note(found, 1, "masks/", "c.mat")
    find_note(found, 1, "images/more/late.png")
    assert "Thumbs" not in found.describe()
    assert "notes.txt" not in found.describe()


@pytest.mark.parametrize("form", ["mask_{}", "gt-{}", "label {}", "segmentation_{}", "{}_mask", "{}"])
def test_a_mask_s_name_may_begin_with_a_word_for_masks(tmp_path: Path, form: str) -> None:
    _fundi(tmp_path, 4, name="{}")
    for path in sorted((tmp_path / "masks").iterdir()):
        path.rename(path.with_name(f"{form.format(path.stem)}.png"))
    assert sum(map(len, open_vessels(tmp_path).splits.values())) == 4


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_double_endings_are_matched(tmp_path: Path, suffix: str) -> None:
    for number in range(4):
        pixels, vessels, _ = draw_vessels(number)
        save(pixels, tmp_path / f"images/{number}.ome.tif", format="TIFF")
        save(grey(vessels), tmp_path / f"masks/{number}{suffix}.ome.tif", format="TIFF")
    assert sorted(_all(open_vessels(tmp_path))) == [f"{number}.ome" for number in range(4)]


def test_names_are_compared_without_regard_to_case_and_unicode_form(tmp_path: Path) -> None:
    _fundi(tmp_path, 4, name="Bläschen {}")
    for path in sorted((tmp_path / "masks").iterdir()):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name).upper()))
    found = open_vessels(tmp_path)
    for name, mask in _all(found).items():
        np.testing.assert_array_equal(mask, draw_vessels(int(name[-1]))[1])
    assert sum(map(len, found.splits.values())) == 4


def test_images_whose_names_differ_by_case_alone_keep_their_own_masks(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "A", "b")):
        pixels, vessels, _ = draw_vessels(number)
        save(pixels, tmp_path / f"images/{name}.png")
        save(grey(vessels), tmp_path / f"masks/{name}.png")
    for name, mask in _all(open_vessels(tmp_path)).items():
        np.testing.assert_array_equal(mask, draw_vessels("aAb".index(name))[1])


def test_what_was_seen_is_part_of_the_refusal(tmp_path: Path) -> None:
    (tmp_path / "dicom/images").mkdir(parents=True)
    for number in range(5):
        (tmp_path / f"dicom/images/{number}.dcm").write_bytes(b"x")
    with refuses("images/", 5, "0.dcm", "2 more", "masks/"):
        open_vessels(tmp_path / "dicom")
    _fundi(tmp_path / "odd", 4)
    for path in (tmp_path / "odd/masks").iterdir():
        path.rename(path.with_name(f"z{path.name[1:]}"))
    with refuses("4 images", "e0.png", "masks/", "z0.png"):
        open_vessels(tmp_path / "odd")
    save(draw_vessels(0)[0], tmp_path / "alone/images/a.png")
    with refuses("1 image", "masks/"):
        open_vessels(tmp_path / "alone")


def test_a_split_without_masks_and_images_beside_splits_are_told(tmp_path: Path) -> None:
    _fundi(tmp_path / "train", 4)
    shutil.rmtree(_fundi(tmp_path / "test", 3) / "masks")
    _fundi(tmp_path, 2)
    found = open_vessels(tmp_path)
    assert len(found.items("train")) + len(found.items("test")) == 4
    find_note(found, "3 images", "test/", "e0.png")
    find_note(found, "2 images", "e1.png")


def test_both_eyes_stay_together_and_it_is_said(tmp_path: Path) -> None:
    for number in range(10):
        for turn, side in enumerate(("left", "right")):
            pixels, vessels, _ = draw_vessels(2 * number + turn)
            save(pixels, tmp_path / f"images/{number:02}_{side}.png")
            save(grey(vessels), tmp_path / f"masks/{number:02}_{side}.png")
    found = open_vessels(tmp_path)
    people = {split: {item.name[:2] for item in items} for split, items in found.splits.items()}
    assert not people["train"] & people["test"]
    assert (len(people["train"]), len(people["test"])) == (8, 2)
    find_note(found, 10, "eyes")


def test_identical_images_stay_together_and_those_across_splits_are_told(tmp_path: Path) -> None:
    _fundi(tmp_path / "whole", 8)
    shutil.copy(tmp_path / "whole/images/e0.png", tmp_path / "whole/images/e5.png")
    found = open_vessels(tmp_path / "whole")
    groups = {item.name: item.group for items in found.splits.values() for item in items}
    assert groups["e0"] == groups["e5"]
    assert len(set(groups.values())) == 7
    find_note(found, "2 of 8", "e0.png", "e5.png")
    for split in ("train", "test"):
        _fundi(tmp_path / "torn" / split, 4)
    find_note(open_vessels(tmp_path / "torn"), 4, "train", "test", "e0.png")


def test_a_person_in_several_given_splits_is_named(tmp_path: Path) -> None:
    for split, side, start in (("train", "left", 0), ("test", "right", 10)):
        for number in range(3):
            pixels, vessels, _ = draw_vessels(start + number)
            save(pixels, tmp_path / f"{split}/images/{number}_{side}.png")
            save(grey(vessels), tmp_path / f"{split}/masks/{number}_{side}.png")
    find_note(open_vessels(tmp_path), 3, "0, 1, 2", "splits")


def test_vessels_that_do_not_count_are_outside_what_is_scored(tmp_path: Path) -> None:
    for number in range(4):
        pixels, vessels, inside = draw_vessels(number)
        save(pixels, tmp_path / f"images/{number}.png")
        save(np.where(outline(vessels), 255, vessels).astype(np.uint8), tmp_path / f"masks/{number}.png")
        save(grey(inside), tmp_path / f"fov/{number}.png")
    item = open_vessels(tmp_path).items("train")[0]
    _, vessels, inside = draw_vessels(int(item.name))
    picture = load_labelled(item)
    np.testing.assert_array_equal(picture.inside, inside)
    (batch,) = FundusBatches([item], FundusPreparation())
    np.testing.assert_array_equal(batch["picture"].inside, inside & ~outline(vessels))
    known = FundusPreparation().prepare_known(picture)
    assert known is not None
    np.testing.assert_array_equal(known, ~outline(vessels))


@pytest.mark.parametrize("folder", ["fov", "manual2"])
def test_pixels_that_do_not_count_are_refused_where_nothing_leaves_them_out(tmp_path: Path, folder: str) -> None:
    _fundi(tmp_path, 3, masks="manual1")
    for number in range(3):
        _, vessels, inside = draw_vessels(number)
        on = inside if folder == "fov" else vessels
        save(np.where(outline(on), 255, on).astype(np.uint8), tmp_path / f"{folder}/e{number}.png")
    with refuses(0, 1, 255):
        open_vessels(tmp_path)


# Pets


def _pets(root: Path, encode: Callable[[np.ndarray], np.ndarray], count: int = 6) -> PetSet:
    for number in range(count):
        pixels, mask = draw_blob(number)
        save(pixels, root / f"images/{number}.png")
        save(encode(mask), root / f"masks/{number}.png")
    return open_pets(root)


def test_zero_based_trimaps_are_recognised(tmp_path: Path) -> None:
    found = _pets(tmp_path, lambda mask: np.where(outline(mask), 2, ~mask).astype(np.uint8))
    find_note(found, "0 pet", "1 background", "2 border")
    for item in found.items("train"):
        truth = draw_blob(int(item.name))[1]
        np.testing.assert_array_equal(load_pet(item, foreground="pet").mask, truth & ~outline(truth))
        np.testing.assert_array_equal(load_pet(item, foreground="border").mask, outline(truth))
        np.testing.assert_array_equal(load_pet(item, foreground="pet+border").mask, truth | outline(truth))


def test_oxford_s_trimaps_may_be_zero_based_too(tmp_path: Path) -> None:
    names = [f"cat_{number}" for number in range(4)]
    for number, name in enumerate(names):
        pixels, mask = draw_blob(number)
        save(pixels, tmp_path / f"images/{name}.jpg")
        save(np.where(outline(mask), 2, ~mask).astype(np.uint8), tmp_path / f"annotations/trimaps/{name}.png")
    for file, some in (("trainval", names[:3]), ("test", names[3:])):
        (tmp_path / f"annotations/{file}.txt").write_text("\n".join(f"{name} 1 1 1" for name in some))
    found = open_pets(tmp_path)
    find_note(found, "0 pet")
    np.testing.assert_array_equal(load_pet(found.items("train")[0], foreground="border").mask, outline(draw_blob(0)[1]))


def test_numbers_of_classes_are_no_trimaps(tmp_path: Path) -> None:
    def encode(mask: np.ndarray) -> np.ndarray:
        return np.where(np.roll(mask, 25, 1), 2, mask).astype(np.uint8)

    with refuses(0, 1, 2):
        _pets(tmp_path, encode)


@pytest.mark.parametrize("colours", [None, [(37 * number) % 256 for number in range(768)]])
@pytest.mark.parametrize(("ground", "thing"), [(1, 2), (2, 1)])
def test_of_1_and_2_alone_the_one_along_the_frame_is_background(
    tmp_path: Path, ground: int, thing: int, colours: list[int] | None
) -> None:
    for number in range(6):
        pixels, mask = draw_blob(number)
        save(pixels, tmp_path / f"images/{number}.png")
        image = Image.fromarray(np.where(mask, thing, ground).astype(np.uint8))
        if colours:
            image = image.convert("P")
            image.putpalette(colours)
        (tmp_path / "masks").mkdir(exist_ok=True)
        image.save(tmp_path / f"masks/{number}.png")
    found = open_pets(tmp_path)
    find_note(found, f"{ground} runs along the frame", f"{thing} the foreground")
    for item in found.items("train"):
        truth = draw_blob(int(item.name))[1]
        np.testing.assert_array_equal(load_pet(item, foreground="pet+border").mask, truth)


def test_1_and_2_that_share_the_frame_are_refused(tmp_path: Path) -> None:
    with refuses(1, 2, "6 of 6", "0.png", 255):
        _pets(tmp_path, lambda mask: np.where(np.arange(mask.shape[1]) < 30, 2, np.ones(mask.shape)).astype(np.uint8))


def test_a_palette_s_trimaps_are_read_by_their_numbers(tmp_path: Path) -> None:
    def encode(mask: np.ndarray) -> np.ndarray:
        return np.where(outline(mask), 3, np.where(mask, 1, 2)).astype(np.uint8)

    found = _pets(tmp_path, encode)
    for path in (tmp_path / "masks").iterdir():
        image = Image.open(path).convert("P")
        image.putpalette([(37 * number) % 256 for number in range(768)])
        image.save(path)
    found = open_pets(tmp_path)
    find_note(found, "1 pet", "2 background", "3 border")
    item = found.items("train")[0]
    truth = draw_blob(int(item.name))[1]
    np.testing.assert_array_equal(load_pet(item, foreground="border").mask, outline(truth))


def test_classes_1_to_3_on_a_ground_of_1_are_no_trimaps(tmp_path: Path) -> None:
    with refuses(1, 2, 3):
        _pets(tmp_path, lambda mask: (1 + np.where(np.roll(mask, 25, 1), 2, mask)).astype(np.uint8))


def test_pixels_that_do_not_count_are_outside_of_pets(tmp_path: Path) -> None:
    found = _pets(tmp_path, lambda mask: np.where(outline(mask), 255, mask).astype(np.uint8))
    find_note(found, 255)
    for item in found.items("train"):
        truth = draw_blob(int(item.name))[1]
        picture = load_pet(item, foreground="pet+border")
        np.testing.assert_array_equal(picture.inside, ~outline(truth))
        np.testing.assert_array_equal(picture.known, ~outline(truth))


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_photographs_of_phones_and_their_masks_are_turned_alike(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    for number in range(6):
        pixels, mask = draw_blob(number)
        save(pixels, tmp_path / f"images/{number}.jpg", quality=95, **({"exif": exif} if number % 2 else {}))
        save(grey(mask), tmp_path / f"masks/{number}.png")
    found = open_pets(tmp_path)
    find_note(found, "EXIF", "3 of 6", "1.png")
    for items in found.splits.values():
        for item in items:
            picture = load_pet(item, foreground="pet+border")
            inside, outside = picture.pixels[picture.mask].mean(0), picture.pixels[~picture.mask].mean(0)
            assert inside[0] - outside[0] > 100, item.name


def test_sizes_are_held_against_each_other_in_every_split_at_once(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for number in range(3):
            pixels, mask = draw_blob(number + 10 * (split == "val"))
            odd = split == "val" and number == 2
            save(pixels, tmp_path / f"{split}/images/{number}.png")
            save(np.pad(grey(mask), ((0, odd), (0, odd))), tmp_path / f"{split}/masks/{number}.png")
    with refuses("1 of 6", "2.png", "61×41", "60×40"):
        open_pets(tmp_path)


def test_split_folders_of_pairs_are_known_by_what_class_sets_know_and_others_are_told(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "dev", "test1", "holdout")):
        for seed in range(3):
            image, truth, _ = draw_vessels(10 * number + seed)
            save(image, tmp_path / split / "images" / f"{seed}.png")
            save(grey(truth), tmp_path / split / "masks" / f"{seed}.png")
    found = open_vessels(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 3, "val": 3, "test": 3}
    assert [note for note in found.notes if "holdout" in note and "3" in note]
