"""Histories as arrays for charts, read from the store only as far as they are new."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.runs.run import Run
from core.runs.store import Point, RunStore

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps or epochs, and values; both ``(N,)``."""


@dataclass
class Histories:
    """What is already known of one run's numbers."""

    known: dict[str, list[Point]] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)
    names: tuple[tuple[int, bool], list[str]] = ((-1, False), [])

    def keys(self, store: RunStore, run: Run) -> list[str]:
        """Return the keys that have a history, looked up once an epoch."""
        state = (run.progress.epoch, run.is_final)
        if self.names[0] != state or not self.names[1]:
            self.names = state, store.metric_keys(run.id)
        return self.names[1]

    def read(self, store: RunStore, run: Run, key: str) -> Curve:
        """Return a key's curve.

        A key that counts epochs is looked up only after another epoch, and nothing of a run that has ended is looked up
        twice: while a run trains, it needs the processor more than this page does.
        """
        points = self.known.get(key, [])
        expected = run.progress.step if key.startswith("step/") else run.progress.epoch
        if key not in self.complete and (run.is_final or len(points) < expected or not points):
            points = store.extend_history(run.id, key, points)
            self.known[key] = points
            if run.is_final:
                self.complete.add(key)
        ordered = sorted(points)
        return np.array([each[0] for each in ordered], np.int64), np.array([each[1] for each in ordered], np.float64)


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


def thin(curve: Curve, most: int = 1000) -> Curve:
    """Return a curve of at most about ``most`` points that keeps every peak: each bin's lowest and highest value."""
    steps, values = curve
    size = -(-2 * len(steps) // most)
    if size <= 2:
        return curve
    whole = len(steps) // size * size
    bins = values[:whole].reshape(-1, size)
    starts = np.arange(0, whole, size)
    kept = np.unique(np.concatenate([starts + bins.argmin(1), starts + bins.argmax(1), np.arange(whole, len(steps))]))
    return steps[kept], values[kept]
