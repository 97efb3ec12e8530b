"""Reports: a study, or any runs, as one file to keep and pass on."""

import streamlit as st

from core.ui.components.open_store import open_store

BY_STUDY, BY_HAND = "A study", "Any runs"

st.title("Reports", anchor=False)
with st.spinner("Opening the store of runs …"):
    store = open_store()
    from core.runs.store.readable import readable
    from core.ui.views.compare.report import show_report
    from core.ui.views.compare.runs import choose_runs
    from core.ui.views.compare.studies import choose_study
runs = readable(store.runs())
st.session_state.setdefault("report-of", BY_HAND if "runs" in st.query_params else BY_STUDY)
of = st.segmented_control("Report of", [BY_STUDY, BY_HAND], key="report-of", required=True)
study, chosen = "", []
if of == BY_STUDY:
    st.query_params.pop("runs", None)
    study = choose_study(runs)
else:
    st.query_params.pop("study", None)
    chosen = choose_runs(runs) if runs else []
if study or chosen:
    show_report(store, study=study, runs=[run.short_id for run in chosen])
    st.stop()
if not runs:
    st.info("Nothing has been trained yet. A report is written of runs that are compared.")
elif of == BY_STUDY:
    st.info("There is no study yet: a question, trained with several seeds of each side. Start one on the page "
            "Compare, or choose runs that you trained one by one.")  # fmt: skip
else:
    st.info("Choose runs above; those of two sides or more make a report, any make a table of curves.")
if st.button("Ask a question", key="ask-question", type="primary", icon=":material/compare_arrows:"):
    st.switch_page("compare.py")
