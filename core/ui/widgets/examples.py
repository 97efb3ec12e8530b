"""The drawn pictures beside a box, and how the page knows them again."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from core.experiments.experiment import Experiment
from core.paths import PROJECT

DRAWN = (
    "This example is drawn, and the model learnt from real pictures: it shows how the page works, not how good the "
    "model is."
)
"""Said with the answer of a model that learnt from real pictures to an example of our own."""


def list_examples(experiment: Experiment, boxes: int) -> list[list[str]]:
    """Return the example pictures by sorted name, as many to a row as there are boxes."""
    paths = [str(path) for path in _files(experiment.slug)]
    return [paths[start : start + boxes] for start in range(0, len(paths) - boxes + 1, boxes)]


def is_example(experiment: Experiment, source: Path | bytes) -> bool:
    """Say whether a picture is one of the examples, byte for byte: these are answered without a warning."""
    if isinstance(source, Path):
        source = source.read_bytes() if source.is_file() else b""
    return sha256(source).digest() in _digests(experiment.slug)


@cache
def _digests(slug: str) -> frozenset[bytes]:
    return frozenset(sha256(path.read_bytes()).digest() for path in _files(slug))


def _files(slug: str) -> list[Path]:
    return sorted((PROJECT / "assets" / "examples" / slug).glob("*.*g"))
