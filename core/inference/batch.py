"""Many pictures through one predictor: a row for each, also for those that cannot be read."""

import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from core.data.image_io.zip_reader import (
    DEFAULT_ARCHIVE_LIMITS,
    ArchiveLimits,
    count_members,
    is_archive,
    iterate_members,
)
from core.errors import UserError
from core.inference.predictors.predictor import Prediction, Predictor

MASKS: Mapping[str, str] = {
    "reconstruction": "reconstruction",
    "segmentation": "mask",
    "semantic": "labels",
    "translation": "generated",
}
"""Which of a prediction's pictures is its answer, by the kind of learning problem; classes have none."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """One picture of many.

    Attributes:
        name: As the user knows it.
        source: Its path or bytes; None where it cannot be had.
        refusal: Why not.
    """

    name: str
    source: Path | bytes | None
    refusal: str = ""


def predict_many(
    predictor: Predictor, pictures: Iterable[Given], keep: Callable[[Prediction, str], Row] | None = None
) -> Iterator[tuple[Row, str]]:
    """Predict pictures one after the other; one that is refused is told in its row and the others go on.

    Args:
        predictor: What answers.
        pictures: What to answer for.
        keep: Is given each prediction with the picture's name; what it returns joins the row.

    Yields:
        A row with ``image`` and either what the prediction's ``as_json`` gives or ``error``; and the result in a
        sentence, empty after an error.
    """
    for each in pictures:
        try:
            if each.source is None:
                raise UserError(f"{each.name}: {each.refusal}")
            prediction = predictor.predict_file(each.source, name=each.name)
        except UserError as error:
            yield {"image": each.name, "error": str(error)}, ""
            continue
        kept = keep(prediction, each.name) if keep else {}
        yield {"image": each.name, **prediction.as_json(), **kept}, prediction.say()


def iterate_given(paths: Sequence[Path], limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Iterator[Given]:
    """Yield the pictures of some files, of which each may be a ZIP of them; a ZIP that is refused is one row.

    Of files with the same name the second is called ``eye.png (2)``: what is uploaded brings no folders.

    Raises:
        UserError: If more than ``limits.most_members`` are given.
    """
    count = count_given(paths)
    if count > limits.most_members:
        raise UserError(f"{count:,} pictures were given and at most {limits.most_members:,} are allowed: give fewer.")
    seen = Counter[str]()
    for path in paths:
        seen[path.name] += 1
        name = path.name if seen[path.name] == 1 else f"{path.name} ({seen[path.name]})"
        if not is_archive(path):
            yield Given(name, path)
            continue
        try:
            for member in iterate_members(path, limits):
                yield Given(member.name, None if member.refusal else member.content, member.refusal)
        except UserError as error:
            yield Given(path.name, None, str(error))


def count_given(paths: Sequence[Path]) -> int:
    """Return how many pictures some files hold, of which each may be a ZIP of them."""
    return sum(max(1, count_members(path)) if is_archive(path) else 1 for path in paths)


@dataclass
class MaskArchive:
    """The answers of many pictures as PNG in one ZIP, written as they come.

    Attributes:
        kind: Of the learning problem; some have no picture for an answer.
    """

    kind: str
    _content: io.BytesIO = field(default_factory=io.BytesIO)
    _names: set[str] = field(default_factory=set)

    def keep(self, prediction: Prediction, name: str) -> Row:
        """Add a prediction's answer and return its name in the ZIP, if its kind has one."""
        raster = MASKS.get(self.kind)
        if raster is None:
            return {}
        packed = io.BytesIO()
        Image.fromarray(prediction.rasters()[raster]).save(packed, "PNG")
        own = self._free_name(name)
        with zipfile.ZipFile(self._content, "a") as archive:  # PNG is packed already
            archive.writestr(own, packed.getvalue())
        self._names.add(own)
        return {"mask": own}

    def close(self) -> bytes | None:
        """Return the ZIP; None where nothing was put into it."""
        return self._content.getvalue() if self._names else None

    def _free_name(self, name: str) -> str:
        """Return a name within the ZIP that no picture has yet and that leads nowhere else."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        base = "/".join(parts) or "picture"
        tries = (f"{base}.png" if not number else f"{base} ({number}).png" for number in range(len(self._names) + 1))
        return next(each for each in tries if each not in self._names)
