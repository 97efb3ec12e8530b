"""Compare: studies that answer a question, or any runs side by side."""

import streamlit as st

from core.ui.components.open_store import open_store
from core.ui.views.home.questions import ASK, show_first_questions

BY_STUDY, BY_HAND = "Studies", "Any runs"

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.title("Compare", anchor=False, width="content")
    switch = st.container(width="content")
with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.runs.store.readable import readable
    from core.ui.components.refresh import follow
    from core.ui.views.compare.runs import choose_runs, is_moving, show_comparison
    from core.ui.views.compare.studies import choose_study, show_new_study, show_study
runs = readable(store.runs())
with switch:
    st.session_state.setdefault("compare-view", BY_HAND if "runs" in st.query_params else BY_STUDY)
    view = st.segmented_control("View", [BY_STUDY, BY_HAND], key="compare-view", required=True,
                                label_visibility="collapsed")  # fmt: skip
if view == BY_STUDY:
    st.query_params.pop("runs", None)
    show_first_questions()
    chosen_study = choose_study(runs)
    show_new_study(store, asked=st.query_params.pop(ASK, ""), expanded=not chosen_study)
    if chosen_study:
        show_study(store, chosen_study)
    st.stop()
st.query_params.pop("study", None)
if not runs:
    st.info("Nothing has been trained yet. Train two arms of an experiment, then see them here side by side.")
    if st.button("Train a model", key="train-first", type="primary", icon=":material/model_training:"):
        st.switch_page("train.py")
    st.stop()
chosen = choose_runs(runs)
if not chosen:
    st.info("Choose runs above. Curves, scores and the knobs that differ are then drawn together.")
    st.stop()
moving = is_moving(store, chosen)
follow(show_comparison, store, [run.id for run in chosen], moving, moving=moving, fastest=2.0)
