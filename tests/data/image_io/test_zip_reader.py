import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from core.data.image_io.zip_reader import (
    DEFAULT_ARCHIVE_LIMITS,
    ArchiveLimits,
    Member,
    count_members,
    is_archive,
    iterate_members,
)
from tests.data.layouts.sentences import assert_names, refuses

PICTURE = b"\x89PNG\r\n\x1a\n and the rest of a picture"


def pack(path: Path, members: dict[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def read(path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> list[Member]:
    return list(iterate_members(path, limits))


def as_kind(name: str, kind: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.create_system = 3
    found.external_attr = (kind | 0o777) << 16
    return found


def test_the_files_of_a_good_archive_come_out_whole_in_their_order(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"b/two.png": PICTURE, "one.png": b"1", "b/": b"", "__MACOSX/b/._two.png": b"x"})
    assert is_archive(path)
    assert count_members(path) == 2
    assert read(path) == [Member("b/two.png", PICTURE), Member("one.png", b"1")]


DANGERS: dict[str, list[tuple[str, bytes | int]]] = {
    "leads out": [("../../etc/passwd.png", PICTURE), ("a\\..\\..\\b.png", PICTURE)],
    "absolute": [("/etc/passwd.png", PICTURE), ("C:\\windows\\b.png", PICTURE)],
    "nested": [("inner.zip", PICTURE), ("inner.png", b"PK\x03\x04 and more"), ("inner.tar", b"x")],
    "link": [("link.png", stat.S_IFLNK)],
    "pipe": [("pipe.png", stat.S_IFIFO)],
    "bomb": [("bomb.png", bytes(11 << 20))],
}


def read_first(folder: Path, name: str, content: bytes | int) -> Member:
    """Read a file that lies before a good one; the content is bytes, or the kind of something that is no file."""
    own: dict[str | zipfile.ZipInfo, bytes]
    own = {as_kind(name, content): b"/etc/passwd"} if isinstance(content, int) else {name: content}
    first, second = read(pack(folder / "a.zip", {**own, "good.png": PICTURE}))
    assert second == Member("good.png", PICTURE)
    return first


@pytest.mark.parametrize(("name", "content"), [each for danger in DANGERS.values() for each in danger])
def test_a_dangerous_file_is_refused_and_the_others_go_on(tmp_path: Path, name: str, content: bytes | int) -> None:
    first = read_first(tmp_path, name, content)
    assert_names(first.refusal)
    assert first.content == b""


def test_each_danger_has_a_refusal_of_its_own(tmp_path: Path) -> None:
    told = {danger: {read_first(tmp_path, *each).refusal for each in files} for danger, files in DANGERS.items()}
    assert {len(refusals) for refusals in told.values()} == {1}
    assert len(set.union(*told.values())) == len(DANGERS)
    assert ".." in told["leads out"].pop()
    with zipfile.ZipFile(tmp_path / "a.zip") as last:
        bomb = last.getinfo("bomb.png")
    assert_names(told["bomb"].pop(), f"{bomb.file_size / bomb.compress_size:,.0f}")


@pytest.mark.parametrize(("name", "content"), [("inner.tar.gz", b"\x1f\x8b"), ("large.png", bytes(2 << 20))])
def test_a_file_that_only_looks_dangerous_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    assert read_first(tmp_path, name, content) == Member(name, content)


def test_a_file_that_is_too_large_for_one_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": bytes(3 << 20), "b.png": b"b"})
    first, second = read(path, ArchiveLimits(member_bytes=2 << 20))
    assert_names(first.refusal, "3 MiB", 2)
    assert first.content == b""
    assert second.content == b"b"


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": PICTURE})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    (found,) = read(path)
    assert found == Member("a.png", refusal=found.refusal)
    assert_names(found.refusal)


def test_a_file_whose_bytes_are_damaged_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": PICTURE, "b.png": b"b"})
    content = bytearray(path.read_bytes())
    content[content.index(b"a.png") + 8] ^= 0xFF
    path.write_bytes(content)
    first, second = read(path)
    assert_names(first.refusal)
    assert first.content == b""
    assert second.content == b"b"


def test_a_directory_that_lies_about_a_size_does_not_unpack_more(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": bytes(1 << 20)})
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 100)
    path.write_bytes(content)
    (found,) = read(path)
    assert found == Member("a.png", refusal=found.refusal)
    assert_names(found.refusal)


def test_an_archive_is_refused_as_a_whole_before_anything_is_unpacked(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{number}.png": bytes(1000) for number in range(5)})
    with refuses("a.zip", 5, 4):
        read(path, ArchiveLimits(most_members=4))
    with refuses("a.zip", "MiB"):
        read(path, ArchiveLimits(all_bytes=4999))
    with refuses("empty.zip"):
        read(pack(tmp_path / "empty.zip", {"folder/": b""}))


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a.png", PICTURE)
    for name, content in (("cut.zip", whole.getvalue()[:40]), ("text.zip", b"Dear all,"), ("empty.zip", b"")):
        (tmp_path / name).write_bytes(content)
        with refuses(f'"{name}"', "ZIP"):
            read(tmp_path / name)
    assert not is_archive(tmp_path / "text.zip")
