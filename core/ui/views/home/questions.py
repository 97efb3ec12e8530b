"""The two comparisons that people ask for first, one press away."""

import streamlit as st

from core.studies.templates import find_template

FIRST = ("chest-tuning", "pets-encoders")
ASK = "ask"
"""What the Compare page's address calls the question that its form is to begin with."""


def show_first_questions() -> None:
    """Draw a button for each of them, which opens the form of a study with it."""
    with st.container(horizontal=True):
        for slug in FIRST:
            if st.button(find_template(slug).title, key=f"{ASK}-{slug}", icon=":material/compare_arrows:"):
                st.switch_page("compare.py", query_params={ASK: slug})
