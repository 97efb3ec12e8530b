"""Inspect: what a classifier gets wrong, how sure it is, and where to set its threshold."""

import streamlit as st

from core.ui.opened import open_store

st.title("Inspect", anchor=False)
with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.ui.inspect_view import choose_run, show_run
run = choose_run(store, store.runs())
if run is None:
    st.info(
        "No run has kept its answers yet. Train a classifier (chest, aoi, objects or byol): after its first epoch its "
        "mistakes are here, picture by picture.",
        icon=":material/info:",
    )
    if st.button("Train a model", type="primary", icon=":material/model_training:"):
        st.switch_page("train.py")
    st.stop()
show_run(store, run)
