"""Whose run it is: on a public server, where nobody logs in, the browser session that started it may act on it."""

from collections.abc import Container, Iterable

import streamlit as st

from core.public import public_limits
from core.runs.run import Run

OWN = "own-runs"
NOT_OWN = (
    "On this public server only the browser session that started a run may stop, resume, prolong or delete it. A page "
    "that is reloaded is another session."
)


def note_own(run: Run) -> None:
    """Remember that this session started a run."""
    st.session_state.setdefault(OWN, set()).add(run.id)


def note_all_own(runs: Iterable[Run], before: Container[str]) -> None:
    """Remember that this session started those of these runs that were not there before."""
    for run in runs:
        if run.id not in before:
            note_own(run)


def may_act_on(run_id: str) -> bool:
    """Say whether this visitor may change a run; everybody may where the server is not public."""
    return public_limits() is None or run_id in st.session_state.get(OWN, ())
