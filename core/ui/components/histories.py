"""Histories as arrays for charts, read from the store only as far as they are new."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.runs.run import Run
from core.runs.store.run_store import RunStore

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps or epochs, rising, and values; both ``(N,)``."""
AnyCurve = tuple[NDArray[Any], NDArray[np.float64]]
"""The same along anything that rises, such as minutes."""
Range = tuple[float, float]
NOTHING: Curve = (np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass
class Histories:
    """What is already known of one run's numbers."""

    known: dict[str, Curve] = field(default_factory=dict)
    times: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    complete: dict[str, int] = field(default_factory=dict)
    """Keys that were read after the run had ended, with the attempt that had: it may have gone on since."""
    names: tuple[tuple[int, int, bool], list[str]] = ((0, -1, False), [])

    def keys(self, store: RunStore, run: Run) -> list[str]:
        """Return the keys that have a history, looked up once an epoch."""
        state = (run.attempt, run.progress.epoch, run.is_final)
        if self.names[0] != state or not self.names[1]:
            self.names = state, store.metrics.metric_keys(run.id)
        return self.names[1]

    def read(self, store: RunStore, run: Run, key: str) -> Curve:
        """Return a key's curve.

        A key that counts epochs is looked up only after another epoch, and nothing of a run that has ended is looked up
        twice: while a run trains, it needs the processor more than this page does.
        """
        expected = run.progress.step if key.startswith("step/") else run.progress.epoch
        return self._extend(store, run, key, len(self.known.get(key, NOTHING)[0]) < expected)

    def read_by_minute(self, store: RunStore, run: Run, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a key's values and the minutes of training after which they were recorded, all attempts together."""
        _, values = self.read(store, run, key)
        times = self.times.get(key, NOTHING[1])
        if not run.attempts:
            return (times - run.created) / 60, values
        starts, ends = np.array(run.attempts, np.float64).T
        before = np.concatenate([[0.0], np.cumsum(ends - starts)[:-1]])
        own = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
        return (before[own] + times - starts[own]) / 60, values

    def read_load(self, store: RunStore, run: Run, key: str) -> Curve:
        """Return the curve of a key that counts seconds."""
        return self._extend(store, run, key, True)

    def _extend(self, store: RunStore, run: Run, key: str, expected: bool) -> Curve:
        steps, values = self.known.get(key, NOTHING)
        if self.complete.get(key) != run.attempt and (run.is_final or expected or not len(steps)):
            new = store.metrics.points_after(run.id, key, count=len(steps), step=int(steps[-1]) if len(steps) else -1)
            if new:
                at = np.array([each[2] for each in new], np.float64)
                self.times[key] = np.concatenate([self.times.get(key, NOTHING[1]), at])
                steps = np.concatenate([steps, np.array([each[0] for each in new], np.int64)])
                values = np.concatenate([values, np.array([each[1] for each in new], np.float64)])
            self.known[key] = steps, values
            if run.is_final:
                self.complete[key] = run.attempt
        return steps, values


@st.cache_resource(max_entries=64, show_spinner=False)
def open_histories(uri: str, run_id: str) -> Histories:  # noqa: ARG001 - both are the cache's key
    """Return what is known of a run's numbers, shared by all visitors."""
    return Histories()


def smooth(values: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Return the exponential moving average, without the pull of its start towards zero.

    Args:
        values: ``(N,)``.
        strength: 0 changes nothing; 0.99 averages over about a hundred values.
    """
    average, weight, smoothed = 0.0, 0.0, []
    for value in values.tolist():
        average = strength * average + (1 - strength) * value
        weight = strength * weight + (1 - strength)
        smoothed.append(average / weight)
    return np.array(smoothed, np.float64)


def thin(curve: AnyCurve, zoom: Range | None = None, most: int = 1000) -> AnyCurve:
    """Return a curve of at most about ``most`` points that keeps every peak: each bin's lowest and highest value.

    Args:
        curve: Any number of points.
        zoom: First and last step that are looked at: there so many points are kept as if nothing else were, which is
            all of them once there are few. Outside, the curve stays as coarse as it is unzoomed.
        most: Points of the whole curve, and of what is looked at.
    """
    if zoom is None:
        return _thin(curve, most)
    steps, values = curve
    first, last = np.searchsorted(steps, zoom[0]), np.searchsorted(steps, zoom[1], side="right")
    whole = len(steps) / most
    parts = [
        _thin((steps[part], values[part]), max(2, round((part.stop - part.start) / whole)) if outside else most)
        for part, outside in ((slice(0, first), True), (slice(first, last), False), (slice(last, len(steps)), True))
    ]
    return np.concatenate([each[0] for each in parts]), np.concatenate([each[1] for each in parts])


def _thin(curve: AnyCurve, most: int) -> AnyCurve:
    steps, values = curve
    size = -(-2 * len(steps) // most)
    if size <= 2:
        return curve
    whole = len(steps) // size * size
    bins = values[:whole].reshape(-1, size)
    starts = np.arange(0, whole, size)
    kept = np.unique(np.concatenate([starts + bins.argmin(1), starts + bins.argmax(1), np.arange(whole, len(steps))]))
    return steps[kept], values[kept]
