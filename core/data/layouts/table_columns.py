"""Which column of a table names pictures, which one says the class, the patient or the split."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.data.layouts.pairs import PICTURE_ENDINGS
from core.data.layouts.split_folders import split_of

PICTURE_COLUMNS = (
    "filename", "file name", "file", "image id", "image", "image index", "image name", "id code", "image path",
    "file path", "filepath", "img", "img id", "img name", "img path", "picture", "photo", "path", "id", "name",
)  # fmt: skip
PICTURE_WORDS = frozenset({"image", "images", "img", "file", "filename", "filepath", "path", "picture", "photo"})
LABEL_COLUMNS = (
    "label", "labels", "class", "classes", "class name", "label name", "category", "target", "diagnosis", "dx",
    "finding labels", "finding", "findings", "level", "grade", "species", "breed", "disease", "severity", "class id",
    "class label", "label id", "category id", "category name", "y",
)  # fmt: skip
LABEL_WORDS = frozenset({"label", "labels", "class", "grade", "diagnosis", "category"})
GROUP_COLUMNS = (
    "patient id", "patient", "patientid", "subject id", "subject", "subjectid", "person id", "person", "participant id",
    "participant", "case id", "case", "lesion id", "animal id", "donor id",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "dataset type", "phase", "data set", "dataset")
NO_LABELS = frozenset(
    {"width", "height", "caption", "text", "description", "title", "url", "price", "age", "date", "time", "size",
     "bytes", "license", "author", "source", "index", "row", "x", "y1", "x1", "sex", "gender", "view", "comment"}
)  # fmt: skip
"""Columns that nobody means by a class; a table whose columns are otherwise unknown may have its class in another."""
MISSING = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "null", "?", "-", "--"})
"""What programs and people write into a cell for want of a label, in lower case."""
MOST_SPLITS = 5
SAMPLED = 200
"""So many rows are looked at to tell which column names pictures."""

IsPicture = Callable[[str], bool]
Rows = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are, by their numbers.

    Attributes:
        has_header: Whether the first row names columns.
        picture: Names pictures.
        label: Says the class; None where no column does.
        one_hot: Columns of which one is 1 in a row, and so its class; empty where there are none.
        group: Says the patient.
        split: Says the split.
        guessed: Whether the label column was taken because no other is left.
        rivals: Might have been taken for the class as well, by their names.
    """

    has_header: bool
    picture: int
    label: int | None = None
    one_hot: tuple[int, ...] = ()
    group: int | None = None
    split: int | None = None
    guessed: bool = False
    rivals: tuple[int, ...] = ()


def find_columns(rows: Rows, is_picture: IsPicture | None = None) -> Columns | None:
    """Return what the columns of a table are; None where its header names no pictures, and none of them does.

    Args:
        rows: All of them, with a header or without.
        is_picture: Says whether a cell names a picture that is there, where that is known.
    """
    names = [plain_column(cell) for cell in rows[0]]
    label, group, split = (_first(names, known) for known in (LABEL_COLUMNS, GROUP_COLUMNS, SPLIT_COLUMNS))
    known = [place for each in PICTURE_COLUMNS for place, name in enumerate(names) if name == each]
    known += [place for place, name in enumerate(names) if place not in known and PICTURE_WORDS & {*name.split()}]
    worded = [place for place, name in enumerate(names) if LABEL_WORDS & {*name.split()} and place not in known]
    if label is None:
        label = next(iter(worded), None)
    named = bool(known) or label is not None or group is not None
    has_header = not _names_a_picture(rows[0], is_picture) and (named or _is_header(rows, is_picture))
    body = rows[1:] if has_header else rows
    if not has_header:
        return Columns(has_header=False, picture=0, label=1 if max(map(len, rows)) > 1 else None)
    picture = _picture_column(known, body, is_picture, len(names), label)
    if picture is None:
        return None
    label, group, split = (None if place == picture else place for place in (label, group, split))
    split = _by_words(names, body, {picture, label, group}) if split is None else split
    one_hot = _one_hot(names, body, {picture, group, split}) if label is None else ()
    guess = None if label is not None or one_hot or is_picture is None else _only_other(names, body, picture)
    told = {place for place, name in enumerate(names) if name in LABEL_COLUMNS} | {*worded}
    rivals = tuple(sorted(told - {picture, label, group, split})) if label is not None else ()
    return Columns(
        has_header=True, picture=picture, label=guess if label is None else label, one_hot=one_hot, group=group,
        split=split, guessed=guess is not None, rivals=rivals,
    )  # fmt: skip


