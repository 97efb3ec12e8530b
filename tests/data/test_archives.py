import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from core.data.archives import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits, Member, count_members, is_archive, iterate_members
from core.errors import UserError

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


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("../../etc/passwd.png", PICTURE, "leads out of the archive"),
        ("a\\..\\..\\b.png", PICTURE, "leads out of the archive"),
        ("/etc/passwd.png", PICTURE, "absolute path"),
        ("C:\\windows\\b.png", PICTURE, "absolute path"),
        ("inner.zip", PICTURE, "archive within the archive"),
        ("inner.png", b"PK\x03\x04 and more", "archive within the archive"),
        ("inner.tar.gz", b"\x1f\x8b", None),
        ("inner.tar", b"x", "archive within the archive"),
        ("link.png", "link", "is a link"),
        ("pipe.png", "pipe", "device or a pipe"),
        ("bomb.png", bytes(30 << 20), "decompression bomb"),
        ("large.png", bytes(2 << 20), None),
    ],
)  # fmt: skip
def test_a_dangerous_file_is_refused_by_name_and_the_others_go_on(
    tmp_path: Path, name: str, content: bytes | str, said: str | None
) -> None:
    kinds = {"link": stat.S_IFLNK, "pipe": stat.S_IFIFO}
    own: dict[str | zipfile.ZipInfo, bytes]
    own = {as_kind(name, kinds[content]): b"/etc/passwd"} if isinstance(content, str) else {name: content}
    first, second = read(pack(tmp_path / "a.zip", {**own, "good.png": PICTURE}))
    assert second == Member("good.png", PICTURE)
    if said is None:
        assert not first.refusal
        assert first.content == content
    else:
        assert said in first.refusal
        assert first.content == b""


def test_a_file_that_is_too_large_for_one_is_refused(tmp_path: Path) -> None:
    first, second = read(
        pack(tmp_path / "a.zip", {"a.png": bytes(5000), "b.png": b"b"}), ArchiveLimits(member_bytes=4999)
    )
    assert "unpacks to" in first.refusal
    assert second.content == b"b"


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": PICTURE})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in read(path)[0].refusal


def test_a_file_whose_bytes_are_damaged_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": PICTURE, "b.png": b"b"})
    content = bytearray(path.read_bytes())
    content[content.index(b"a.png") + 8] ^= 0xFF
    path.write_bytes(content)
    first, second = read(path)
    assert "damaged" in first.refusal
    assert second.content == b"b"


def test_a_directory_that_lies_about_a_size_does_not_unpack_more(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": bytes(1 << 20)})
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert "damaged" in read(path)[0].refusal


def test_an_archive_is_refused_as_a_whole_before_anything_is_unpacked(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{number}.png": bytes(1000) for number in range(5)})
    with pytest.raises(UserError, match=r"holds 5 files and at most 4"):
        read(path, ArchiveLimits(most_members=4))
    with pytest.raises(UserError, match=r"unpacks to"):
        read(path, ArchiveLimits(all_bytes=4999))
    with pytest.raises(UserError, match="holds no files"):
        read(pack(tmp_path / "empty.zip", {"folder/": b""}))


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a.png", PICTURE)
    for name, content in (("cut.zip", whole.getvalue()[:40]), ("text.zip", b"Dear all,"), ("empty.zip", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f'"{name}" is damaged or no ZIP'):
            read(tmp_path / name)
    assert not is_archive(tmp_path / "text.zip")
