from collections import Counter
from pathlib import Path

import pytest

from core.data.layouts.classes import ClassifiedSet, open_classified
from tests.data.layouts.labelled_folders import write_class_folders, write_picture, write_table
from tests.data.layouts.sentences import assert_names, refuses


def _pictures(root: Path, count: int = 10, *, place: str = "images") -> list[str]:
    """Write so many pictures and return their names without ending."""
    for number in range(count):
        write_picture(root / place / f"a{number}.png", seed=number)
    return [f"a{number}" for number in range(count)]


def _words(found: ClassifiedSet) -> Counter[str]:
    return Counter(
        found.classes[item.label] for items in found.splits.values() for item in items if item.label is not None
    )


def _sizes(found: ClassifiedSet) -> dict[str, int]:
    return {split: len(items) for split, items in found.splits.items()}


@pytest.mark.parametrize(
    ("picture", "label"),
    [("image", "labels"), ("image", "level"), ("id_code", "diagnosis"), ("Image Index", "Finding Labels"),
     ("X_ray_image_name", "Label"), ("img_path", "class_name"), ("photograph", "kind of animal"),
     ("Image name", "dr_grade")],
)  # fmt: skip
def test_columns_are_known_by_many_names_and_a_header_is_no_image(tmp_path: Path, picture: str, label: str) -> None:
    rows = [(f"{name}.png", "ant" if number % 2 else "bee") for number, name in enumerate(_pictures(tmp_path))]
    write_table(tmp_path / "labels.csv", rows, f"{picture},{label}")
    found = open_classified(tmp_path)
    assert (found.layout, _words(found)) == ("table", Counter(ant=5, bee=5))


def test_a_column_that_was_guessed_is_told(tmp_path: Path) -> None:
    rows = [(f"{name}.png", "ant" if number % 2 else "bee") for number, name in enumerate(_pictures(tmp_path))]
    write_table(tmp_path / "labels.csv", rows, "photograph,kind")
    assert any("kind" in note and "labels.csv" in note for note in open_classified(tmp_path).notes)


@pytest.mark.parametrize("opening", ["sep=;\r\n", "SEP=;\n"])
def test_the_line_that_excel_puts_first_is_no_row(tmp_path: Path, opening: str) -> None:
    rows = "".join(f"{name};{number % 2}\r\n" for number, name in enumerate(_pictures(tmp_path)))
    (tmp_path / "labels.csv").write_bytes(f"{opening}image;level\r\n{rows}".encode())
    assert _words(open_classified(tmp_path)) == Counter({"0": 5, "1": 5})


@pytest.mark.parametrize("start", ["/home/somebody/set/images/", "C:\\Users\\somebody\\set\\images\\", "set/images/"])
def test_paths_of_another_machine_are_matched_by_their_end(tmp_path: Path, start: str) -> None:
    rows = [(f"{start}{name}.png", number % 2) for number, name in enumerate(_pictures(tmp_path))]
    write_table(tmp_path / "labels.csv", rows, "filepath,label")
    assert _words(open_classified(tmp_path)) == Counter({"0": 5, "1": 5})


def test_a_path_into_another_folder_is_not_matched(tmp_path: Path) -> None:
    names = _pictures(tmp_path, place="images/right")
    rows = [(f"{'left' if number == 7 else 'right'}/{name}.png", number % 2) for number, name in enumerate(names)]
    write_table(tmp_path / "labels.csv", rows, "filename,label")
    with refuses("1 of 10", "left/a7.png"):
        open_classified(tmp_path)


@pytest.mark.parametrize("one", ["1", "1.0"])
def test_columns_of_zeros_and_ones_are_classes(tmp_path: Path, one: str) -> None:
    names = _pictures(tmp_path, 12)
    zero = one.replace("1", "0", 1)
    rows = [(name, *(one if number % 3 == place else zero for place in range(3))) for number, name in enumerate(names)]
    rows[0] = (names[0], one, one, zero)
    write_table(tmp_path / "labels.csv", rows, "image_id,healthy,rust,scab")
    found = open_classified(tmp_path)
    assert _words(found) == Counter(healthy=3, rust=4, scab=4)
    assert_names(next(note for note in found.notes if "a0" in note), "1 of 12", "labels.csv")


def test_images_with_several_findings_are_told_and_left_out(tmp_path: Path) -> None:
    words = ["Mass", "Effusion", "Mass|Effusion", "No Finding", "Mass"] * 2
    rows = [(f"{name}.png", word) for name, word in zip(_pictures(tmp_path), words, strict=True)]
    write_table(tmp_path / "Data_Entry.csv", rows, "Image Index,Finding Labels")
    found = open_classified(tmp_path)
    assert _words(found) == Counter({"Mass": 4, "Effusion": 2, "No Finding": 2})
    assert_names(next(note for note in found.notes if "a2.png" in note), "2 of 10", "a7.png", "Data_Entry.csv")


