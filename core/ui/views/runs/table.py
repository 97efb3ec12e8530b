"""All runs in a table: filter, sort, open."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import catalogue
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.components.refresh import follow
from core.ui.shared.formatting import monitored, say_data, say_duration
from core.ui.views.runs.actions import show_deleted

SECONDS = 2.0
STATES = ("queued", "running", "finished", "stopped", "failed")
VIEW, TABLE = "runs-view", "runs-table"
ONE, ALL = "One run", "All runs"
COLUMNS = {
    "Best": st.column_config.NumberColumn(
        format="%.4f", help="Of the score the experiment goes by, at the best epoch."
    ),
    "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
}


def show_table(store: RunStore, runs: list[Run]) -> None:
    """Draw the table, and keep it up to date while something trains."""
    active = any(not run.is_final for run in runs)
    follow(_show, store, moving=active, fastest=SECONDS)


def _show(store: RunStore) -> None:
    runs = store.runs()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        words = st.text_input(
            "Search", type="search", live=True, key="runs-search", placeholder="Name, experiment, data …"
        )
        states = st.pills("State", STATES, selection_mode="multi", key="runs-states")
    shown = [run for run in runs if _fits(run, words.lower(), states)]
    if not shown:
        st.info("No run fits. Clear the search or the states.")
        return
    st.dataframe(
        _columns(shown), key=TABLE, on_select=partial(_open, [run.short_id for run in shown]),
        selection_mode="single-row", hide_index=True, column_config=COLUMNS, height="auto",
    )  # fmt: skip
    st.caption(f"{len(shown)} of {len(runs)} runs. Click the box before a row to open it; click a heading to sort.")
    show_deleted(store)
    if st.session_state[VIEW] == ONE:
        st.rerun()  # a row was clicked


def _open(ids: Sequence[str]) -> None:
    rows = st.session_state[TABLE]["selection"]["rows"]
    if rows:
        st.query_params["run"] = ids[rows[0]]
        st.session_state[VIEW] = ONE


def _fits(run: Run, words: str, states: Sequence[str]) -> bool:
    state = {"stopping": "running", "lost": "failed"}.get(run.state, run.state)
    text = f"{run.name} {run.slug} {run.id} {run.reason} {run.config.get('data', '')}".lower()
    return words in text and (not states or state in states)


def _columns(runs: Sequence[Run]) -> dict[str, list[Any]]:
    entries = catalogue()
    known = [entries.get(run.slug) for run in runs]
    scored = [monitored(each, run) if each else ("", None) for each, run in zip(known, runs, strict=True)]
    return {
        "State": [run.state for run in runs],
        "Name": [run.name for run in runs],
        "Experiment": [each.title if each else run.slug for each, run in zip(known, runs, strict=True)],
        "Best": [value for _, value in scored],
        "Score": [title for title, _ in scored],
        "Epoch": [run.best_epoch or None for run in runs],
        "Data": [say_data(run.config.get("data", "")) for run in runs],
        "Created": [datetime.fromtimestamp(run.created) for run in runs],
        "Time": [say_duration(run.seconds) for run in runs],
        "Run": [run.short_id for run in runs],
    }
