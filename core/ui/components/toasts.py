"""Short messages that outlive the drawing in which they come up: a toast from a callback inside a fragment is lost."""

import streamlit as st

from core.ui.shared.formatting import as_text

WAITING = "messages"


def leave_message(text: str, icon: str) -> None:
    """Have a message shown by the next drawing of the page, or of the part of it that is drawn again."""
    st.session_state.setdefault(WAITING, []).append((text, icon))


def show_messages() -> None:
    """Show what was left."""
    for text, icon in st.session_state.pop(WAITING, []):
        st.toast(as_text(text), icon=icon)