def test_whole_numbers_with_decimals_are_the_numbers(tmp_path: Path) -> None:
    rows = [(f"{name}.png", float(number % 2)) for number, name in enumerate(_pictures(tmp_path))]
    write_table(tmp_path / "labels.csv", rows, "filename,label")
    assert open_classified(tmp_path).classes == ("0", "1")
    named = open_classified(tmp_path, class_order=("NORMAL", "PNEUMONIA"))
    assert named.classes == ("NORMAL", "PNEUMONIA")
    assert any("0 = NORMAL" in note and "1 = PNEUMONIA" in note for note in named.notes)


def test_images_that_the_table_does_not_name_are_told(tmp_path: Path) -> None:
    rows = [(f"{name}.png", number % 2) for number, name in enumerate(_pictures(tmp_path))][:6]
    write_table(tmp_path / "labels.csv", rows, "filename,label")
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 4, "test": 2}
    assert_names(next(note for note in found.notes if "labels.csv" in note), "4 of 10", "images/a6.png", "1 more")


def test_images_that_train_csv_does_not_name_are_told(tmp_path: Path) -> None:
    rows = [(f"{name}.png", number % 2) for number, name in enumerate(_pictures(tmp_path, place="train_images"))][:8]
    write_table(tmp_path / "train.csv", rows)
    assert_names(open_classified(tmp_path).notes[0], "2 of 10", "train.csv", "a8.png")


def test_a_table_and_a_place_to_write_predictions_into(tmp_path: Path) -> None:
    rows = [(name, "ant" if number % 2 else "bee") for number, name in enumerate(_pictures(tmp_path, place="train"))]
    write_table(tmp_path / "labels.csv", rows, "id,breed")
    for number in range(4):
        write_picture(tmp_path / f"test/t{number}.png", seed=900 + number)
    write_table(tmp_path / "sample_submission.csv", [(f"t{n}", 0.5, 0.5) for n in range(4)], "id,ant,bee")
    found = open_classified(tmp_path)
    assert _sizes(found) == {"train": 10, "unlabelled": 4}
    assert found.template == tmp_path / "sample_submission.csv"


@pytest.mark.parametrize("by_column", [True, False])
def test_the_splits_of_one_table_are_kept(tmp_path: Path, by_column: bool) -> None:
    place = "images" if by_column else ""
    write_class_folders(tmp_path / place, {"train": 8, "test": 4}) if not by_column else _pictures(tmp_path, 12)
    names = [f"a{n}.png" for n in range(12)] if by_column else [
        *(f"train/{n:04d}.png" for n in range(8)), *(f"test/{n:04d}.png" for n in range(4))
    ]  # fmt: skip
    rows = [(name, n % 2, "TRAIN" if n < 8 else "TEST") for n, name in enumerate(names)]
    write_table(tmp_path / "metadata.csv", rows if by_column else [row[:2] for row in rows],
                "filename,label,Dataset_type" if by_column else "filename,label")  # fmt: skip
    assert _sizes(open_classified(tmp_path)) == {"train": 8, "test": 4}


def test_patients_of_a_column_stay_together(tmp_path: Path) -> None:
    names = _pictures(tmp_path, 24)
    rows = [(f"{name}.png", number % 2, f"{number // 4}") for number, name in enumerate(names)]
    write_table(tmp_path / "labels.csv", rows, "image,diagnosis,patient_id")
    found = open_classified(tmp_path)
    groups = [{item.group for item in found.items(split)} for split in ("train", "test")]
    assert groups[0] | groups[1] == {str(number) for number in range(6)}
    assert not groups[0] & groups[1]


def test_numbers_of_another_set_in_report_r1s_folders_stay_numbers(tmp_path: Path) -> None:
    names = _pictures(tmp_path, place="train_images")
    write_table(tmp_path / "train.csv", [(name, number % 3) for number, name in enumerate(names)], "id_code,diagnosis")
    assert open_classified(tmp_path).classes == ("0", "1", "2")


def test_labels_that_are_names_of_pictures_too_are_no_names(tmp_path: Path) -> None:
    for number in range(8):
        write_picture(tmp_path / f"img/{number}.png", seed=number)
    write_table(tmp_path / "labels.csv", [(f"{number}.png", number % 2) for number in range(10)], "filename,label")
    with refuses("2 of 10", "labels.csv", "8.png"):
        open_classified(tmp_path)


def test_a_table_without_a_class_is_named_where_nothing_else_tells_one(tmp_path: Path) -> None:
    rows = [(f"{name}.png", 20.5 + number) for number, name in enumerate(_pictures(tmp_path))]
    write_table(tmp_path / "people.csv", rows, "filename,bmi")
    with refuses("people.csv", "10 images"):
        open_classified(tmp_path)


