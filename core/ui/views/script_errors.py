"""What a page says instead of a traceback where the machine did not allow something."""

import streamlit as st

from core.errors import UserError, say_environment
from core.public import hide_places


def show_script_error(error: Exception) -> bool:
    """Show what stopped a page, in a sentence; return False where it is a defect of ours, which Streamlit then shows.

    Args:
        error: What the page, or a callback of it, raised.
    """
    said = str(error) if isinstance(error, UserError) else say_environment(error)
    if said:
        from core.ui.shared.formatting import as_text  # noqa: PLC0415 - the server starts without what it needs

        st.error(as_text(hide_places(said)), icon=":material/error:")
    return bool(said)
