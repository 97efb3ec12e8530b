import doctest
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.data.groups import patients as module
from core.data.groups.patients import find_name_groups, find_patient, say_torn
from core.data.layouts.classes import open_classified, train_and_validation_by_class
from tests.data.layouts.labelled_folders import write_picture
from tests.data.layouts.sentences import assert_names


def find_groups(names: Sequence[str]) -> dict[str, str]:
    """Return the groups that several names share."""
    return {name: group for name, group in find_name_groups(names).groups.items() if group != name}


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("stem", "patient"),
    [
        ("patient012_a", "patient012"),
        ("scan_sub-03_run-1", "sub-03"),
        ("Subject 7 (2)", "subject-7"),
        ("P4_left", "p4"),
        ("case_12_slice_3", "case-12"),
        ("person7_virus_2", "person7"),
        ("map12", ""),
        ("0001", ""),
        ("patients", ""),
    ],
)
def test_a_patient_is_read_from_many_kinds_of_names(stem: str, patient: str) -> None:
    assert find_patient(stem) == patient


@pytest.mark.parametrize("pattern", ["{number}_{side}", "{number}-{side} eye", "{side}_{number}", "{number}{side}"])
@pytest.mark.parametrize("sides", [("left", "right"), ("OD", "OS"), ("L", "R")])
def test_both_eyes_are_one_persons(pattern: str, sides: tuple[str, str]) -> None:
    names = {
        f"{grade}/{pattern.format(number=number, side=side)}.jpeg": str(number)
        for number in range(4)
        for grade, side in enumerate(sides)
    }
    assert find_groups(list(names)) == names
    assert find_groups(["0/1_left.png", "0/2_left.png"]) == {}


def test_the_folder_of_a_patient_tells_where_the_name_does_not() -> None:
    names = ["ill/patient1/1.png", "ill/patient1/2.png", "well/patient2/1.png"]
    assert find_groups(names) == {names[0]: "patient1", names[1]: "patient1"}


def test_numbers_that_begin_anew_in_each_class_tell_no_patient() -> None:
    assert find_groups([f"{name}/case_{number}.png" for name in ("cat", "dog") for number in range(3)]) == {}


def test_pictures_of_a_patient_stay_together_and_patients_in_several_splits_are_told(tmp_path: Path) -> None:
    seed = 0
    for split, patients in (("train", range(12)), ("test", range(10, 14))):
        for patient in patients:
            for visit in "abc":
                seed += 1
                write_picture(
                    tmp_path / split / ("ill", "well")[patient % 2] / f"patient{patient}_{visit}.png", seed=seed
                )
    found = open_classified(tmp_path)
    train, val = ({item.group for item in part} for part in train_and_validation_by_class(found, 0.3))
    assert train | val == {f"patient{number}" for number in range(12)}
    assert not train & val
    assert_names(next(note for note in found.notes if "patient10" in note), "2 of 14", "patient11", "test", "train")


def test_several_images_of_an_eye_are_of_one_patient_in_folders_too() -> None:
    names = [f"train/x/Q00{person}_{side}_{number}.png" for person in (1, 2) for side in "LR" for number in (1, 2)]
    groups = find_groups(names)
    assert {groups[name] for name in names} == {"Q001", "Q002"}


@pytest.mark.parametrize(
    "form",
    [
        "{}_left {}_right",
        "Image_{}L Image_{}R",
        "{}_OD {}_OS",
        "{}-l {}-r",
        "eye{}OD eye{}OS",
        "OD_{} OS_{}",
        "{}_left_2021 {}_right_2021",
        "patient{}_1 patient{}_2",
        "patient_{}_a patient_{}_b",
        "sub-{}_run-1 sub-{}_run-2",
        "scan_person{}_x scan_person{}_y",
        "Subject {} before",
        "case{}_1 case{}_12",
    ],
)
def test_images_of_one_person_have_one_group(form: str) -> None:
    people = [f"{number:02}" for number in range(1, 7)]
    names = [
        [each.format(*[person] * each.count("{}")) for each in (form.split(" ") if form.count("{}") > 1 else [form])]
        for person in people
    ]
    found = find_name_groups([name for each in names for name in each])
    groups = [{found.groups[name] for name in each} for each in names]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == len(people)
    assert bool(found.how) == (len(names[0]) > 1)


