"""The server: Streamlit's pages and Gradio's demos on one port. Start it with ``streamlit run streamlit_app.py``."""

from pathlib import Path

import streamlit as st
from starlette.routing import Mount, Route

from core.ui.downloads import PLACE, build_downloads
from core.ui.server import LazyGradio, send_plotly

demos = LazyGradio()
app = st.App(
    Path(__file__).resolve().parent / "pages" / "main.py",
    routes=[Mount("/gradio", demos), Mount(PLACE, build_downloads()), Route("/plotly.min.js", send_plotly)],
    lifespan=demos.lifespan,
)
