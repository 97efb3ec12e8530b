"""What trains at this moment, drawn again every other second."""

import streamlit as st

from core.experiments import catalogue
from core.runs.run import Run
from core.runs.store.readable import readable
from core.runs.store.run_store import RunStore
from core.ui.components.refresh import follow
from core.ui.shared.formatting import ICONS, as_text, monitored, say_number, say_status

SECONDS = 2.0


def show_activity(store: RunStore, runs: list[Run]) -> None:
    """Draw the runs that have not ended, and keep them up to date."""
    follow(_show_active, store, tuple(run.id for run in runs if not run.is_final), moving=True, fastest=SECONDS)


def _show_active(store: RunStore, before: tuple[str, ...]) -> None:
    runs = readable(store.runs())
    active = [run for run in runs if not run.is_final]
    if tuple(run.id for run in active) != before:
        st.rerun()  # a run has started or ended: the cards and the rest of the page change too
    for run in active:
        _show_run(run)
    if not active:
        _show_nothing(runs)


def _show_run(run: Run) -> None:
    experiment = catalogue().get(run.slug)
    with st.container(border=True):
        st.markdown(
            f"{ICONS[run.state]} **{as_text(run.name)}** · {experiment.title if experiment else as_text(run.slug)}"
        )
        st.progress(run.share_done, text=say_status(run))
        title, value = monitored(experiment, run) if experiment else ("", None)
        if value is not None:
            st.caption(f"Best {title} {say_number(value)}, epoch {run.best_epoch}")
        if st.button("Watch", key=f"watch-{run.id}", icon=":material/monitoring:"):
            st.switch_page("runs.py", query_params={"run": run.short_id})


def _show_nothing(runs: list[Run]) -> None:
    if not runs:
        st.info("Nothing has been trained yet. Press **Train** on a card; the quick recipe takes about a minute.")
        return
    last = runs[0]
    st.markdown(f"Nothing at the moment. The newest run, **{as_text(last.name)}**, has {_ended(last)}.")
    if st.button("Open it", key="open-newest", icon=":material/monitoring:"):
        st.switch_page("runs.py", query_params={"run": last.short_id})


def _ended(run: Run) -> str:
    return {"finished": "finished", "failed": "failed", "stopped": "been stopped", "lost": "lost its worker"}[run.state]
