"""Predictions of many pictures as one CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.data.layouts.label_csv import write_predictions_csv
from core.errors import UserError


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], template: Path | None = None) -> None:
    """Write a row for each picture.

    Args:
        path: What to write.
        rows: ``image``, and what the prediction's ``as_json`` gave; or ``image`` and ``error``.
        template: A CSV such as ``test.csv`` in whose shape the classes' labels are written instead.

    Raises:
        UserError: If the file cannot be written, or the template asks for what was not predicted.
    """
    try:
        if template is None:
            path.write_text(render_table(rows), encoding="utf-8", newline="")
        else:
            labels = {str(row["image"]): row["label"] for row in rows if "label" in row}
            if not labels:
                raise UserError("A template was given, but this model tells no classes; leave --template out.")
            write_predictions_csv(path, template, labels)
    except OSError as error:
        raise UserError(f"{error.filename or path} cannot be used ({error.strerror}); give another file.") from error


def render_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a CSV of the columns that hold one value, in the order in which they first occur.

    A class's probability is a column of its own.
    """
    flat, text = [_flattened(row) for row in rows], io.StringIO()
    columns = list(dict.fromkeys(name for row in flat for name in row))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": each for key, each in value.items() if not isinstance(each, dict | list)}
        elif isinstance(value, list):
            flat[name] = " ".join(str(each) for each in value)
        else:
            flat[name] = value
    return flat
