"""Files that are byte for byte the same: they must not be parted by a split."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LAST_BYTES = 256


def find_identical(paths: Iterable[Path]) -> list[list[Path]]:
    """Return the files that are byte for byte the same, together.

    Most files differ in size or in their last bytes, so that few are read whole.
    """
    groups = [list(paths)]
    for trait in (_size, _tail, _content):
        groups = [same for group in groups for same in _by(trait, group) if len(same) > 1]
    return groups


def join_groups(pairs: Iterable[Iterable[str]]) -> Mapping[str, str]:
    """Return what groups are called once those that are named together are one.

    >>> join_groups([{"a", "b"}, {"c", "d"}, {"b", "d"}])
    {'b': 'a', 'd': 'a', 'c': 'a'}
    """
    leaders: dict[str, str] = {}
    for names in pairs:
        first, *others = sorted({_leader(leaders, name) for name in names})
        leaders.update(dict.fromkeys(others, first))
    return {name: _leader(leaders, name) for name in leaders}


def _leader(leaders: Mapping[str, str], name: str) -> str:
    while name in leaders:
        name = leaders[name]
    return name


def _by(trait: Callable[[Path], object], paths: Iterable[Path]) -> list[list[Path]]:
    found: dict[object, list[Path]] = {}
    for path in paths:
        found.setdefault(trait(path), []).append(path)
    return list(found.values())


def _size(path: Path) -> int:
    return path.stat().st_size


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
        return file.read()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
