"""A Plotly chart that stays the same chart while its data grow."""

import base64
import json
from typing import Any

import numpy as np
import streamlit as st
from streamlit.elements.lib.layout_utils import LayoutConfig
from streamlit.proto.PlotlyChart_pb2 import PlotlyChart

from core.ui.curves import Figure

CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def show_chart(figure: Figure, *, key: str, alt: str) -> None:
    """Draw a figure.

    ``st.plotly_chart`` (Streamlit 1.67) makes a chart's identity from its data, so that the browser would build every
    chart anew each second and forget the zoom. Here the key alone is the identity, and the message is filled without
    Plotly's checks, which cost more processor time than all the rest of a refresh.

    Args:
        figure: Data and layout with a constant ``uirevision`` and a ``height``.
        key: Identity; unique on the page.
        alt: What the chart shows, for screen readers.
    """
    chart = PlotlyChart(
        id=f"fovea-{key}",
        theme="streamlit",
        alt=alt,
        config=json.dumps(CONFIG),
        spec=json.dumps(figure, default=_encode),
    )
    page: Any = vars(st)["_main"]  # draws where the page is at this moment
    size = LayoutConfig(width="stretch", height=figure["layout"]["height"])
    page._enqueue("plotly_chart", chart, layout_config=size)


def _encode(array: Any) -> dict[str, str]:
    """Return an array as Plotly's typed array: little-endian bytes in base64."""
    narrow = np.asarray(array, np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)
    return {"dtype": narrow.dtype.str[1:], "bdata": base64.b64encode(narrow.tobytes()).decode()}
