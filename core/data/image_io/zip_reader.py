"""Reading a ZIP that a stranger packed: nothing is written to the disk, and each danger is refused by its name.

Members are read into memory one after the other, each only so far as its own limit goes. A dangerous or damaged member
is told in place of its content and the others go on; an archive that is dangerous as a whole is refused as a whole.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.data.image_io.formats.source import plain_name
from core.data.layouts.visible_files import is_hidden
from core.errors import UserError

MIB = 1 << 20
NESTED = frozenset(
    {".zip", ".tar", ".tgz", ".tbz2", ".txz", ".7z", ".rar", ".jar", ".bz2", ".xz", ".zst", ".cab", ".iso"}
)
MARKS_OF_NESTED = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
SHORTEST_RATIO, MOST_DENSE = 10 * MIB, 200
"""From so many bytes on, a member may unpack to at most so many times its packed size: pictures are packed already."""
CHUNK = 1 << 18


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold.

    Attributes:
        most_members: Files in it.
        member_bytes: What one file may unpack to.
        all_bytes: What all files together may unpack to.
    """

    most_members: int = 1000
    member_bytes: int = 64 * MIB
    all_bytes: int = 1024 * MIB


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        name: With its folders within the archive; made printable.
        content: Its bytes; empty where it was refused.
        refusal: Why it was not read; empty where it was.
    """

    name: str
    content: bytes = b""
    refusal: str = ""


DAMAGED = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError)
"""What the library raises at a ZIP that it cannot read; within a member also errors of its packing and its password."""


def is_archive(path: Path) -> bool:
    """Say whether a file is a ZIP by its content; pipes and devices are not opened."""
    return path.is_file() and zipfile.is_zipfile(path)


def iterate_members(path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Iterator[Member]:
    """Yield the files of a ZIP in its own order; folders and what systems add to an archive are passed over.

    Raises:
        UserError: If it is no ZIP, is damaged as a whole, holds no file or too many, or unpacks to too much.
    """
    shown = f'"{plain_name(path, None)}"'
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not _is_passed_over(each)]
            _check_whole(members, shown, limits)
            for each in members:
                yield _read_member(archive, each, limits)
    except DAMAGED as error:
        raise UserError(
            f"{shown} is damaged or no ZIP archive, and only a whole ZIP is allowed: pack it again."
        ) from error


def count_members(path: Path) -> int:
    """Return how many files a ZIP says it holds; 0 where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(not _is_passed_over(each) for each in archive.infolist())
    except DAMAGED:
        return 0


def _is_passed_over(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return member.is_dir() or any(is_hidden(part) for part in parts if part not in ("..", "."))


def _check_whole(members: list[zipfile.ZipInfo], shown: str, limits: ArchiveLimits) -> None:
    """Refuse an archive by what its directory says, before anything is unpacked."""
    if not members:
        raise UserError(f"{shown} holds no files; pack pictures into it.")
    if len(members) > limits.most_members:
        raise UserError(
            f"{shown} holds {len(members):,} files and at most {limits.most_members:,} are allowed: make several "
            "archives of it."
        )
    unpacked = sum(each.file_size for each in members)
    if unpacked > limits.all_bytes:
        raise UserError(
            f"{shown} unpacks to {unpacked / MIB:,.0f} MiB and at most {limits.all_bytes / MIB:,.0f} are allowed: make "
            "several archives of it."
        )


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: ArchiveLimits) -> Member:
    """Return one file, or why it is refused."""
    name = "".join(letter if letter.isprintable() else "?" for letter in member.filename)[:200]
    refusal = _refuse(member, limits)
    if refusal:
        return Member(name, refusal=refusal)
    try:
        content = _unpack(archive, member)
    except (*DAMAGED, zlib.error, EOFError, RuntimeError):
        return Member(name, refusal="It is damaged within the archive; pack it again.")
    if content.startswith(MARKS_OF_NESTED) or content[257:262] == b"ustar":
        return Member(name, refusal="It is an archive within the archive; unpack it and pack the pictures alone.")
    return Member(name, content)


def _refuse(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Return why a file is not read, from what the archive's directory says of it; empty where it may be."""
    return _refuse_kind(member) or _refuse_name(member.filename.replace("\\", "/")) or _refuse_size(member, limits)


def _refuse_kind(member: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.flag_bits & 0x1:
        return "It is encrypted; pack it without a password."
    if kind == stat.S_IFLNK:
        return "It is a link, not a file; pack the file itself."
    if kind not in (0, stat.S_IFREG):
        return "It is a device or a pipe, not a file; pack ordinary files."
    return ""


def _refuse_name(name: str) -> str:
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "Its name is an absolute path; pack it with a name of its own."
    if ".." in name.split("/"):
        return "Its name leads out of the archive (..); pack it with a name of its own."
    if PurePosixPath(name).suffix.lower() in NESTED:
        return "It is an archive within the archive; unpack it and pack the pictures alone."
    return ""


def _refuse_size(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    size, most = member.file_size, limits.member_bytes
    if size > most:
        return f"It unpacks to {size / MIB:,.0f} MiB and at most {most / MIB:,.0f} are allowed; make it smaller first."
    if size > max(SHORTEST_RATIO, MOST_DENSE * member.compress_size):
        return (
            f"It unpacks to {size / max(1, member.compress_size):,.0f} times its size, as only a decompression bomb "
            "does; give the picture itself."
        )
    return ""


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a file; never more than its directory entry says, however much the packed data would give."""
    parts, left = [], member.file_size
    with archive.open(member) as file:
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            parts.append(chunk)
            left -= len(chunk)
        if left or file.read(1):
            raise EOFError("the archive's directory tells another size")
    return b"".join(parts)
