"""A Plotly chart that stays the same chart while its data grow."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.ui.components.figures import Figure
from core.ui.components.histories import Range

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]]}
_mount = st.components.v2.component(
    "fovea_chart", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"), isolate_styles=False
)


def show_chart(figure: Figure, *, key: str, alt: str) -> None:
    """Draw a figure.

    ``st.plotly_chart`` (Streamlit 1.67) builds a chart anew whenever its data change: once a second here, and the zoom
    is forgotten, whatever its key and ``uirevision``. This one hands new data to the chart that is there.

    Args:
        figure: Data and layout with a constant ``uirevision`` and a ``height``; arrays may be NumPy's.
        key: Identity; unique on the page.
        alt: What the chart shows, for screen readers.
    """
    spoken = {"alt": alt, "config": CONFIG, **figure}
    _mount(
        key=f"chart-{key}", data=json.dumps(spoken, default=_encode), height=figure["layout"]["height"],
        on_zoom_change=lambda: None,
    )  # fmt: skip


def zoom_of(key: str) -> Range | None:
    """Return the part of a chart's horizontal axis that the visitor zoomed into; None where all of it is shown."""
    state = st.session_state.get(f"chart-{key}")
    zoom = state.get("zoom") if state else None
    return (float(zoom[0]), float(zoom[1])) if zoom else None


def _encode(array: Any) -> dict[str, str]:
    """Return an array as Plotly's typed array: little-endian bytes in base64."""
    narrow = np.asarray(array, np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)
    return {"dtype": narrow.dtype.str[1:], "bdata": base64.b64encode(narrow.tobytes()).decode()}
