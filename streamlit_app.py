"""The server: Streamlit's pages and Gradio's demos on one port. Start it with ``streamlit run streamlit_app.py``."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from core.ui.downloads import PLACE, build_downloads
from core.ui.guard import Guard
from core.ui.server import LazyGradio, send_plotly
from core.ui.views.script_errors import show_script_error

demos = LazyGradio()
app = st.App(
    Path(__file__).resolve().parent / "pages" / "main.py",
    routes=[Mount("/gradio", demos), Mount(PLACE, build_downloads()), Route("/plotly.min.js", send_plotly)],
    middleware=[Middleware(Guard)],
    on_script_error=show_script_error,
    lifespan=demos.lifespan,
)
