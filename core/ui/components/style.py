"""The few rules of style that the theme cannot say."""

import streamlit as st

RULES = """
@media (min-width: 900px) {
  [data-testid="stMainBlockContainer"] { padding-left: 3rem; padding-right: 3rem; max-width: 1360px }
  [data-testid="stColumn"]:has(> * .st-key-stays) { position: sticky; top: 4.5rem; align-self: flex-start }
}
.st-key-best [data-testid="stMetricValue"] { font-size: 2.6rem }
"""


def apply_style() -> None:
    """Add the rules to the page."""
    st.html(f"<style>{RULES}</style>")
