"""The verdict on sides of a comparison: what may be claimed of them, and the scores that it rests on."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.errors import UserError
from core.inference.scores import kept_scores
from core.runs.store.run_store import RunStore
from core.studies.comparison import Side
from core.studies.conclusion import Conclusion, conclude
from core.studies.verdict import LEVEL
from core.ui.downloads import curves_address, report_address
from core.ui.shared.formatting import as_text
from core.ui.views.compare import scoring

SPLIT = "compare-split"


def conclude_kept(store: RunStore, sides: Sequence[Side], split: str) -> Conclusion | None:
    """Return what may be claimed by the scores that are kept; None where a run was not scored on the split yet.

    Raises:
        UserError: If nothing can be concluded of them.
    """
    known = {run.id: kept_scores(store, run, split) for side in sides for run in side.runs}
    rows = {name: scored.rows for name, scored in known.items() if scored is not None}
    return conclude(sides, split, lambda run: rows[run.id]) if len(rows) == len(known) else None


def show_verdict(store: RunStore, sides: Sequence[Side], split: str, *, caveat: str = "") -> Conclusion | None:
    """Draw what may be claimed on a split, or the way to it where runs were not scored yet; return it.

    Args:
        store: Where runs are recorded.
        sides: Two or more.
        split: On which to compare them.
        caveat: Why the claims may still change; empty where everything asked for is there.
    """
    try:
        found = conclude_kept(store, sides, split)
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")
        return None
    if found is None:
        runs = [run for side in sides for run in side.runs]
        scoring.show_way_to_scores(store, runs, split, what="A verdict needs")
        return None
    for claim in found.claims:
        if caveat:
            st.info(as_text(claim.said), icon=":material/hourglass_top:")
        elif claim.verdict.is_decided and claim.p < 1 - LEVEL:
            st.success(as_text(claim.said), icon=":material/trophy:")
        else:
            st.info(as_text(claim.said), icon=":material/balance:")
    if caveat:
        st.caption(caveat)
    if len(found.claims) > 1:
        st.caption(
            f"{len(found.claims)} comparisons are made together; the probabilities are corrected for that (Holm)."
        )
    return found


def show_downloads(*, study: str = "", runs: Sequence[str] = (), split: str) -> None:
    """Draw the links to the report and the curves of a study, or of runs, that were scored."""
    with st.container(horizontal=True):
        st.link_button("Report", report_address(study=study, runs=runs, split=split), key="report",
                       icon=":material/article:",
                       help="One HTML file that opens without a network; save it from there.")  # fmt: skip
        st.link_button("All curves", curves_address(study=study, runs=runs), key="all-curves",
                       icon=":material/table:", help="Every number of every run as CSV.")  # fmt: skip


def is_scoring(store: RunStore, sides: Sequence[Side], split: str) -> bool:
    """Say whether the runs of these sides are being scored."""
    return scoring.is_scoring(store, [run for side in sides for run in side.runs], split)


def tabulate(found: Conclusion) -> dict[str, list[str]]:
    """Return a row for each side: its mean over pictures and seeds, the deviation of seeds, and every seed."""
    rows: dict[str, list[str]] = {"Side": [], found.score.title: [], "± seeds": [], "Seeds": []}
    for side, means in zip(found.sides, found.means, strict=True):
        rows["Side"].append(side.name)
        rows[found.score.title].append(f"{np.mean(means):.4f}")
        rows["± seeds"].append(f"{np.std(means, ddof=1):.4f}" if len(means) > 1 else "–")
        rows["Seeds"].append(", ".join(f"{each:.4f}" for each in means))
    return rows
