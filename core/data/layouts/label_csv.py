"""CSV files that name pictures and their labels, read and written as the data sets' makers shape them."""

import csv
import io
import re
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.data.layouts.image_index import PathIndex, PictureIndex
from core.data.layouts.table_columns import Columns, IsPicture, cell, find_columns, ones, told_label
from core.errors import UserError

__all__ = ["LabelTable", "PictureIndex", "read_label_table", "write_predictions_csv"]


@dataclass(frozen=True)
class LabelTable:
    """A CSV of pictures and labels.

    Attributes:
        path: The file.
        header: Its first row, where that names the columns; else empty.
        rows: All others, blank ones left out.
        columns: What its columns are.
        delimiter: What stands between cells.
        newline: What ends a line.
        opening: The line ``sep=;`` that Excel puts before all others, with its end; mostly empty.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: Columns
    delimiter: str = ","
    newline: str = "\n"
    opening: str = ""

    @property
    def has_labels(self) -> bool:
        """Say whether a column, or several together, say the class."""
        return self.columns.label is not None or bool(self.columns.one_hot)

    @property
    def label_column(self) -> int:
        """Return the number of the label column; one past the last where there is none."""
        return (len(self.header) or 1) if self.columns.label is None else self.columns.label

    def labels(self) -> dict[str, str]:
        """Return labels by picture, as written but for whole numbers such as 1.0; empty where there is none.

        Raises:
            UserError: If a picture is named twice with different labels.
        """
        found: dict[str, str] = {}
        for row in self.rows:
            name, label = cell(row, self.columns.picture), self._label(row)
            if found.setdefault(name, label) != label:
                raise UserError(
                    f"{self.path.name} gives {name} the labels {found[name]!r} and {label!r}; leave one of the rows."
                )
        return found

    def say_rivals(self) -> list[str]:
        """Return the sentence on which of several columns was taken for the class; none where one alone may be it."""
        taken, others = self.columns.label, self.columns.rivals
        if taken is None or not others:
            return []
        names = " and ".join(self.header[column].strip() for column in others)
        return [
            f"The class is read from the column {self.header[taken].strip()} of {self.path.name} and not from {names}, "
            "which might be meant as well."
        ]

    def told(self, column: int | None) -> dict[str, str]:
        """Return what another column says, by picture; nothing where there is no such column or the cell is empty."""
        if column is None:
            return {}
        return {cell(row, self.columns.picture): cell(row, column) for row in self.rows if cell(row, column)}

    def _label(self, row: Sequence[str]) -> str:
        if not self.columns.one_hot:
            return told_label(cell(row, self.columns.label))
        hot = ones(row, self.columns.one_hot)
        return self.header[hot[0]].strip() if len(hot) == 1 else ""


def read_label_table(path: Path, is_picture: IsPicture | None = None) -> LabelTable | None:
    """Read a CSV (comma, semicolon or tab) with a column of pictures and mostly one of labels.

    A first row that names columns is a header; without one, the first column names pictures and the second labels.

    Args:
        path: The file.
        is_picture: Says whether a cell names a picture that is there. Then columns of unknown names are understood too.

    Returns:
        None where the first row is a header that names no pictures: a CSV of something else.

    Raises:
        UserError: If it is no CSV in UTF-8.
    """
    text = _read(path)
    opening = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    body = text[opening.end() :] if opening else text
    delimiter = opening[1] if opening else _separator(body)
    try:
        rows = _rows(body, delimiter)
    except csv.Error:
        raise UserError(_no_csv(path)) from None
    columns = find_columns(rows, is_picture) if rows else None
    if columns is None:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    header = rows.pop(0) if columns.has_header else ()
    return LabelTable(path, header, tuple(rows), columns, delimiter, newline, opening[0] if opening else "")


def _rows(body: str, delimiter: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter) if any(row)]


def _separator(body: str) -> str:
    """Return what separates cells: what gives all rows equally many, else what the first line holds most of.

    A quoted cell may hold any of them.
    """
    widths: dict[str, set[int]] = {}
    for each in ",;\t":
        with suppress(csv.Error):
            widths[each] = {len(row) for row in _rows(body, each)}
    even = {each: min(found) for each, found in widths.items() if len(found) == 1 and min(found) > 1}
    if even:
        return max(even, key=even.__getitem__)
    return max(",;\t", key=body.partition("\n")[0].count)


def write_predictions_csv(path: Path, template_csv: Path, predictions: Mapping[str, int | str]) -> None:
    """Write predictions in the shape of a CSV: its columns, its order, its separator, its label column filled.

    Pictures are told apart by their paths: a bare name will do where a single picture has it.

    Args:
        path: What to write.
        template_csv: Such as ``test.csv``; what its label column holds is replaced.
        predictions: Label by the picture's path. More than the template names may be given.

    Raises:
        UserError: If the template cannot be read, or names a picture without a prediction, or one that could be two.
    """
    table = read_label_table(template_csv)
    if table is None:
        raise UserError(f"{template_csv.name} names no pictures; give a CSV with the columns ID and Label.")
    known = _match(table, predictions)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(table.opening)
        writer = csv.writer(file, delimiter=table.delimiter, lineterminator=table.newline)
        column = table.label_column
        if table.header:
            writer.writerow(_filled(table.header, column, (*table.header, "Label")[column]))
        for row in table.rows:
            writer.writerow(_filled(row, column, predictions[known[cell(row, table.columns.picture)]]))


def _match(table: LabelTable, predictions: Mapping[str, int | str]) -> Mapping[str, str]:
    """Return the path of the prediction of each name of a template.

    Raises:
        UserError: If a name fits none or two, or two names fit one.
    """
    name, matches = (
        table.path.name,
        PathIndex(predictions).match(cell(row, table.columns.picture) for row in table.rows),
    )
    for wanted, paths in matches.unclear.items():
        raise UserError(
            f"{name} asks for {wanted}, which may be {paths[0]} or {paths[1]}; write the folder into {name} too, or "
            "predict one of them alone."
        )
    for given, wanted_names in matches.shared.items():
        raise UserError(
            f"{name} asks for {wanted_names[0]} and for {wanted_names[1]}, and {given} may be either; predict both by "
            "paths that name their folders."
        )
    if matches.missing:
        raise UserError(
            f"{len(matches.missing)} of {len(table.rows)} pictures of {name} have no prediction, such as "
            f"{matches.missing[0]}; predict every picture that it names."
        )
    return matches.found


def _read(path: Path) -> str:
    """Return a table's text; what is no ordinary file, such as a pipe, is not waited for.

    Raises:
        UserError: If it is none, or no text in UTF-8.
    """
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise UserError(_no_csv(path))
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(_no_csv(path)) from None


def _no_csv(path: Path) -> str:
    return f"{path.name} is no CSV in UTF-8; save it again as CSV (comma-separated, UTF-8)."


def _filled(row: tuple[str, ...], column: int, value: int | str) -> list[str]:
    cells = [*row, *[""] * (column + 1 - len(row))]
    cells[column] = str(value)
    return cells
