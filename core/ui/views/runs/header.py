"""The top of a run's view: state in words, best score, progress, time, and what can be done."""

import time

import streamlit as st

from core.experiments.experiment import Experiment
from core.runs.queue import place_of
from core.runs.run import FAILED, FINISHED, SCHEDULED, Run
from core.runs.store.run_store import RunStore
from core.ui.shared.formatting import (
    COLOURS,
    ICONS,
    as_text,
    monitored,
    say_data,
    say_duration,
    say_left,
    say_number,
    say_status,
    say_when,
)
from core.ui.views.runs.actions import show_actions


def show_header(store: RunStore, run: Run, experiment: Experiment) -> None:
    """Draw everything above the tabs."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.header(as_text(run.name), anchor=False, width="content")
            st.badge(run.state, icon=ICONS[run.state], color=COLOURS[run.state])  # type: ignore[arg-type]
        show_actions(store, run, experiment)
    st.caption(f"{experiment.title} · {say_data(run.config['data'])} · {say_when(run.created)} · run {run.short_id}")
    _show_numbers(run, experiment)
    _show_status(run, place_of(run, store.unfinished()) if run.status == SCHEDULED else 0)


def _show_numbers(run: Run, experiment: Experiment) -> None:
    title, best = monitored(experiment, run)
    progress, since = run.progress, run.progress.stale_epochs
    seconds = run.seconds
    if seconds is not None and run.started is not None and run.beat is not None and not run.is_final:
        seconds += time.time() - run.beat
    numbers = {
        "Epochs done": f"{progress.epoch} of {run.epochs}",
        "Time": say_duration(seconds),
    }
    if not run.is_final:
        numbers["Time left"] = say_left(progress.seconds_left).removeprefix("about ") if progress.steps else "–"
    numbers["No improvement for"] = f"{since} epoch{'' if since == 1 else 's'}" if run.best_epoch else "–"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", gap="medium"):
        with st.container(key="best", width="content"):
            label = f"Best {title}, epoch {run.best_epoch}" if run.best_epoch else f"Best {title}"
            help = f"{title} on the validation pictures. The weights of the epoch where it was best are kept."
            st.metric(label, say_number(best), help=help, width="content")
        for name, value in numbers.items():
            st.metric(name, value, width="content")


def _show_status(run: Run, place: int) -> None:
    progress = run.progress
    if run.status == FINISHED:
        st.success(as_text(run.reason), icon=ICONS[run.state])
    elif run.status == FAILED:
        st.error(as_text(run.reason), icon=ICONS[run.state])
    elif run.is_final:
        st.info(as_text(run.reason), icon=ICONS[run.state])
    else:
        steps = f" Step {progress.step} of {progress.steps}." if progress.steps else ""
        steps = f" Its place is {place}." if place else steps
        st.progress(run.share_done, text=say_status(run) + steps)
