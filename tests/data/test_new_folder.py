from pathlib import Path

import pytest

from core.data.new_folder import fill_new_folder
from tests.data.layouts.sentences import refuses


def test_the_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    with fill_new_folder(tmp_path / "deep" / "set") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "set").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["set"]
    assert (tmp_path / "deep" / "set" / "a.txt").read_text() == "a"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with fill_new_folder(tmp_path / "set") as folder:
        (folder / "a.txt").write_text("a")
    assert (tmp_path / "set" / "a.txt").read_text() == "a"


def test_the_folder_is_as_open_to_others_as_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with fill_new_folder(tmp_path / "set"):
        pass
    assert (tmp_path / "set").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_writer_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), fill_new_folder(tmp_path / "set") as folder:
        (folder / "a.txt").write_text("a")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with refuses(tmp_path), fill_new_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("mine")
    with refuses(tmp_path / "set"), fill_new_folder(tmp_path / "set"):
        pass
    assert (tmp_path / "set").read_text() == "mine"