def plain_column(name: str) -> str:
    """Return a column's name in lower case with single spaces.

    >>> plain_column(" Image_Index "), plain_column("Finding-Labels"), plain_column("PatientID")
    ('image index', 'finding labels', 'patientid')
    """
    return re.sub(r"[\s_.-]+", " ", unicodedata.normalize("NFC", name)).strip().casefold()


def cell(row: Sequence[str], column: int | None) -> str:
    """Return a cell without the space around it; empty where the row is too short or no column is meant."""
    return row[column].strip() if column is not None and column < len(row) else ""


def _first(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _is_header(rows: Rows, is_picture: IsPicture | None) -> bool:
    """Say whether a first row of unknown names, none of which is a picture, stands above rows that name some."""
    return any(_names_a_picture(row, is_picture) for row in rows[1:SAMPLED])


def _names_a_picture(row: tuple[str, ...], is_picture: IsPicture | None) -> bool:
    return any(_has_ending(each) or (is_picture is not None and is_picture(each.strip())) for each in row)


def _has_ending(name: str) -> bool:
    return PurePosixPath(name.strip().lower()).suffix in PICTURE_ENDINGS


def _picture_column(
    known: Sequence[int], rows: Rows, is_picture: IsPicture | None, width: int, label: int | None
) -> int | None:
    """Return the column whose cells name pictures: by what is there if that is known, else by its own name."""
    if is_picture is None:
        ended = [column for column in range(width) if rows and all(_has_ending(cell(row, column)) for row in rows)]
        return next(iter([*known, *ended]), None)
    sample = rows[:: max(1, len(rows) // SAMPLED)]
    shares = {column: sum(is_picture(cell(row, column)) for row in sample) for column in range(width)}
    others = [column for column in range(width) if column not in known and column != label]
    for columns in (known, others):  # a label such as 1 may be the name of a picture, too
        mostly = [column for column in columns if 2 * shares[column] >= len(sample) > 0]
        some = sorted((column for column in columns if shares[column]), key=lambda column: -shares[column])
        if mostly or some:
            return (mostly or some)[0]
    return next(iter(known), None)


def _one_hot(names: Sequence[str], rows: Rows, used: set[int | None]) -> tuple[int, ...]:
    """Return the columns of zeros and ones, where most rows have a single 1 among them.

    A column without which all rows have a single 1 is none of them, such as ``male``.
    """
    values = {column: {cell(row, column) for row in rows} for column in range(len(names)) if column not in used}
    hot = tuple(column for column, cells in values.items() if cells and {*map(as_label, cells)} <= {"0", "1"})
    single = sum(len(ones(row, hot)) == 1 for row in rows)
    fewer = [tuple(column for column in hot if column != each) for each in hot] if single < len(rows) else []
    whole = next((each for each in fewer if len(each) > 1 and all(len(ones(row, each)) == 1 for row in rows)), None)
    return whole or (hot if len(hot) > 1 and rows and 2 * single >= len(rows) else ())


def _by_words(names: Sequence[str], rows: Rows, used: set[int | None]) -> int | None:
    """Return the column whose few words are those of splits, train among them, whatever it is called."""
    for column in (each for each in range(len(names)) if each not in used):
        words = {word for row in rows if (word := cell(row, column))}
        splits = {split_of(word) for word in words} if len(words) <= MOST_SPLITS else set()
        if "train" in splits and len(splits - {None}) > 1:
            return column
    return None


def ones(row: Sequence[str], columns: Sequence[int]) -> list[int]:
    """Return the columns that are 1 in a row."""
    return [column for column in columns if as_label(cell(row, column)) == "1"]


def as_label(text: str) -> str:
    """Return a label as written, a whole number without its decimals.

    >>> as_label("1.0"), as_label("0.50"), as_label("007"), as_label("Cat 2.0")
    ('1', '0.50', '007', 'Cat 2.0')
    """
    return re.sub(r"^(-?\d+)\.0+$", r"\1", text.strip())


def told_label(text: str) -> str:
    """Return a table's label as :func:`as_label` does; empty where programs write that there is none.

    >>> [told_label(text) for text in ("NaN", "n/a", "?", "none", "1.0")]
    ['', '', '', 'none', '1']
    """
    return "" if text.strip().lower() in MISSING else as_label(text)


def _only_other(names: Sequence[str], rows: Rows, picture: int) -> int | None:
    """Return the one column that is left and repeats itself as classes do."""
    others = [column for column, name in enumerate(names) if column != picture and name not in NO_LABELS]
    if len(others) != 1 or len(names) > 2:
        return None
    words = [cell(row, others[0]) for row in rows]
    return others[0] if all(words) and 1 < len(set(words)) <= len(words) / 2 else None