def test_a_split_of_an_unknown_name_is_refused_and_not_replaced_by_another(tmp_path: Path) -> None:
    words = ["Training"] * 6 + ["Hold-out-of-it"] * 4
    rows = [
        (f"{name}.png", "ant" if number % 2 else "bee", words[number])
        for number, name in enumerate(_pictures(tmp_path))
    ]
    write_table(tmp_path / "labels.csv", rows, "image,label,split")
    with refuses("Hold-out-of-it"):
        open_classified(tmp_path)


@pytest.mark.parametrize(
    ("header", "taken", "others"),
    [
        ("image,diagnosis,level", "diagnosis", ["level"]),
        ("image,grade,label,level", "label", ["grade", "level"]),
        ("image,dr_grade,me_grade", "dr_grade", ["me_grade"]),
    ],
)
@pytest.mark.parametrize("table", ["labels.csv", "train.csv"])
def test_of_several_columns_for_the_class_the_one_that_was_taken_is_told(
    tmp_path: Path, header: str, taken: str, others: list[str], table: str
) -> None:
    columns = header.split(",")
    rows = [
        [f"{name}.png", *(f"{column}{number % 2}" for column in columns[1:])]
        for number, name in enumerate(_pictures(tmp_path))
    ]
    write_table(tmp_path / table, rows, header)
    found = open_classified(tmp_path)
    assert _words(found) == Counter({f"{taken}0": 5, f"{taken}1": 5})
    assert_names(next(note for note in found.notes if table in note), taken, *others)


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("train_images", "test_images")])
def test_equal_names_in_two_split_folders_are_told_apart_by_the_column_of_splits(
    tmp_path: Path, train: str, test: str
) -> None:
    rows = []
    for place, split in ((train, "train"), (test, "TEST")):
        for number, name in enumerate(_pictures(tmp_path, 6, place=place)):
            rows.append((f"{name}.png", "ant" if (number + len(split)) % 2 else "bee", split))
    for kind in ("splits", "crossed"):
        labels = (
            rows
            if kind == "splits"
            else [(name, "ant" if split == "TEST" else "bee", split) for name, _, split in rows]
        )
        write_table(tmp_path / "labels.csv", labels, "file,label,split")
        found = open_classified(tmp_path)
        assert _sizes(found) == {"train": 6, "test": 6}
        told = {(item.name.split("_")[0].split("/")[0], item.image.stem, item.label) for item in found.splits["test"]}
        assert told == {
            ("test", name[:2], found.classes.index(label)) for name, label, split in labels if split == "TEST"
        }


@pytest.mark.parametrize("header", ["file,label", "file,label,split"])
def test_equal_names_in_two_folders_that_nothing_tells_apart_are_refused_with_the_reason(
    tmp_path: Path, header: str
) -> None:
    places = ("train", "test") if header.count(",") == 1 else ("train", "train/more")
    rows = [
        (f"{name}.png", "ab"[number % 2], "train")
        for place in places
        for number, name in enumerate(_pictures(tmp_path, 6, place=place))
    ]
    write_table(tmp_path / "labels.csv", [row[: header.count(",") + 1] for row in rows], header)
    with refuses("6 of 6", "labels.csv", "a0.png", f"{places[0]}/a0.png", f"{places[1]}/a0.png", "split"):
        open_classified(tmp_path)


@pytest.mark.parametrize("missing", ["NaN", "N/A", "#N/A", "null", "?", " nan "])
def test_what_stands_for_a_missing_label_is_no_class(tmp_path: Path, missing: str) -> None:
    words = ["ant", "bee", "bee", missing, "ant", missing, "bee", "ant", "ant", "bee"]
    rows = [(f"{name}.png", word) for name, word in zip(_pictures(tmp_path), words, strict=True)]
    write_table(tmp_path / "labels.csv", rows, "image,label")
    with refuses("a3.png", "labels.csv"):
        open_classified(tmp_path)


@pytest.mark.parametrize("column", ["fold", "Teil", "usage"])
def test_a_column_of_splits_is_known_by_its_words(tmp_path: Path, column: str) -> None:
    words = ["Train"] * 6 + ["Test"] * 4
    rows = [(f"{name}.png", number % 2, words[number]) for number, name in enumerate(_pictures(tmp_path))]
    write_table(tmp_path / "labels.csv", rows, f"image,label,{column}")
    assert _sizes(open_classified(tmp_path)) == {"train": 6, "test": 4}
    rows[-1] = ("a9.png", 1, "apart")
    write_table(tmp_path / "labels.csv", rows, f"image,label,{column}")
    with refuses("apart"):
        open_classified(tmp_path)


def test_another_column_of_zeros_and_ones_beside_those_of_classes_is_no_class(tmp_path: Path) -> None:
    rows = [
        (name, n % 2, *(int(n % 3 == place) for place in range(3))) for n, name in enumerate(_pictures(tmp_path, 12))
    ]
    write_table(tmp_path / "labels.csv", rows, "image_id,male,healthy,rust,scab")
    found = open_classified(tmp_path)
    assert _words(found) == Counter(healthy=4, rust=4, scab=4)
