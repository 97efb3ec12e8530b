import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import array_cache
from core.data.array_cache import ArrayFolder, cache_folder, cache_size, clear_cache, kept_array
from core.paths import PROJECT

ROWS, WIDTH = 10, 100
BYTES = ROWS * WIDTH * 4


class Rows:
    """Counts how often it is asked for its rows."""

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.asked = 0

    def __call__(self) -> Iterator[NDArray[np.float32]]:
        self.asked += 1
        for row in range(0, ROWS, 4):
            yield self.whole[row : row + 4]

    @property
    def whole(self) -> NDArray[np.float32]:
        return np.arange(self.first, self.first + ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH)


def _keep(folder: Path, rows: Rows, key: object = "a", **options: object) -> NDArray[np.float32]:
    given = {"shape": (ROWS, WIDTH), "dtype": np.float32} | options
    return kept_array({"which": key}, rows, folder=folder, **given)  # type: ignore[arg-type]


def _files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


def test_an_array_is_computed_once_and_read_from_disk_ever_after(tmp_path: Path) -> None:
    rows = Rows()
    for _ in range(3):
        kept = _keep(tmp_path / "deep" / "folder", rows)
        np.testing.assert_array_equal(kept, rows.whole)
        assert isinstance(kept, np.memmap)
        assert not kept.flags.writeable
    assert rows.asked == 1
    assert _files(tmp_path / "deep" / "folder") == [".array"]


def test_key_shape_and_type_each_make_another_array(tmp_path: Path) -> None:
    first = _keep(tmp_path, Rows(0), {"weights": "f00", "size": [224, 224]})
    other = _keep(tmp_path, Rows(7), {"weights": "f00", "size": [224, 225]})
    assert not np.array_equal(first, other)
    flat = kept_array(
        {"which": "a"}, lambda: [np.ones(ROWS * WIDTH, np.float32)], shape=(ROWS * WIDTH,), dtype="f4", folder=tmp_path
    )
    whole = kept_array(
        {"which": "a"}, lambda: [np.ones(ROWS * WIDTH, np.int32)], shape=(ROWS * WIDTH,), dtype="i4", folder=tmp_path
    )
    assert flat.dtype == np.float32
    assert whole.dtype == np.int32
    assert len(_files(tmp_path)) == 4


def test_the_order_in_which_a_key_is_written_does_not_matter(tmp_path: Path) -> None:
    rows = Rows()
    for key in ({"a": 1, "b": (2, 3)}, {"b": [2, 3], "a": 1}):
        _keep(tmp_path, rows, key)
    assert rows.asked == 1


def test_a_key_that_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        _keep(tmp_path, Rows(), object())


