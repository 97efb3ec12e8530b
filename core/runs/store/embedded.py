"""The database of runs that lies in the home folder, where no other store is named."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from core.errors import UserError
from core.paths import home


def embedded_uri() -> str:
    """Return the address of the database in the home folder."""
    return f"sqlite:///{home() / 'mlflow.db'}"


def prepare_home() -> None:
    """Make the home folder.

    Raises:
        UserError: If that cannot be done, or its path has a letter that means something else in an address: the
            database and the runs' files would lie beside it.
    """
    folder = home()
    if strange := [letter for letter in "%?#" if letter in str(folder)]:
        raise UserError(
            f"{folder} has {' and '.join(strange)} in its path, which the database of runs takes for something else; "
            "set FOVEA_HOME to a folder without %, ? and #."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"{folder} cannot be made ({error.strerror}); set FOVEA_HOME to a folder you can write."
        raise UserError(said) from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder} cannot be written; set FOVEA_HOME to a folder you can write.")


def let_readers_and_writers_be(path: Path) -> None:
    """Switch a database to a write-ahead log, in which readers never wait for a writer nor make it wait.

    The mode stays with the file. Where it cannot be had, as on some network disks, the database works as before.
    """
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode=wal")


def refuse_loss(database: Path) -> None:
    """Refuse to begin an empty store in a folder that holds the files of runs: their records were there, and are gone.

    Raises:
        UserError: If it is so.
    """
    artifacts = database.parent / "artifacts"
    if database.exists() or not artifacts.is_dir():
        return
    count = sum(1 for each in artifacts.glob("*/*") if each.is_dir())
    if count:
        raise UserError(
            f"{database} is gone, but the files of {count} runs lie beside it in artifacts/. Put the file back, or "
            "move artifacts/ elsewhere to begin anew."
        )


def has_tables(database: Path) -> bool:
    """Say whether a database holds the tables of a store."""
    with closing(sqlite3.connect(database)) as opened:
        return bool(opened.execute("select 1 from sqlite_master where name = 'experiments'").fetchall())
