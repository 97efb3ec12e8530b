"""Calls to the store that wait out its absence: a locked database, a tracking server that is away for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import OperationalError

PATIENCE = 300.0
"""Seconds for which a store may be away before a worker gives up."""
LONGEST_PAUSE = 5.0
FOR_GOOD = frozenset({
    "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE", "BAD_REQUEST",
    "PERMISSION_DENIED", "UNAUTHENTICATED",
})  # fmt: skip
"""Answers of a store that is there and will say the same again."""

Answer = TypeVar("Answer")


def is_passing(error: Exception) -> bool:
    """Say whether a store that raised this may answer if it is asked again."""
    if isinstance(error, MlflowException):
        return error.error_code not in FOR_GOOD and "disk is full" not in str(error)
    return isinstance(error, OperationalError | RequestException | ConnectionError | TimeoutError)


def patiently(act: Callable[[], Answer], *, patience: float = PATIENCE) -> Answer:
    """Return what a call to the store returns; while the store is away, ask again, less and less often.

    Raises:
        Exception: What the call raised last, when patience ends or asking again is no use.
    """
    deadline, pause = time.monotonic() + patience, 0.2
    while True:
        try:
            return act()
        except Exception as error:
            if not is_passing(error) or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
