import doctest

import pytest

from core.data import name_groups
from core.data.name_groups import find_name_groups, say_torn
from tests.data.sentences import assert_names


def test_the_examples_hold() -> None:
    assert doctest.testmod(name_groups).failed == 0


@pytest.mark.parametrize("form", [
    "{}_left {}_right", "Image_{}L Image_{}R", "{}_OD {}_OS", "{}-l {}-r", "eye{}OD eye{}OS", "OD_{} OS_{}",
    "{}_left_2021 {}_right_2021", "patient{}_1 patient{}_2", "patient_{}_a patient_{}_b", "sub-{}_run-1 sub-{}_run-2",
    "scan_person{}_x scan_person{}_y", "Subject {} before", "case{}_1 case{}_12",
])  # fmt: skip
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


@pytest.mark.parametrize("names", [
    ["girl", "owl", "car", "left"], ["01_dr", "01_g", "01_h", "02_dr"], ["cat_1", "cat_2", "dog_1", "dog_2"],
    ["Abyssinian_1", "Abyssinian_2", "beagle_1"], ["im0001", "im0002"], ["tile_12_r3", "tile_12_l3"],
    ["1_1", "1_2", "2_1"], ["subway1_a", "subway1_b", "suitcase3_a", "suitcase3_b"],
])  # fmt: skip
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
