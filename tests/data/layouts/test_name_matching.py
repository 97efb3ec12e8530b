"""Images and masks that belong together by their names and by those of their folders."""

import doctest
import shutil
from pathlib import Path

import pytest

from core.data.layouts import pair_folders
from core.data.layouts.pets import PetSet, open_pets
from core.data.layouts.vessels import open_vessels
from tests.data.layouts.masked_sets import draw_blob, draw_vessels, grey, save
from tests.data.layouts.sentences import find_note, refuses

# Names of masks


def test_the_examples_hold() -> None:
    assert doctest.testmod(pair_folders).failed == 0


def _named(root: Path, images: str, masks: str, *, place: str = "masks") -> Path:
    """Write images of blobs and the masks of these numbers; equal numbers are equal blobs."""
    for folder, names in (("images", images), (place, masks)):
        for name in names.split():
            pixels, mask = draw_blob(sum(map(ord, name[:4])))
            save(pixels if folder == "images" else grey(mask), root / folder / f"{name}.png")
    return root


def _masks_of(found: PetSet) -> dict[str, str]:
    return {item.name: item.mask.stem for items in found.splits.values() for item in items}


@pytest.mark.parametrize(
    ("images", "masks", "out"),
    [
        ("a b c d", "a_2 b c d", "a_2"),
        ("im_10 im_11 im_12", "im_10_b im_11 im_12", "im_10_b"),
        ("a b c d", "a_2_mask b_mask c_mask d_mask", "a_2_mask"),
        ("a b c d", "a_left b-gt c-gt d-gt", "a_left"),
        ("a b c d", "a_x b_ours c_ours d_ours", "a_x"),
        ("a b c d", "mask_a_2 mask_b mask_c mask_d", "mask_a_2"),
    ],
)
def test_a_mask_of_a_missing_image_is_no_other_image_s(tmp_path: Path, images: str, masks: str, out: str) -> None:
    found = open_pets(_named(tmp_path, images, masks))
    assert sorted(_masks_of(found)) == images.split()[1:]
    find_note(found, "1 of", f"{out}.png")
    find_note(found, "without a mask", f"{images.split(maxsplit=1)[0]}.png")


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("a b c", "a_mask b_mask c_mask"),
        ("a b c", "a-gt b_gt c_gt1"),
        ("a b c", "a_ours b_ours c_ours"),
        ("a b c", "a_1 b_1 c_1"),
        ("a b c", "a_mask_1 b_mask_1 c_mask_2"),
        ("im_1 im_1_2", "im_1_mask im_1_2_mask"),
        ("a b c", "a b_mask c_Segmentation"),
        ("a b c", "mask_a mask_b mask_c"),
        ("a b c", "a.ah b.ah c.ah"),
        ("21_training 22_training", "21_manual1 22_manual1"),
        ("img_1 img_2", "mask_1 mask_2"),
        ("p1_0000 p2_0000", "p1 p2"),
        ("x_sat y_sat", "x_mask y_mask"),
        ("a b c", "a_manual1 a_manual2 b_manual1 c_manual1"),
    ],
)
def test_names_of_masks_that_go_on_alike_belong_to_their_images(tmp_path: Path, images: str, masks: str) -> None:
    owned = _masks_of(open_pets(_named(tmp_path, images, masks)))
    assert [owned[name] for name in images.split()] == [name for name in masks.split() if name != "a_manual2"]


@pytest.mark.parametrize(
    "masks", ["a_mask_1 a_mask_2 b_mask_1 c_mask_1", "a_1 a_2 b_1 b_2 c_1", "a_mask a_mask2 b_mask"]
)
def test_several_masks_of_an_image_s_objects_are_refused(tmp_path: Path, masks: str) -> None:
    first, second, *_ = masks.split()
    with refuses("of", f"{first}.png", f"{second}.png", "join"):
        open_pets(_named(tmp_path, "a b c", masks))


@pytest.mark.parametrize("masks", ["a_2", "a_2 b_1", "1_right 2_right"])
def test_a_set_of_masks_of_other_images_is_refused(tmp_path: Path, masks: str) -> None:
    with refuses("no two names belong together"):
        open_pets(_named(tmp_path, "a b c 1_left 2_left", masks))


@pytest.mark.parametrize("ends", [("manual1", "manual2", "training_mask"), ("1stHO", "2ndHO", "fov_mask")])
def test_one_folder_may_hold_both_observers_masks_and_fields_of_view(tmp_path: Path, ends: tuple[str, ...]) -> None:
    for number in range(21, 26):
        pixels, vessels, inside = draw_vessels(number)
        save(pixels, tmp_path / f"images/{number}_training.png")
        for end, drawn in zip(ends, (vessels, ~inside & vessels | vessels, inside), strict=True):
            save(grey(drawn), tmp_path / f"masks/{number}_{end}.png")
    found = open_vessels(tmp_path)
    for items in found.splits.values():
        for item in items:
            number = item.name[:2]
            assert item.vessels and item.second and item.field_of_view
            assert item.vessels.stem == f"{number}_{ends[0]}"
            assert item.second.stem == f"{number}_{ends[1]}"
            assert item.field_of_view.stem == f"{number}_{ends[2]}"
    find_note(found, "5 files", f"21_{ends[1]}.png")
    find_note(found, "5 files", f"21_{ends[2]}.png")


