"""The sizes of many image files at once, and what is said of those that cannot be read or hold several pages."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from core.data.dataset import name_some
from core.data.picture_formats.depth import OWN_RANGE
from core.data.picture_formats.headers import Header, read_header
from core.data.pictures import DATASET_LIMITS, read_picture
from core.errors import UserError

THREADS = 8
REMEMBERED = 100_000
LOOKED_AT = 12
"""So many images of a set are opened to tell whether each is scaled by itself."""
DEEP_ENDINGS = (".png", ".tif", ".tiff")
"""Of files that may have more than 8 bits and do not say which value is white."""


def read_headers(paths: Iterable[Path]) -> Mapping[Path, Header]:
    """Return the header of each file, read by several threads; a file that has not changed is not read again.

    Raises:
        UserError: If files cannot be read; the sentence names them all together.
    """
    wanted = list(dict.fromkeys(paths))
    parts = [wanted[start::THREADS] for start in range(THREADS)]  # a task for each file would take longer than it
    with ThreadPoolExecutor(THREADS) as pool:
        tried = [header for some in pool.map(_try_headers, parts) for header in some]
    by_path = dict(zip((path for some in parts for path in some), tried, strict=True))
    found = [by_path[path] for path in wanted]
    broken = [path for path, header in zip(wanted, found, strict=True) if header is None]
    refusals = [(path, said) for path in broken if (said := _refusal(path))]
    if refusals:
        first = refusals[0][1]
        if len(refusals) == 1:
            raise UserError(first)
        names = name_some([path for path, _ in refusals])
        raise UserError(f"{len(refusals):,} of {len(wanted):,} files cannot be read: {names}. The first: {first}")
    return {path: header for path, header in zip(wanted, found, strict=True) if header is not None}


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
def _remembered(path: Path, changed: int, size: int) -> Header:  # noqa: ARG001 - they tell one content from another
    return read_header(path)


def _refusal(path: Path) -> str:
    """Return why a file cannot be read; empty where it can be, whatever its header looks like."""
    try:
        read_picture(path, limits=DATASET_LIMITS)
    except UserError as error:
        return str(error)
    return ""
