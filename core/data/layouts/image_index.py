"""Finds pictures by what a table or a person calls them: a path, the end of one, with or without the ending."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Matches:
    """Which picture each name means.

    Attributes:
        found: The picture's path by name.
        unclear: By name, the pictures that it fits equally well.
        shared: By picture, the names that fit it though they are not of one file.
        missing: Names of no picture.
    """

    found: Mapping[str, str]
    unclear: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class PathIndex:
    """Finds paths by name: capitals and Unicode form matter only where two would be the same without them.

    A name fits a path whose end it is, and one that is its own end: a table may be written from a folder further up. An
    absolute name, which comes from another machine, fits what shares the most of its end. The ending may be left out.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """Hold paths, written with ``/``."""
        self._whole: dict[str, str] = {}
        self._ends: dict[str, list[str]] = {}
        self._bare: dict[str, list[str]] = {}
        for path in paths:
            parts = _parts(path)
            if not parts:
                continue
            self._whole["/".join(parts)] = path
            for start in range(len(parts)):
                tail = "/".join(parts[start:]).casefold()
                self._ends.setdefault(tail, []).append(path)
                bare = tail.removesuffix(PurePosixPath(tail).suffix)
                if bare != tail:
                    self._bare.setdefault(bare, []).append(path)

    def find(self, name: str) -> tuple[str, ...]:
        """Return the paths that a name fits: none, one, or several that it does not tell apart."""
        parts = _parts(name)
        if not parts or ".." in name.replace("\\", "/").split("/"):
            return ()
        if (whole := self._whole.get("/".join(parts))) is not None:
            return (whole,)
        found = self._with_end(parts)
        for start in range(1, len(parts)):
            if found:
                break
            rest = "/".join(parts[start:])
            if rest in self._whole:
                found = (self._whole[rest],)
            elif _is_absolute(name) or self._is_whole_without_ending(rest):
                found = self._with_end(parts[start:])
        return found

    def match(self, names: Iterable[str]) -> Matches:
        """Find the picture of each of several names; two names of different files never get the same one."""
        found: dict[str, str] = {}
        unclear: dict[str, tuple[str, ...]] = {}
        missing: list[str] = []
        for name in dict.fromkeys(names):
            paths = self.find(name)
            if len(paths) == 1:
                found[name] = paths[0]
            elif paths:
                unclear[name] = paths
            else:
                missing.append(name)
        shared = _torn(found)
        for name in [name for several in shared.values() for name in several]:
            del found[name]
        return Matches(found, unclear, shared, tuple(missing))

    def _with_end(self, parts: list[str]) -> tuple[str, ...]:
        tail = "/".join(parts)
        paths = self._ends.get(tail.casefold()) or self._bare.get(tail.casefold(), [])
        if len(paths) > 1:
            exact = [path for path in paths if _ends_with(path, tail)]
            paths = exact or paths
        return tuple(paths)

    def _is_whole_without_ending(self, rest: str) -> bool:
        return any(len(_parts(path)) == rest.count("/") + 1 for path in self._bare.get(rest.casefold(), []))


class PictureIndex:
    """Finds the pictures of a folder by what a table calls them.

    Attributes:
        place: The folder.
        paths: The files by their path within it.
        names: Their paths within it by file.
    """

    def __init__(self, place: Path, pictures: Iterable[Path]) -> None:
        """Hold pictures.

        Args:
            place: The folder that paths may start from.
            pictures: Files in it or below.
        """
        self.place = place
        start = len(place.as_posix().rstrip("/")) + 1  # a tenth of the time of Path.relative_to
        self.paths = {path.as_posix()[start:]: path for path in pictures}
        self.names = {path: name for name, path in self.paths.items()}
        self._index = PathIndex(self.paths)

    def find(self, name: str) -> Path | None:
        """Return the picture of this name; None where there is none or several."""
        found = self._index.find(name)
        return self.paths[found[0]] if len(found) == 1 else None

    def find_all(self, name: str) -> tuple[str, ...]:
        """Return the paths that a name fits, within the folder."""
        return self._index.find(name)

    def match(self, names: Iterable[str]) -> Matches:
        """Find the pictures of several names; see :meth:`PathIndex.match`."""
        return self._index.match(names)


def _parts(name: str) -> list[str]:
    """Return the parts of a path that name something, in composed letters; what comes before ``..`` is not known."""
    plain = unicodedata.normalize("NFC", name.strip().replace("\\", "/"))
    return [part for part in plain.rpartition("../")[2].split("/") if part not in ("", ".", "..")]


def _is_absolute(name: str) -> bool:
    return name.strip().startswith(("/", "\\")) or name.strip()[1:2] == ":"


def _ends_with(path: str, tail: str) -> bool:
    whole = "/" + "/".join(_parts(path))
    return whole.endswith(f"/{tail}") or whole.removesuffix(PurePosixPath(whole).suffix).endswith(f"/{tail}")


def _torn(found: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the paths that several names were found to mean, unless all are ends of the longest of the names."""
    names_of: dict[str, list[str]] = {}
    for name, path in found.items():
        names_of.setdefault(path, []).append(name)
    torn: dict[str, tuple[str, ...]] = {}
    for path, names in names_of.items():
        if len(names) > 1:
            longest = max(("/".join(_parts(name)) for name in names), key=len)
            if not all(_ends_with(longest.casefold(), "/".join(_parts(name)).casefold()) for name in names):
                torn[path] = tuple(names)
    return torn
