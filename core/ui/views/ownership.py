"""Whose run it is: on a public server, where nobody logs in, the browser session that started it may act on it."""

from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import streamlit as st

from core.public import public_limits, refuse_unfair
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.shared.visitors import Visitors, address_of

OWN = "own-runs"
NOT_OWN = (
    "On this public server only the browser session that started a run may stop, resume, prolong or delete it. A page "
    "that is reloaded is another session."
)


def note_own(run: Run) -> None:
    """Remember that this session started a run."""
    st.session_state.setdefault(OWN, set()).add(run.id)
    if public_limits() is not None:
        known_runs().change(visitor(), lambda known: known | {run.id})


def note_all_own(runs: Iterable[Run], before: Container[str]) -> None:
    """Remember that this session started those of these runs that were not there before."""
    for run in runs:
        if run.id not in before:
            note_own(run)


@contextmanager
def fair_share(store: RunStore, count: int = 1) -> Iterator[None]:
    """Hold back others while a visitor of a public server starts runs, of which each has a share alone.

    Args:
        store: Where runs are recorded.
        count: So many are to be started; they are noted as the visitor's within the block.

    Raises:
        UserError: If the visitor has as many as one may.
    """
    if public_limits() is None:
        yield
        return
    with _starting():
        unfinished = {run.id for run in store.unfinished()}
        own = known_runs().change(visitor(), lambda known: known & unfinished)
        refuse_unfair(len(own), count)
        yield


@cache
def known_runs() -> Visitors[frozenset[str]]:
    """Return the one place where this server knows whose runs are whose."""
    return Visitors(frozenset, window=0)


@cache
def _starting() -> Lock:
    return Lock()


def visitor() -> str:
    """Return by what the visitor is known who asks for this page."""
    return address_of(st.context.ip_address, st.context.headers.get_all("x-forwarded-for"))


def may_act_on(run_id: str) -> bool:
    """Say whether this visitor may change a run; everybody may where the server is not public."""
    return public_limits() is None or run_id in st.session_state.get(OWN, ())
