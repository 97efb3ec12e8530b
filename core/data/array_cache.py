"""Arrays that are slow to compute, kept on disk under a key: a folder of bounded size that processes share.

An array is one file of its bare numbers, named by a hash of its key. It is written under another name and renamed when
it is whole and on the disk, so that a half-written one is never used. A process that maps an array holds a shared lock
on its file for as long as the mapping lives, and an array that anyone holds is never removed.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from core.paths import home
from core.platforms import locked_file, mark_as_read, remove_unread, tried_lock

FORMAT = 2
"""Goes into every key; a change in how arrays are computed or stored that no caller's key shows raises it."""
BUDGET = 8 * 2**30
"""Bytes that a folder may hold unless told otherwise."""
FREE_PARTS = 3
"""A folder never holds more than one part in so many of the disk space that would be free without it."""
WHOLE, PART, LOCK = ".array", ".part", ".lock"

AnyArray = NDArray[Any]
Compute = Callable[[], Iterable[AnyArray]]
Progress = Callable[[int, int], None]
"""Is told how many rows are done, of how many."""


def cache_folder() -> Path:
    """Return the folder in which decoded pictures and features are kept."""
    return home() / "cache"


def kept_array(
    key: Mapping[str, object],
    compute: Compute,
    *,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    folder: Path,
    budget: int = BUDGET,
    progress: Progress | None = None,
) -> AnyArray:
    """Return the array kept under this key; compute and keep it if there is none.

    Where it cannot be kept (no room within the budget, no right to write) it is computed into memory.

    Args:
        key: All that decides the numbers, such as fingerprints of weights and data, names of the items, size and
            number format. Its values must be of the kinds that JSON has.
        compute: Yields the rows in order, batch by batch: arrays of this dtype and, but for the first axis, shape.
            Two processes that want the same array at once do not both compute: the second waits.
        shape: Of the whole array; at least one row.
        dtype: Of the array.
        folder: Where it is kept.
        budget: Bytes that the folder may hold.
        progress: Is told after each batch.

    Returns:
        A read-only mapping of the file, or an array in memory.
    """
    whole = ArrayFolder(folder, budget).keep(key, compute, shape=shape, dtype=dtype, progress=progress)
    if whole is not None:
        return whole
    array = np.empty(shape, dtype)
    for start, batch in _checked(compute(), shape, np.dtype(dtype), progress):
        array[start : start + len(batch)] = batch
    return array


def cache_size(folder: Path) -> int:
    """Return how many bytes a folder's arrays take."""
    return ArrayFolder(folder).size()


def clear_cache(folder: Path) -> int:
    """Remove every array that no process is using; return how many bytes that freed."""
    return ArrayFolder(folder).clear()


