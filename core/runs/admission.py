"""Who may put another run into the queue: a public server's limit, asked and taken under one lock between processes."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.paths import home
from core.platforms import locked_file
from core.public import refuse_another
from core.runs.reaping import reap
from core.runs.store.run_store import RunStore


@contextmanager
def admission() -> Iterator[None]:
    """Hold the lock under which runs are counted and recorded: of two that count at once, both would find room."""
    home().mkdir(parents=True, exist_ok=True)
    with locked_file(home() / "admission.lock"):
        yield


def refuse_more(store: RunStore, count: int = 1) -> None:
    """Refuse so many more runs where a public server has no room for all; to be called within :func:`admission`.

    Raises:
        UserError: If this server is public and there are too many.
    """
    refuse_another(len(reap(store)), count)
