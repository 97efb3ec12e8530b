"""Compare: several runs side by side."""

import streamlit as st

from core.ui.opened import open_store

st.title("Compare", anchor=False)
with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.ui.compare_view import choose_runs, show_comparison
    from core.ui.viewers import follow
runs = store.runs()
if not runs:
    st.info("Nothing has been trained yet. Train two arms of an experiment, then see them here side by side.")
    if st.button("Train a model", type="primary", icon=":material/model_training:"):
        st.switch_page("train.py")
    st.stop()
chosen = choose_runs(runs)
if not chosen:
    st.info("Choose runs above. Curves, scores and the knobs that differ are then drawn together.")
    st.stop()
follow(show_comparison, store, [run.id for run in chosen], moving=any(not run.is_final for run in chosen), fastest=2.0)