# Folders whose names say what they hold


def _write_pairs(images: Path, masks: Path, end: str, *, first: int, count: int) -> None:
    for number in range(first, first + count):
        pixels, mask = draw_blob(number)
        save(pixels, images / f"ISIC_{number:04}.jpg")
        save(grey(mask), masks / f"ISIC_{number:04}{end}.png")


@pytest.mark.parametrize(
    "folders",
    [
        "train_images train_masks test_images test_masks",
        "images_train labels_train images_test labels_test",
        "imagesTr labelsTr imagesTs labelsTs",
        "train train_masks test test_masks",
        "train trainannot test testannot",
        "TrainImages TrainMasks TestImages TestMasks",
        "train train test test",
        "ISIC2018_Task1-2_Training_Input ISIC2018_Task1_Training_GroundTruth ISIC_Test_Input ISIC_Test_GroundTruth",
    ],
)
@pytest.mark.parametrize("end", ["", "_segmentation"])
def test_folders_whose_names_say_split_and_content_are_read(tmp_path: Path, folders: str, end: str) -> None:
    images, masks, test_images, test_masks = (tmp_path / name for name in folders.split())
    end = end or ("_mask" if images == masks else "")
    _write_pairs(images, masks, end, first=0, count=5)
    _write_pairs(test_images, test_masks, end, first=5, count=2)
    found = open_pets(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 5, "test": 2}
    assert all(item.mask.stem == f"{item.name}{end}" for items in found.splits.values() for item in items)
    find_note(found, "train", masks.name)
    find_note(found, "test", test_masks.name)


@pytest.mark.parametrize("folders", ["ISIC_images ISIC_masks", "photos segmentations", ". .", "images images"])
def test_images_and_masks_in_two_folders_or_one_are_read(tmp_path: Path, folders: str) -> None:
    images, masks = (tmp_path / name for name in folders.split())
    _write_pairs(images, masks, "_segmentation", first=0, count=6)
    found = open_pets(tmp_path)
    assert {split: len(items) for split, items in found.splits.items()} == {"train": 5, "test": 1}
    assert all(item.mask.stem == f"{item.name}_segmentation" for items in found.splits.values() for item in items)
    find_note(found, masks.name)


def test_a_split_without_masks_and_images_that_are_not_read_are_told(tmp_path: Path) -> None:
    _named(tmp_path, "a b c", "a b c")
    (tmp_path / "images").rename(tmp_path / "imagesTr")
    (tmp_path / "masks").rename(tmp_path / "labelsTr")
    save(draw_blob(9)[0], tmp_path / "imagesTs/t.png")
    find_note(open_pets(tmp_path), "1 image", "imagesTs", "t.png")
    for folder in ("imagesTr", "labelsTr"):
        for path in (tmp_path / folder).iterdir():
            path.rename(path.with_suffix(".nii.gz"))
    with refuses("imagesTr", "3 files", "a.nii.gz"):
        open_pets(tmp_path)


def test_several_folders_that_may_hold_the_masks_are_refused(tmp_path: Path) -> None:
    _named(tmp_path, "a b c", "a b c")
    (tmp_path / "images").rename(tmp_path / "ISIC_Training_Input")
    shutil.copytree(tmp_path / "masks", tmp_path / "ISIC_Task1_Training_GroundTruth")
    (tmp_path / "masks").rename(tmp_path / "ISIC_Task2_Training_GroundTruth")
    with refuses("masks of train", "ISIC_Task1_Training_GroundTruth/", "ISIC_Task2_Training_GroundTruth/"):
        open_pets(tmp_path)


def test_channels_of_an_image_are_refused(tmp_path: Path) -> None:
    with refuses("2 masks", "a_0000", "a_0001", "channels"):
        open_pets(_named(tmp_path, "a_0000 a_0001 b_0000 b_0001", "a b"))


def test_images_without_any_mask_are_told_in_the_refusal(tmp_path: Path) -> None:
    for name in ("a", "b", "c_mask"):
        save(draw_blob(1)[0], tmp_path / f"{name}.png")
    with refuses("3 images", "a.png"):
        open_pets(tmp_path)


def test_predictions_are_no_masks_to_learn_from(tmp_path: Path) -> None:
    _write_pairs(tmp_path / "test_images", tmp_path / "pred_masks", "", first=0, count=3)
    with refuses(tmp_path):
        open_pets(tmp_path)
    _write_pairs(tmp_path / "train_images", tmp_path / "train_masks", "", first=3, count=5)
    found = open_pets(tmp_path)
    assert len([item for items in found.splits.values() for item in items]) == 5
    find_note(found, "3 images", "test_images")
