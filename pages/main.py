"""Navigation: the entry script of the pages."""

from pathlib import Path

import streamlit as st

from core.ui.components.style import apply_style
from core.ui.components.toasts import show_messages

ASSETS = Path(__file__).resolve().parent.parent / "assets"

st.set_page_config(page_title="Fovea", page_icon=str(ASSETS / "icon.svg"), layout="wide", initial_sidebar_state=220)
st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
apply_style()
page = st.navigation(
    {
        "Start": [st.Page("home.py", title="Home", icon=":material/home:", default=True)],
        "Train": [
            st.Page("train.py", title="Train", icon=":material/model_training:"),
            st.Page("runs.py", title="Runs", icon=":material/monitoring:"),
        ],
        "Compare": [
            st.Page("compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("inspect.py", title="Inspect", icon=":material/troubleshoot:"),
            st.Page("reports.py", title="Reports", icon=":material/article:"),
        ],
        "Try": [st.Page("predict.py", title="Predict", icon=":material/image_search:")],
        "System": [st.Page("system.py", title="System", icon=":material/memory:")],
    }
)
show_messages()
page.run()