@pytest.mark.parametrize(
    "names",
    [
        ["girl", "owl", "car", "left"],
        ["01_dr", "01_g", "01_h", "02_dr"],
        ["cat_1", "cat_2", "dog_1", "dog_2"],
        ["Abyssinian_1", "Abyssinian_2", "beagle_1"],
        ["im0001", "im0002"],
        ["tile_12_r3", "tile_12_l3"],
        ["1_1", "1_2", "2_1"],
        ["subway1_a", "subway1_b", "suitcase3_a", "suitcase3_b"],
    ],
)
def test_other_names_stand_alone(names: list[str]) -> None:
    found = find_name_groups(names)
    assert dict(found.groups) == {name: name for name in names}
    assert found.how == ""


def test_a_second_number_is_an_image_of_a_subject_where_all_have_one() -> None:
    names = [f"{subject}_{image}" for subject in range(10, 16) for image in range(2)]
    found = find_name_groups(names)
    assert len(set(found.groups.values())) == 6
    assert_names(found.how, 6)
    assert len(set(find_name_groups([*names, "other"]).groups.values())) == len(names) + 1


def test_groups_that_given_splits_tear_apart_are_named() -> None:
    said = say_torn({"train": ["a", "b", "c"], "test": ["b", "b", "c"]}, ["a", "b"])
    assert_names(said[0], 1, "b")
    assert say_torn({"train": ["a"], "test": ["b"]}, ["a", "b"]) == ()


def test_several_images_of_an_eye_are_of_one_person() -> None:
    names = [f"P00{person}_{side}_{number}" for person in (1, 2, 3) for side in "LR" for number in (1, 2, 3)]
    groups = find_name_groups(names).groups
    assert {groups[name] for name in names} == {"P001", "P002", "P003"}
    assert all(groups[name] == name[:4] for name in names)
    alone = [f"IMG_2020_R_{number:04}" for number in range(5)]
    assert len(set(find_name_groups(alone).groups.values())) == 5, "one person of all would leave nothing to split"


def test_further_words_for_patients_are_known() -> None:
    groups = find_name_groups(["pt01_a", "pt01_b", "pt02_a", "donor-7_x", "donor-7_y"]).groups
    assert groups["pt01_a"] == groups["pt01_b"] != groups["pt02_a"]
    assert groups["donor-7_x"] == groups["donor-7_y"]


@pytest.mark.parametrize(
    "names",
    [
        ["pt01_a", "pt01_b"],
        ["donor-7_x", "donor7_y"],
        ["pid_3_x", "PID 3 y"],
        ["smith_left", "smith_right"],
        ["ill/12_left_2021", "ill/12_right_2022", "ill/13_left"],
        ["person1_bacteria_2", "person1_bacteria_3"],
        ["P001_L_1", "P001_L_2"],
    ],
)
def test_images_of_one_person_are_told_wherever_they_lie(names: list[str]) -> None:
    others = ["ill/other_x", "well/further_y"]
    groups = find_name_groups([*names, *others]).groups
    assert groups[names[0]] == groups[names[1]]
    assert [groups[name] for name in others] == others
    assert find_groups([names[0], *others]) == {}


def test_numbers_of_patches_are_no_persons() -> None:
    assert find_groups([f"scene{scene}_p{patch}" for scene in "ab" for patch in (1, 2)]) == {}


def test_a_second_number_is_of_a_subject_unless_folders_count_anew_or_it_is_the_class(tmp_path: Path) -> None:
    names = [f"{('ill', 'well')[subject % 2]}/{subject}_{number}.png" for subject in range(6) for number in (1, 2)]
    assert set(find_groups(names).values()) == set("012345")
    assert find_groups([f"{name}/{subject}_1.png" for name in ("cat", "dog") for subject in range(6)]) == {}
    for label in range(6):
        for number in range(4):
            write_picture(tmp_path / f"{label}_{number:03}.png", seed=10 * label + number)
    found = open_classified(tmp_path)
    assert len({item.group for items in found.splits.values() for item in items}) == 24


def test_faces_of_persons_are_classes_and_no_groups(tmp_path: Path) -> None:
    for person in range(3):
        for number in range(5):
            write_picture(tmp_path / f"train/person{person}/{number}.png", seed=10 * person + number)
    train, val = train_and_validation_by_class(open_classified(tmp_path), 0.3)
    assert {item.label for item in train} == {item.label for item in val} == {0, 1, 2}
