"""The one exception that speaks to users, and what the machine says in their words."""

LONGEST_PATH = 200
"""Of a file that is named, so many letters are said."""
DATABASE = ("mlflow", "sqlalchemy", "sqlite3", "alembic")
"""Packages whose exceptions speak of the store of runs."""


class UserError(Exception):
    """A mistake a user can mend, said in one sentence: what was given, what is allowed, what to do.

    The command line prints it on standard error and exits with status 2; pages and the Gradio widgets show it as it
    stands. Anything else that escapes is a defect of ours and may show a traceback.
    """


def shorten(given: str) -> str:
    """Return what was given, or its beginning where it is longer than anybody reads."""
    return given if len(given) <= LONGEST_PATH else f"{given[:LONGEST_PATH]} …"


def brief(sentence: str) -> str:
    """Return a sentence without its middle where that is longer than anybody reads: it holds what was given."""
    if len(sentence) <= 4 * LONGEST_PATH:
        return sentence
    return f"{sentence[: 2 * LONGEST_PATH]} … {sentence[-2 * LONGEST_PATH :]}"


def say_environment(error: BaseException) -> str:
    """Say what the machine did not allow: a file, the memory, the store of runs; empty where it is a defect of ours."""
    if isinstance(error, MemoryError):
        return "Memory did not suffice; close other programs, or ask for less."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{shorten(str(error.filename))} could not be read or written: {error.strerror}."
    if type(error).__module__.partition(".")[0] in DATABASE:
        said = " ".join(str(error).split())
        if "locked" in said:
            return "The store of runs is locked by another program; wait a moment, then try again."
        if "malformed" in said or "not a database" in said:
            return (
                "The store of runs, mlflow.db, is damaged. Move it out of the folder that FOVEA_HOME names (by default "
                ".fovea), or put a copy of it back; checkpoints and logs are in folders beside it."
            )
        return f"The store of runs could not be used: {said[:200]}"
    return ""
