"""What is opened once for all visitors."""

import os
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import UserError
from core.paths import home
from core.ui.shared.formatting import as_text
from core.ui.shared.tracking import load_tracking

if TYPE_CHECKING:
    from core.runs.store.run_store import RunStore


def open_store() -> "RunStore":
    """Return the store of the home folder, opened once; end the page with the reason where it cannot be opened."""
    try:
        return open_store_of_home()
    except UserError as error:
        st.error(as_text(error), icon=":material/error:")
        st.stop()


def open_store_of_home() -> "RunStore":
    """Return the store of the home folder, opened once.

    Raises:
        UserError: If it cannot be opened.
    """
    return _open(os.environ.get("MLFLOW_TRACKING_URI") or str(home()))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(place: str) -> "RunStore":  # noqa: ARG001 - the place is the cache's key
    load_tracking()
    from core.runs.store.run_store import RunStore  # noqa: PLC0415 - MLflow takes seconds

    return RunStore()
