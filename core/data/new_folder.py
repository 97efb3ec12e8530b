"""A folder that appears when all that belongs in it is written, and not before."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UserError


@contextmanager
def fill_new_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write into, beside `folder`; it becomes `folder` where the block ends without an error.

    After an error or an interruption nothing is left of it.

    Raises:
        UserError: When `folder` is a file or already holds something.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(f"{folder} already holds something; name a new or an empty folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as building:
        # the temporary folder itself is closed to other users; a folder made inside it is as open as any
        unfinished = Path(building) / "unfinished"
        unfinished.mkdir()
        yield unfinished
        if folder.is_dir():
            folder.rmdir()
        unfinished.rename(folder)
