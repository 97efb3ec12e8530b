"""How often a page that follows a run is drawn: the more visitors look on, the less often; training comes first.

What drawing costs is measured, and the pause between two drawings is chosen so that all visitors together take a small
share of the processor.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.ui.components.toasts import show_messages

SHARE = 0.015
"""Part of the machine's processor time that drawing may take; sending it costs about as much again."""
SHORTEST, LONGEST = 1.0, 30.0
FORGOTTEN = 2.5 * LONGEST
"""Seconds after which a visitor who has not been drawn for has gone."""


class Viewers:
    """Who looks on, and what it costs to draw for one of them."""

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or os.cpu_count() or 1
        self._seen: dict[str, float] = {}
        self._cost = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def drawing(self, visitor: str) -> Iterator[None]:
        """Measure the processor time of drawing once for a visitor, in the calling thread."""
        start = time.thread_time()
        try:
            yield
        finally:
            self.note(visitor, time.thread_time() - start, time.monotonic())

    def note(self, visitor: str, seconds: float, now: float) -> None:
        """Take what drawing for a visitor cost."""
        with self._lock:
            self._cost = 0.8 * self._cost + 0.2 * seconds if self._cost else seconds
            self._seen[visitor] = now
            self._seen = {each: at for each, at in self._seen.items() if now - at < FORGOTTEN}

    def pause(self) -> float:
        """Return the seconds between two drawings for one visitor."""
        with self._lock:
            wanted = len(self._seen) * self._cost / (SHARE * self._cores)
        return min(LONGEST, max(SHORTEST, wanted))


VIEWERS = Viewers()


def follow(draw: Callable[..., None], *arguments: object, moving: bool, fastest: float = SHORTEST) -> None:
    """Draw a part of a page now, and again and again while something in it moves.

    Args:
        draw: Draws it.
        arguments: For ``draw``.
        moving: Whether to draw it again at all.
        fastest: Seconds between two drawings where few look on.
    """
    pause = max(fastest, VIEWERS.pause())
    st.fragment(run_every=pause if moving else None)(_draw)(draw, arguments, moving, fastest, pause)


def _draw(draw: Callable[..., None], arguments: tuple[object, ...], moving: bool, fastest: float, pause: float) -> None:
    context = get_script_run_ctx()
    with VIEWERS.drawing(context.session_id if context else ""):
        show_messages()  # of a callback of this part: the rest of the page is not drawn again
        draw(*arguments)
    if moving and has_changed(pause, max(fastest, VIEWERS.pause())):
        st.rerun()  # a fragment keeps the pause that it was given


def has_changed(pause: float, wanted: float) -> bool:
    """Say whether a pause is so far from what it should be that the page had better take another."""
    return wanted > 1.5 * pause or wanted < 0.5 * pause
