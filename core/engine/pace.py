"""How long a training has to go, from how long its steps and its pauses between epochs take."""

import time
from collections import deque

RECENT = 200
"""Steps whose time counts: other programs come and go, and the pace with them."""


class Pace:
    """Times steps, and what lies between the last step of an epoch and the first of the next: validation, saving."""

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=RECENT)
        self._pause = 0.0
        self._mark = time.perf_counter()

    def begin_epoch(self) -> None:
        """Start the clock of an epoch's first step."""
        self._mark = time.perf_counter()

    def end_step(self) -> None:
        """Take the time since the step before."""
        now = time.perf_counter()
        if len(self._steps) == 1:
            self._steps[0] = min(self._steps[0], now - self._mark)  # the first one warmed up
        self._steps.append(now - self._mark)
        self._mark = now

    def end_epoch(self) -> None:
        """Take the time since the epoch's last step."""
        self._pause = time.perf_counter() - self._mark

    def seconds_left(self, steps: int, epochs: int) -> float | None:
        """Return the estimate; None before the first step.

        Args:
            steps: To go.
            epochs: To go, the one under way included; none of them has been validated.
        """
        if not self._steps:
            return None
        return steps * sum(self._steps) / len(self._steps) + epochs * self._pause
