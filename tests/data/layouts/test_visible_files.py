import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.data.image_io.zip_reader import count_members, is_archive, iterate_members
from core.data.layouts.visible_files import is_hidden, list_deeper_pictures, list_folders, list_others, list_pictures
from core.paths import PROJECT

LEFT_BEHIND = ("._eye.png", ".DS_Store", "Thumbs.db", "desktop.ini", "._.DS_Store")


def _fill(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*LEFT_BEHIND, "eye.png", "EYE2.TIFF", "scan.dcm", "volume.nii.gz", "notes.txt", "labels.csv"):
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize("name", [*LEFT_BEHIND, "__MACOSX", "@eaDir"])
def test_what_systems_leave_behind_is_hidden(name: str) -> None:
    assert is_hidden(name)


def test_a_folder_s_images_and_what_may_be_one_are_listed_apart(tmp_path: Path) -> None:
    folder = _fill(tmp_path)
    for inner in ("__MACOSX", ".git", "more", "more/deep"):
        _fill(folder / inner)
    assert [path.name for path in list_pictures(folder)] == ["EYE2.TIFF", "eye.png"]
    assert [path.name for path in list_others(folder)] == ["scan.dcm", "volume.nii.gz"]
    assert [path.name for path in list_folders(folder)] == ["more"]
    assert [path.relative_to(folder).as_posix() for path in list_deeper_pictures(folder)] == [
        "more/EYE2.TIFF", "more/deep/EYE2.TIFF", "more/deep/eye.png", "more/eye.png",
    ]  # fmt: skip
    assert list_pictures(folder / "nowhere") == list_others(folder / "nowhere") == []


def test_a_pipe_is_never_opened_and_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert list_pictures(tmp_path) == []
    assert [path.name for path in list_others(tmp_path)] == ["a.png"]
    code = "import sys, pathlib, core.data.image_io.zip_reader as a; print(a.is_archive(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=PROJECT)
    assert said.stdout.strip() == "False"


def test_a_zip_from_a_mac_holds_the_images_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "a/one.png",
            "a/._one.png",
            "__MACOSX/a/._one.png",
            "a/.DS_Store",
            "a/Thumbs.db",
            ".hidden/two.png",
        ):
            archive.writestr(name, b"x")
    assert is_archive(path)
    assert count_members(path) == 1
    assert [member.name for member in iterate_members(path)] == ["a/one.png"]
