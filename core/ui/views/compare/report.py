"""The report of a comparison: what shall stand in it, the file, and how it looks."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.errors import UserError
from core.runs.store.run_store import RunStore
from core.studies.subject import Subject, find_subject
from core.ui.components.refresh import follow
from core.ui.downloads import curves_address, report_address
from core.ui.shared.formatting import as_text
from core.ui.views.compare.scoring import SPLITS
from core.ui.views.compare.verdict import conclude_kept, is_scoring, show_verdict

SPLIT, REMARKS, PICTURES = "report-split", "report-remarks", "report-pictures"
HEIGHT = 900


def show_report(store: RunStore, *, study: str = "", runs: Sequence[str] = ()) -> None:
    """Draw the choice of what stands in the report of a study, or of runs, its files and how it looks."""
    try:
        subject = find_subject(store, study=study, runs=runs)
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")
        _show_links(study, runs)
        return
    split = _choose_split(subject)
    try:
        found = conclude_kept(store, subject.sides, split)
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")
        _show_links(study, runs)
        return
    if found is None:
        moving = is_scoring(store, subject.sides, split)
        follow(_wait_for_scores, store, subject, split, moving=moving, fastest=2.0)
        _show_links(study, runs)
        return
    remarks, pictures = _ask()
    address = partial(report_address, study=study, runs=runs, split=split, remarks=remarks, pictures=pictures)
    _show_links(study, runs, address)
    st.iframe(address(), height=HEIGHT, alt="The report")


def _ask() -> tuple[list[str], bool]:
    """Draw what may be added to a report or left out; return the sentences, and whether pictures stand in it."""
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    remarks = left.text_area(
        "Remarks", key=REMARKS, height=96, placeholder="Sentences of yours for the findings, a line each",
        help="What the numbers do not say: why it was asked, what else was seen, what is done now.",
    )  # fmt: skip
    pictures = right.toggle(
        "Sample pictures", True, key=PICTURES, help="Leave them out where the pictures must not be passed on."
    )
    return [each.strip() for each in remarks.splitlines() if each.strip()], pictures


def _wait_for_scores(store: RunStore, subject: Subject, split: str) -> None:
    """Draw the way to the scores, and the page anew once they are there."""
    if show_verdict(store, subject.sides, split, caveat=subject.caveat) is not None:
        st.rerun()


def _show_links(study: str, runs: Sequence[str], report: Callable[..., str] | None = None) -> None:
    """Draw the files, where there are any, and the way back to the comparison."""
    with st.container(horizontal=True):
        if report:
            st.link_button("Save report", report(save=True), key="save-report", type="primary",
                           icon=":material/download:", help="One HTML file that opens without a network.")  # fmt: skip
            st.link_button("Open report", report(), key="open-report", icon=":material/open_in_new:",
                           help="In a tab of its own.")  # fmt: skip
        st.link_button("All curves", curves_address(study=study, runs=runs), key="all-curves",
                       icon=":material/table:", help="Every number of every run as CSV.")  # fmt: skip
        query = {"study": study} if study else {"runs": ",".join(runs)}
        st.page_link("compare.py", label="Compare", icon=":material/compare_arrows:", query_params=query)


def _choose_split(subject: Subject) -> str:
    """Draw the choice of the split; the study's own stands there at first, and the address keeps another."""
    key = f"{SPLIT}-{subject.name}"
    asked = st.query_params.get("split", subject.split)
    st.session_state.setdefault(key, asked if asked in SPLITS else subject.split)
    split = str(st.segmented_control("Compared on", list(SPLITS), key=key, required=True,
                                     format_func=lambda each: SPLITS[each]))  # fmt: skip
    st.query_params["split"] = split
    return split
