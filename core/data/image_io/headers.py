"""The sizes of many image files at once, and what is said of those that cannot be read or hold several pages."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from core.data.dataset import Item, name_some
from core.data.image_io.formats.depth import OWN_RANGE
from core.data.image_io.formats.headers import Header, read_header
from core.data.image_io.reader import DATASET_LIMITS, read_picture
from core.errors import UserError

THREADS = 8
REMEMBERED = 100_000
LOOKED_AT = 12
"""So many images of a set are opened to tell whether each is scaled by itself."""
DEEP_ENDINGS = (".png", ".tif", ".tiff")
"""Of files that may have more than 8 bits and do not say which value is white."""
PAGED_ENDINGS = (".tif", ".tiff", ".gif", ".webp")
"""Of files that may have several pages or frames."""
ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
"""With what files of a kind begin and end."""
TAIL = 1 << 12
"""Bytes in which the end is looked for: some programs write something behind it."""


def read_headers(paths: Iterable[Path]) -> Mapping[Path, Header]:
    """Return the header of each file, read by several threads; a file that has not changed is not read again.

    Raises:
        UserError: If files cannot be read; the sentence names them all together.
    """
    wanted = list(dict.fromkeys(paths))
    found = _read_all(wanted)
    refusals = _refusals(found)
    if refusals:
        raise UserError(_say_refusals(refusals, len(wanted)))
    return {path: header for path, header in found.items() if header is not None}


def refuse_unreadable(items: Iterable[Item]) -> None:
    """Refuse images that cannot be read before anything is made of the first of them.

    Rows of arrays are left out: whoever opened the array knows it.

    Raises:
        UserError: If files cannot be read; the sentence names them all together.
    """
    read_headers(_images_of(items))


def say_unreadable(items: Iterable[Item], split: str) -> tuple[str, ...]:
    """Return the sentence about images of a split that cannot be read, which stop nothing yet; none if none."""
    wanted = list(dict.fromkeys(_images_of(items)))
    refusals = _refusals(_read_all(wanted))
    if not refusals:
        return ()
    return (f"The {split} split cannot be scored as it is. {_say_refusals(refusals, len(wanted))}",)


def _images_of(items: Iterable[Item]) -> Iterable[Path]:
    return (path for item in items if getattr(item, "index", None) is None for path in item.files())


def _read_all(wanted: Sequence[Path]) -> dict[Path, Header | None]:
    """Return the header of each file, None where there is none that can be read."""
    parts = [wanted[start::THREADS] for start in range(THREADS)]  # a task for each file would take longer than it
    with ThreadPoolExecutor(THREADS) as pool:
        tried = [header for some in pool.map(_try_headers, parts) for header in some]
    by_path = dict(zip((path for some in parts for path in some), tried, strict=True))
    return {path: by_path[path] for path in wanted}


def _refusals(found: Mapping[Path, Header | None]) -> list[tuple[Path, str]]:
    return [(path, said) for path, header in found.items() if header is None and (said := _refusal(path))]


def _say_refusals(refusals: Sequence[tuple[Path, str]], count: int) -> str:
    first = refusals[0][1]
    if len(refusals) == 1:
        return first
    names = name_some([path for path, _ in refusals])
    return f"{len(refusals):,} of {count:,} files cannot be read: {names}. The first: {first}"


def say_pages(headers: Mapping[Path, Header], paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the sentence about files of several pages or frames, of which the first alone is used; none if none."""
    several = [path for path in paths if path in headers and headers[path].frames > 1]
    if not several:
        return ()
    most = max(headers[path].frames for path in several)
    holds = "holds" if len(several) == 1 else "hold"
    return (
        f"{len(several):,} of {len(paths):,} files {holds} several pages or frames (up to {most:,}), of which the "
        f"first alone is used: {name_some(several)}.",
    )


def say_pages_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return :func:`say_pages` of files whose kind may have several pages; what cannot be read is passed over."""
    wanted = [path for path in dict.fromkeys(paths) if path.name.lower().endswith(PAGED_ENDINGS)]
    return say_pages({path: header for path, header in _read_all(wanted).items() if header is not None}, paths)


def say_own_ranges(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the sentence about images of more than 8 bits that are stretched each by itself; none if none.

    Of a set some are looked at, spread evenly over all.
    """
    deep = [path for path in paths if path.name.lower().removesuffix(".gz").endswith(DEEP_ENDINGS)]
    step = max(1, -(-len(deep) // LOOKED_AT))
    looked = [(path, header.bits) for path in deep[::step] if (header := _try_header(path)) and header.bits > 8]
    own = [path for path, _ in looked if _has_own_range(path)]
    if not own:
        return ()
    bits = max(bits for _, bits in looked)
    return (
        f"Images have {bits} bits, and {len(own):,} of {len(looked):,} that were looked at do not fill their range, so "
        "each is scaled from its own darkest to its own brightest value and brightness does not compare between "
        f"images: {name_some(own)}.",
    )


def _has_own_range(path: Path) -> bool:
    try:
        return any(OWN_RANGE in note for note in read_picture(path, limits=DATASET_LIMITS).notes)
    except UserError:
        return False  # it is told where images are read


def _try_headers(paths: Sequence[Path]) -> list[Header | None]:
    return [_try_header(path) for path in paths]


def _try_header(path: Path) -> Header | None:
    try:
        status = path.stat()
        return _remembered(path, status.st_mtime_ns, status.st_size)
    except Exception:  # the bytes are untrusted, and what is wrong with them is worded by the reader of pixels
        return None


@lru_cache(maxsize=REMEMBERED)
def _remembered(path: Path, changed: int, size: int) -> Header:  # noqa: ARG001 - they tell contents apart
    header = read_header(path)
    if not _is_whole(path, size):
        read_picture(path, limits=DATASET_LIMITS)  # refuses what lacks its end; there may be more behind it
    return header


def _is_whole(path: Path, size: int) -> bool:
    """Say whether a JPEG or PNG has its end; what was cut off has a header all the same."""
    with path.open("rb") as file:
        start = file.read(8)
        end = next((each for mark, each in ENDS.items() if start.startswith(mark)), b"")
        file.seek(max(0, size - TAIL))
        return end in file.read(TAIL)


def _refusal(path: Path) -> str:
    """Return why a file cannot be read; empty where it can be, whatever its header looks like."""
    try:
        read_picture(path, limits=DATASET_LIMITS)
    except UserError as error:
        return str(error)
    return ""
