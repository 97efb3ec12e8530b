"""Tells a loss that runs away, before it stops being a number."""

from collections import deque

WINDOW = 20
FACTOR = 10.0


class RunawayWatch:
    """Compares the mean loss of the last steps with that of the first ones.

    A loss starts where the network knows nothing; to be ten times as wrong as that for many steps is not learning.
    """

    def __init__(self) -> None:
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=WINDOW)

    def runs_away(self, loss: float) -> bool:
        """Take the loss of a step, and say whether the last 20 are on average ten times the first 20.

        Losses that may be zero or negative at the start have no such measure and never run away.
        """
        if len(self._first) < WINDOW:
            self._first.append(loss)
            return False
        self._last.append(loss)
        start = sum(self._first) / WINDOW
        return len(self._last) == WINDOW and start > 0 and sum(self._last) / WINDOW > FACTOR * start

    @property
    def means(self) -> tuple[float, float]:
        """Return the mean of the first and of the last steps; after both are known."""
        return sum(self._first) / len(self._first), sum(self._last) / len(self._last)
