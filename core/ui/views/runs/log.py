"""The tab of the log: what the worker printed, its end first of all, with search and download."""

from pathlib import Path

import streamlit as st

from core.public import hide_places
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.downloads import log_address

TAIL_BYTES = 128 * 1024
SEARCH_BYTES = 8 * 1024 * 1024
SHOWN = 300
HEIGHT = 420


def show_log(store: RunStore, run: Run) -> None:
    """Draw the last lines, or those that hold the words searched for."""
    path = store.files.log_path(run.id)
    if not path.exists():
        st.info("There is no log on this machine. It is written where the run was started.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input("Search", key="log-search", type="search", live=True, placeholder="Lines that hold …")
        st.link_button("Download", log_address(run.id), key="download-log", icon=":material/download:")
    lines, whole = _read_lines(path, SEARCH_BYTES if words else TAIL_BYTES)
    found = [line for line in lines if words.lower() in line.lower()] if words else lines
    st.code("\n".join(found[-SHOWN:]) or "(nothing)", language=None, height=HEIGHT, wrap_lines=True)
    st.caption(_say(len(found), searched=bool(words), whole=whole))


def _read_lines(path: Path, most: int) -> tuple[list[str], bool]:
    """Return the lines of the file's last bytes, and whether that is all of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - most))
        return hide_places(file.read().decode(errors="replace")).splitlines(), size <= most


def _say(count: int, *, searched: bool, whole: bool) -> str:
    shown = f"The last {SHOWN} of {count} lines" if count > SHOWN else f"{count} line{'' if count == 1 else 's'}"
    return f"{shown}{' found' if searched else ''}{'' if whole else '; only the end of the file was read'}."
