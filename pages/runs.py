"""Runs: one run live, or all of them in a table."""

import streamlit as st

from core.errors import UserError
from core.ui.components.open_store import open_store
from core.ui.shared.formatting import as_text

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.title("Runs", anchor=False, width="content")
    switch = st.container(width="content")

with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.ui.views.runs.actions import show_deleted
    from core.ui.views.runs.run import find_run, show_run
    from core.ui.views.runs.table import ALL, ONE, VIEW, show_table
runs = store.runs()
wanted = st.query_params.get("run", "")
if not runs and not wanted:
    st.info("Nothing has been trained yet. The recipe *Quick look* takes about a minute.", icon=":material/info:")
    if st.button("Train a model", key="train-first", type="primary", icon=":material/model_training:"):
        st.switch_page("train.py")
    show_deleted(store)
    st.stop()

with switch:
    st.session_state.setdefault(VIEW, ONE)
    view = st.segmented_control("View", [ONE, ALL], key=VIEW, required=True, label_visibility="collapsed")
if view == ALL:
    show_table(store, runs)
    st.stop()
try:
    run = find_run(store, wanted, runs)
except UserError as error:
    st.warning(f"{as_text(error)} Or press *{ALL}* and choose one there.", icon=":material/search_off:")
    st.stop()
st.query_params["run"] = run.short_id
show_run(store, run)
