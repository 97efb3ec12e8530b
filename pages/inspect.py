"""Inspect: what a run gets wrong, how sure it is, where to set its threshold, and what its network costs."""

import streamlit as st

from core.ui.components.open_store import open_store

st.title("Inspect", anchor=False)
with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.runs.store.readable import readable
    from core.ui.views.inspect.run import choose_run, show_run
run = choose_run(store, readable(store.runs()))
if run is None:
    st.info(
        "No run has kept its weights yet. Train one: after its first epoch its mistakes are here, picture by picture, "
        "and its network part by part.",
        icon=":material/info:",
    )
    if st.button("Train a model", key="train-first", type="primary", icon=":material/model_training:"):
        st.switch_page("train.py")
    st.stop()
show_run(store, run)
