"""CSV files that name pictures and their labels, read and written as the data sets' makers shape them."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import UserError

PICTURE_COLUMNS = ("filename", "file_name", "file", "image_id", "image", "id", "name", "path")
LABEL_COLUMNS = ("label", "class", "category", "target")


@dataclass(frozen=True)
class LabelTable:
    """A CSV of pictures and labels.

    Attributes:
        path: The file.
        header: Its first row, where that names the columns; else empty.
        rows: All others, blank ones left out.
        picture: Number of the column that names pictures.
        label: Number of the label column; one past the last column where there is none.
        delimiter: What stands between cells.
        newline: What ends a line.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    picture: int
    label: int
    delimiter: str = ","
    newline: str = "\n"

    def labels(self) -> dict[str, str]:
        """Return labels by picture, as written; empty where there is none.

        Raises:
            UserError: If a picture is named twice with different labels.
        """
        found: dict[str, str] = {}
        for row in self.rows:
            name, label = (row[column].strip() if column < len(row) else "" for column in (self.picture, self.label))
            if found.setdefault(name, label) != label:
                raise UserError(
                    f"{self.path.name} gives {name} the labels {found[name]!r} and {label!r}; leave one of the rows."
                )
        return found


def read_label_table(path: Path) -> LabelTable | None:
    """Read a CSV (comma, semicolon or tab) with a column of pictures and mostly one of labels.

    A first row that names columns is a header; without one, the first column names pictures and the second labels.

    Returns:
        None where the first row is a header that names no pictures: a CSV of something else.

    Raises:
        UserError: If it is no CSV in UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except (UnicodeDecodeError, csv.Error):
        raise UserError(f"{path.name} is no CSV in UTF-8; save it again as CSV (comma-separated, UTF-8).") from None
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    pictures = [names.index(name) for name in PICTURE_COLUMNS if name in names]
    labels = [names.index(name) for name in LABEL_COLUMNS if name in names]
    newline = "\r\n" if "\r\n" in text else "\n"
    if not names or (labels and not pictures):
        return None
    if pictures:
        label = labels[0] if labels else len(names)
        return LabelTable(path, rows[0], tuple(rows[1:]), pictures[0], label, delimiter, newline)
    return LabelTable(path, (), tuple(rows), 0, 1, delimiter, newline)


def write_predictions_csv(path: Path, template_csv: Path, predictions: Mapping[str, int | str]) -> None:
    """Write predictions in the shape of a CSV: its columns, its order, its separator, its label column filled.

    Args:
        path: What to write.
        template_csv: Such as ``test.csv``; what its label column holds is replaced.
        predictions: Label by picture: its path or file name, with or without its ending. More than the template names
            may be given.

    Raises:
        UserError: If the template cannot be read, or names a picture without a prediction.
    """
    table = read_label_table(template_csv)
    if table is None:
        raise UserError(f"{template_csv.name} names no pictures; give a CSV with the columns ID and Label.")
    known = {key: label for name, label in predictions.items() for key in _keys(name)}
    missing = [row[table.picture] for row in table.rows if not known.keys() & _keys(row[table.picture])]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(table.rows)} pictures of {template_csv.name} have no prediction, such as "
            f"{missing[0]}; predict every picture that it names."
        )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=table.delimiter, lineterminator=table.newline)
        if table.header:
            writer.writerow(_filled(table.header, table.label, (*table.header, "Label")[table.label]))
        for row in table.rows:
            key = next(key for key in _keys(row[table.picture]) if key in known)
            writer.writerow(_filled(row, table.label, known[key]))


class PictureIndex:
    """Finds the pictures of a folder by what a CSV calls them: a path or its end, with or without the ending."""

    def __init__(self, place: Path, pictures: Iterable[Path]) -> None:
        """Hold pictures.

        Args:
            place: The folder that paths may start from.
            pictures: Files in it or below.
        """
        self._whole: dict[str, Path] = {}
        self._ends: dict[str, Path | None] = {}
        for path in pictures:
            parts = path.relative_to(place).parts
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                for name in {tail, tail.removesuffix(path.suffix)}:
                    self._ends[name] = path if self._ends.get(name, path) == path else None
            self._whole["/".join(parts)] = path

    def find(self, name: str) -> Path | None:
        """Return the picture of this name; None where there is none or several."""
        plain = name.replace("\\", "/").removeprefix("./")
        return self._whole.get(plain) or self._ends.get(plain)


def _keys(name: str) -> tuple[str, str]:
    """Return the names under which a picture is looked for, the exact one first."""
    file = PurePosixPath(name.strip().replace("\\", "/"))
    return file.name, file.stem


def _filled(row: tuple[str, ...], column: int, value: int | str) -> list[str]:
    cells = [*row, *[""] * (column + 1 - len(row))]
    cells[column] = str(value)
    return cells
