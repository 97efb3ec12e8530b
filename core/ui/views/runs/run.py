"""One run, drawn again and again until it ends: every second, less often where many look on."""

import streamlit as st

from core.errors import UserError
from core.experiments import find_experiment
from core.runs.run import Run
from core.runs.store.readable import why_unreadable
from core.runs.store.run_store import RunStore
from core.ui.components.refresh import follow
from core.ui.shared.formatting import as_text
from core.ui.views.runs.curves import show_curves
from core.ui.views.runs.header import show_header
from core.ui.views.runs.log import show_log
from core.ui.views.runs.machine import show_machine
from core.ui.views.runs.samples import show_samples
from core.ui.views.runs.settings import show_settings

CURVES, SAMPLES, LOG, MACHINE, SETTINGS = TABS = ("Curves", "Samples", "Log", "Machine", "Settings")


def find_run(store: RunStore, wanted: str, runs: list[Run]) -> Run:
    """Return the run the address asks for, else the newest that has not ended, else the newest.

    Raises:
        UserError: If the run asked for does not exist.
    """
    if wanted:
        return store.get(wanted)
    return next((run for run in runs if not run.is_final), runs[0])


def show_run(store: RunStore, run: Run) -> None:
    """Draw a run; one that has ended is drawn once."""
    reason = why_unreadable(run)
    if reason:
        st.error(f"Run {run.short_id} cannot be shown. {as_text(reason)}", icon=":material/error:")
        return
    follow(_show, store, run.id, run.is_final, moving=not run.is_final)


def _show(store: RunStore, run_id: str, was_final: bool) -> None:
    try:
        run = store.get(run_id)
    except UserError:  # deleted a moment ago
        st.query_params.clear()
        st.rerun()
    if run.is_final != was_final:
        st.rerun()  # it has ended, and from now on nothing moves; or somebody let it go on
    experiment = find_experiment(run.slug)
    show_header(store, run, experiment)
    tabs = st.tabs(TABS, key="run-tab", on_change="rerun")
    for name, tab in zip(TABS, tabs, strict=True):
        if not tab.open:
            continue  # only what is looked at is read
        with tab:
            if name == CURVES:
                show_curves(store, run, experiment)
            elif name == SAMPLES:
                show_samples(store, run, experiment.kind_of(run.config["arm"]))
            elif name == LOG:
                show_log(store, run)
            elif name == MACHINE:
                show_machine(store, run)
            else:
                show_settings(run, experiment)