class ArrayFolder:
    """A folder of kept arrays that stays within a budget by giving up the least recently used."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self.folder = folder
        self.budget = budget

    def keep(
        self,
        key: Mapping[str, object],
        compute: Compute,
        *,
        shape: tuple[int, ...],
        dtype: DTypeLike,
        progress: Progress | None = None,
    ) -> "np.memmap[Any, Any] | None":
        """Return a mapping of the array, computed if need be, or None where it cannot be kept; see `kept_array`."""
        form = np.dtype(dtype)
        path = self.folder / f"{_hash(key, shape, form)}{WHOLE}"
        found = _map(path, shape, form)
        if found is not None:
            return found
        with ExitStack() as turn:
            lock = path.with_suffix(LOCK)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                turn.enter_context(locked_file(lock))
            except OSError:
                return None
            turn.callback(_remove_lock, lock)
            found = _map(path, shape, form)  # another process may have made it while this one waited
            if found is not None:
                return found
            return _map(path, shape, form) if self._write(path, compute, shape, form, progress) else None

    def size(self) -> int:
        """Return how many bytes the arrays take, those that are being written included."""
        return sum(size for _, size, _ in self._files())

    def clear(self) -> int:
        """Remove every array that no process is using; return how many bytes that freed."""
        freed = sum(size for path, size, _ in self._files() if _remove_unused(path))
        for lock in self.folder.glob(f"*{LOCK}"):
            with suppress(OSError), tried_lock(lock) as ours:
                if ours:
                    _remove_lock(lock)
        return freed

    def make_room(self, needed: int) -> bool:
        """Remove the least recently used arrays until this many bytes fit; return whether they do.

        Nothing is removed for what would never fit. What a dead process left half-written always goes.
        """
        files = [each for each in self._files() if each[0].suffix != PART or not _remove_unused(each[0])]
        held = sum(size for _, size, _ in files)
        allowed = min(self.budget, (shutil.disk_usage(self.folder).free + held) // FREE_PARTS)
        if needed > allowed:
            return False
        for path, size, _ in sorted(files, key=lambda each: each[2]):
            if held + needed <= allowed:
                break
            if path.suffix == WHOLE and _remove_unused(path):
                held -= size
        return held + needed <= allowed

    def _files(self) -> list[tuple[Path, int, int]]:
        """Return each file with its bytes and the time of its last use, nanoseconds."""
        files = []
        for path in sorted([*self.folder.glob(f"*{WHOLE}"), *self.folder.glob(f"*{PART}")]):
            with suppress(FileNotFoundError):  # another process may have removed it
                status = path.stat()
                files.append((path, status.st_size, status.st_mtime_ns))
        return files

    def _write(
        self, path: Path, compute: Compute, shape: tuple[int, ...], form: np.dtype[Any], progress: Progress | None
    ) -> bool:
        """Compute an array into its file; return False where the disk does not take it."""
        size = math.prod(shape) * form.itemsize
        try:
            for left in self.folder.glob(f"{path.stem}.*{PART}"):
                left.unlink(missing_ok=True)  # whoever wrote it is gone: its lock is held here
            if not self.make_room(size):
                return False
            number, name = tempfile.mkstemp(PART, f"{path.stem}.", self.folder)
        except OSError:
            return False
        part = Path(name)
        try:
            with os.fdopen(number, "wb", buffering=0) as file:
                if not _done(os.ftruncate, file.fileno(), size):  # so that others count it before it is written
                    return False
                for _, batch in _checked(compute(), shape, form, progress):
                    if not _written(file.fileno(), batch):
                        return False
                if not _done(os.fsync, file.fileno()):
                    return False
            return _done(part.replace, path)  # after it was closed: Windows renames no open file
        finally:
            part.unlink(missing_ok=True)


def _hash(key: Mapping[str, object], shape: tuple[int, ...], form: np.dtype[Any]) -> str:
    described = {"format": FORMAT, "key": dict(key), "shape": shape, "dtype": form.str}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]


def _map(path: Path, shape: tuple[int, ...], form: np.dtype[Any]) -> "np.memmap[Any, Any] | None":
    """Map an array's file and mark it as used now; None where there is none, none of this size, or none to be read."""
    try:
        with path.open("rb") as file:
            mark_as_read(file)
            status = os.fstat(file.fileno())
            if not status.st_nlink or status.st_size != math.prod(shape) * form.itemsize:
                return None
            with suppress(OSError):  # who may read another user's file need not be able to mark it
                os.utime(file.fileno(), ns=(time.time_ns(), time.time_ns()))  # finer than the system's own marks
            return np.memmap(file, form, "r", shape=shape)
    except OSError:
        return None


def _checked(
    batches: Iterable[AnyArray], shape: tuple[int, ...], form: np.dtype[Any], progress: Progress | None
) -> Iterator[tuple[int, AnyArray]]:
    """Yield each batch with its first row's number.

    Raises:
        ValueError: If the batches do not make up the array that was announced.
    """
    done = 0
    for batch in batches:
        if batch.shape[1:] != shape[1:] or batch.dtype != form or done + len(batch) > shape[0]:
            raise ValueError(f"rows {done} on are {batch.dtype} {batch.shape} of an array that is {form} {shape}")
        yield done, batch
        done += len(batch)
        if progress:
            progress(done, shape[0])
    if done != shape[0]:
        raise ValueError(f"{done} rows were computed of an array of {shape[0]}")


def _done(change: Callable[..., object], *of: object) -> bool:
    """Make a change on the disk; return False where that is refused."""
    try:
        change(*of)
    except OSError:
        return False
    return True


def _written(file: int, batch: AnyArray) -> bool:
    """Write all bytes of a batch; return False where the disk is full or broken."""
    rest = np.ascontiguousarray(batch).reshape(-1).view(np.uint8).data
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        return False
    return True


def _remove_unused(path: Path) -> bool:
    """Remove an array that nobody maps, or a part that nobody writes; return whether it is gone."""
    if path.suffix == WHOLE:
        return remove_unread(path)
    lock = path.with_name(path.name.partition(".")[0] + LOCK)  # held by whoever writes it
    try:
        with tried_lock(lock) as ours:
            if ours:
                path.unlink(missing_ok=True)
                _remove_lock(lock)
            return ours
    except OSError:  # not ours to remove
        return False


def _remove_lock(lock: Path) -> None:
    """Remove the file of a lock that is held here, where the system removes open files."""
    with suppress(OSError):
        lock.unlink(missing_ok=True)
