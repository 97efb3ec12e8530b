from pathlib import Path

import pytest

from core.data.classified import open_classified, train_and_validation_by_class
from core.data.patients import find_groups, find_patient
from tests.data.classified_folders import write_picture
from tests.data.sentences import assert_names


@pytest.mark.parametrize(
    ("stem", "patient"),
    [("patient012_a", "patient012"), ("scan_sub-03_run-1", "sub-03"), ("Subject 7 (2)", "subject-7"), ("P4_left", "p4"),
     ("case_12_slice_3", "case-12"), ("person7_virus_2", "person7"), ("map12", ""), ("0001", ""), ("patients", "")],
)  # fmt: skip
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


def test_several_images_of_an_eye_are_of_one_patient() -> None:
    names = [f"train/x/Q00{person}_{side}_{number}.png" for person in (1, 2) for side in "LR" for number in (1, 2)]
    groups = find_groups(names)
    assert {groups[name] for name in names} == {"Q001", "Q002"}