def test_what_fails_half_way_leaves_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    def failing() -> Iterator[NDArray[np.float32]]:
        yield Rows().whole[:4]
        raise OSError("the picture is gone")

    with pytest.raises(OSError, match="the picture is gone"):
        kept_array({"which": "a"}, failing, shape=(ROWS, WIDTH), dtype=np.float32, folder=tmp_path)
    assert _files(tmp_path) == []
    rows = Rows()
    np.testing.assert_array_equal(_keep(tmp_path, rows), rows.whole)
    assert rows.asked == 1


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ([np.zeros((ROWS - 1, WIDTH), np.float32)], "9.*10"),
        ([np.zeros((ROWS, WIDTH), np.float32), np.zeros((1, WIDTH), np.float32)], r"\(1, 100\).*\(10, 100\)"),
        ([np.zeros((ROWS, WIDTH), np.float64)], "float64.*float32"),
        ([np.zeros((ROWS, WIDTH + 1), np.float32)], r"\(10, 101\).*\(10, 100\)"),
    ],
)
def test_rows_that_are_not_what_was_announced_are_not_kept(
    tmp_path: Path, batches: list[NDArray[np.float32]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        kept_array({}, lambda: batches, shape=(ROWS, WIDTH), dtype=np.float32, folder=tmp_path)
    assert _files(tmp_path) == []


def test_progress_is_told_after_every_batch(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    _keep(tmp_path, Rows(), progress=lambda done, of: told.append((done, of)))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    _keep(tmp_path, Rows())
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    rows = Rows()
    np.testing.assert_array_equal(_keep(tmp_path, rows), rows.whole)
    assert rows.asked == 1


def test_the_least_recently_used_array_makes_room(tmp_path: Path) -> None:
    folder = ArrayFolder(tmp_path, budget=3 * BYTES)
    for name in "abcad":
        assert folder.keep({"name": name}, Rows(), shape=(ROWS, WIDTH), dtype=np.float32) is not None
    assert folder.size() == 3 * BYTES
    asked = {}
    for name in "acdb":
        rows = Rows()
        folder.keep({"name": name}, rows, shape=(ROWS, WIDTH), dtype=np.float32)
        asked[name] = rows.asked
    assert asked == {"a": 0, "c": 0, "d": 0, "b": 1}


def test_an_array_in_use_is_not_removed(tmp_path: Path) -> None:
    used = _keep(tmp_path, Rows(), "used", budget=2 * BYTES)
    part = used[3:5]
    del used
    for name in range(4):
        _keep(tmp_path, Rows(), name, budget=2 * BYTES)
    assert clear_cache(tmp_path) == BYTES
    again = Rows()
    _keep(tmp_path, again, "used", budget=2 * BYTES)
    assert again.asked == 0
    np.testing.assert_array_equal(part, Rows().whole[3:5])
    del part
    assert clear_cache(tmp_path) == BYTES
    assert list(tmp_path.iterdir()) == []


def test_where_all_room_is_in_use_an_array_is_held_in_memory(tmp_path: Path) -> None:
    used = _keep(tmp_path, Rows(), "used", budget=BYTES)
    rows = Rows(5)
    other = _keep(tmp_path, rows, "other", budget=BYTES)
    assert not isinstance(other, np.memmap)
    np.testing.assert_array_equal(other, rows.whole)
    assert cache_size(tmp_path) == used.nbytes


def test_nothing_is_removed_for_an_array_that_would_never_fit(tmp_path: Path) -> None:
    _keep(tmp_path, Rows())
    assert ArrayFolder(tmp_path, BYTES).keep({}, Rows(), shape=(ROWS + 1, WIDTH), dtype=np.float32) is None
    assert cache_size(tmp_path) == BYTES


def test_at_most_a_third_of_the_disk_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        array_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=6 * BYTES - cache_size(tmp_path))
    )
    for name in range(4):
        assert isinstance(_keep(tmp_path, Rows(), name), np.memmap)
    assert cache_size(tmp_path) == 2 * BYTES


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    rows = Rows()
    for _ in range(2):
        np.testing.assert_array_equal(_keep(tmp_path / "file", rows), rows.whole)
    assert rows.asked == 2


@pytest.fixture
def fill_disk() -> Iterator[Callable[[int], None]]:
    """Let files grow to so many bytes and no more, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_no_more_costs_only_time(tmp_path: Path, fill_disk: Callable[[int], None]) -> None:
    fill_disk(BYTES - 1)
    kept = _keep(tmp_path, Rows())
    fill_disk(resource.RLIM_INFINITY)
    np.testing.assert_array_equal(kept, Rows().whole)
    assert not isinstance(kept, np.memmap)
    assert _files(tmp_path) == []


def test_a_write_that_fails_half_way_is_noticed(tmp_path: Path, fill_disk: Callable[[int], None]) -> None:
    class Filling(Rows):
        def __call__(self) -> Iterator[NDArray[np.float32]]:
            for batch in super().__call__():
                yield batch
                fill_disk(BYTES // 2)  # the file has its size already, but its bytes are not yet on the disk

    rows = Filling()
    kept = _keep(tmp_path, rows)
    fill_disk(resource.RLIM_INFINITY)
    assert rows.asked == 2
    assert not isinstance(kept, np.memmap)
    np.testing.assert_array_equal(kept, rows.whole)
    assert _files(tmp_path) == []


def test_rows_that_lie_apart_in_memory_are_kept_in_order(tmp_path: Path) -> None:
    rows = Rows().whole[:, ::2]
    kept = kept_array({}, lambda: [rows], shape=rows.shape, dtype=np.float32, folder=tmp_path)
    assert isinstance(kept, np.memmap)
    np.testing.assert_array_equal(kept, rows)


PROGRAM = f"""
import sys, time
from pathlib import Path
import numpy as np
from core.data.array_cache import kept_array
folder, wait, name = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
def rows():
    with (folder / "asked.txt").open("a") as file:
        file.write(name)
    for row in range({ROWS}):
        time.sleep(wait)
        yield np.arange(row * {WIDTH}, (row + 1) * {WIDTH}, dtype=np.float32)[None]
        print("row", flush=True)
kept = kept_array({{"which": "a"}}, rows, shape=({ROWS}, {WIDTH}), dtype=np.float32, folder=folder)
print(float(kept.sum(dtype=np.float64)), flush=True)
sys.stdin.read()
"""


def _start(folder: Path, wait: float, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(wait), name],
        cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def test_two_processes_compute_an_array_once_and_keep_it_while_either_uses_it(tmp_path: Path) -> None:
    running = [_start(tmp_path, 0.05, name) for name in "xy"]
    try:
        for process in running:
            assert process.stdout
            total = next(line for line in process.stdout if line != "row\n")
            assert float(total) == Rows().whole.sum(dtype=np.float64)
        assert len((tmp_path / "asked.txt").read_text()) == 1
        assert clear_cache(tmp_path) == 0
        running[0].communicate()
        assert clear_cache(tmp_path) == 0
        running[1].communicate()
        assert clear_cache(tmp_path) == BYTES
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_what_a_killed_process_left_is_never_used_and_removed(tmp_path: Path) -> None:
    process = _start(tmp_path, 0.01, "x")
    assert process.stdout
    assert process.stdout.readline() == "row\n"
    process.kill()
    process.communicate()
    assert ".part" in _files(tmp_path)
    rows = Rows()
    np.testing.assert_array_equal(_keep(tmp_path, rows), rows.whole)
    assert rows.asked == 1
    assert _files(tmp_path) == [".array", ".txt"]


def test_the_cache_lies_under_the_home(home: Path) -> None:
    assert cache_folder() == home / "cache"
    assert cache_size(cache_folder()) == clear_cache(cache_folder()) == 0
