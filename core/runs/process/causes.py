"""Why a worker is gone: what can be known from outside, in a sentence with what to do."""

import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core.platforms import name_signal, was_killed
from core.runs.run import Run

SCARCE = 0.06
"""Part of the machine's memory that was free at the last heartbeat below which memory is the likely cause."""


def exit_path(log: Path) -> Path:
    """Return the file beside a run's log into which whoever started the worker writes how it ended."""
    return log.with_suffix(".exit")


def note_exit(path: Path, code: int) -> None:
    """Write down how a worker ended, where it did not end well.

    Args:
        path: Of :func:`exit_path`.
        code: Exit status, negative where a signal ended it.
    """
    if code:
        with suppress(OSError):
            path.write_text(str(code))


def say_cause(run: Run, log: Path) -> str:
    """Return why a run that has no living worker is where it is.

    Args:
        run: Not final, its worker gone.
        log: Its log file.
    """
    code = _exit_code(exit_path(log))
    done, again = "before its first epoch was done", "Resume it to begin anew."
    if run.progress.epoch:
        done, again = f"after epoch {run.progress.epoch}", "Resume it to go on from its last checkpoint."
    free = run.usage.get("free_share")
    if free is not None and free < SCARCE and (code is None or was_killed(code)):
        return (
            f"The worker process died {done}, very likely for want of memory: {100 * free:.0f} % was free at its last "
            f"sign of life. Close other programs or lower batch_size or size. {again}"
        )
    if code is not None and code < 0:
        return f"The worker process died {done}: it was ended from outside by {name_signal(code)}. {again}"
    if code:
        return f"The worker process died {done} with exit status {code}; the log has the details. {again}"
    return f"The worker process died {done} without a word: it was killed, or the machine was restarted. {again}"


def last_words(log: Path, lines: int = 3) -> str:
    """Return the end of a log as one line; empty if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        said = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return "Its last words: " + " / ".join(said[-lines:]) if said else ""


def say_killed(run: Run) -> str:
    """Return what became of a run that a person ended at once."""
    kept = f"The best epoch so far ({run.best_epoch}) is kept." if run.best_epoch else "No epoch was done."
    return f"Killed on request. {kept} It can be resumed from its last whole epoch."


def is_full_disk(error: BaseException) -> bool:
    """Say whether an exception, or one that it came from, tells that there is no room on the disk."""
    return any(_says_full_disk(each) for each in _chain(error))


def say_failure(error: Exception) -> str:
    """Return what an exception that ended a run means, and what to do where that is known."""
    text = f"{type(error).__name__}: {error}"
    if is_full_disk(error):
        return "The disk is full. Make room or set FOVEA_HOME to another disk, then resume the run."
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return f"Memory did not suffice: lower batch_size or size, then start the run again. ({text[:200]})"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} could not be read or written ({error.strerror}). Put that right, then resume the run."
    return f"{text}. The log has the details."


def _says_full_disk(error: BaseException) -> bool:
    said = str(error)
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    return full or "disk is full" in said or "File too large" in said


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those it came from: torch wraps what the disk says."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _exit_code(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
