"""The tab of the machine: how many cores and how much memory a run used over time."""

import numpy as np
import streamlit as st

from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.components.chart import show_chart
from core.ui.components.figures import draw_load
from core.ui.components.histories import Curve, open_histories
from core.ui.shared.formatting import say_size

GIB = 2**30
SHOWN = (
    ("cpu", "Processor cores in use", 1.0), ("memory", "Memory of the run, GiB", GIB),
    ("gpu_memory", "Memory in use on the GPU, GiB", GIB),
)  # fmt: skip


def show_machine(store: RunStore, run: Run) -> None:
    """Draw what the heartbeats told of the run's load."""
    histories = open_histories(store.uri, run.id)
    curves = {key: histories.read_load(store, run, f"system/{key}") for key, _, _ in SHOWN}
    if not len(curves["cpu"][0]):
        st.info("Nothing is known yet; the load is told every few seconds.")
        return
    if run.usage and not run.is_final:
        free = run.usage.get("free_share", 0.0)
        memory = say_size(run.usage.get("memory", 0.0))
        st.caption(f"Now: {run.usage.get('cpu', 0.0):.1f} cores, {memory}; {100 * free:.0f} % of the memory is free.")
    for column, (key, title, unit) in zip(st.columns(2, gap="medium"), SHOWN, strict=False):
        with column:
            _show(title, curves[key], unit, f"{key}-{run.id}")
    if len(curves["gpu_memory"][0]):
        _, title, unit = SHOWN[2]
        _show(title, curves["gpu_memory"], unit, f"gpu-{run.id}")


def _show(title: str, curve: Curve, unit: float, key: str) -> None:
    seconds, values = curve
    minutes = (seconds - seconds[0]) / 60
    st.markdown(f"**{title}**")
    show_chart(draw_load((minutes, np.asarray(values) / unit), title), key=key, alt=title)
