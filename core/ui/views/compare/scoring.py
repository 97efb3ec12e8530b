"""Scoring runs picture by picture from a page: offered, started in a process of its own, waited for."""

import subprocess
import sys
from collections.abc import Sequence

import streamlit as st

from core.inference.scores import is_being_scored, kept_scores
from core.paths import PROJECT, logs_folder
from core.platforms import DETACHED
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.shared.formatting import as_text

SPLITS = {"val": "What the runs held back", "test": "Test split"}
_scoring: dict[tuple[str, ...], "subprocess.Popen[bytes]"] = {}
"""Programs of this server that score runs, by split and runs; any visitor may wait for them."""


def is_scoring(store: RunStore, runs: Sequence[Run], split: str) -> bool:
    """Say whether these runs are being scored: by a program of this server, or by workers that have just trained."""
    process = _scoring.get(_key(runs, split))
    if process is not None:
        return process.poll() is None
    return any(is_being_scored(store, run, split) for run in runs)


def show_way_to_scores(store: RunStore, runs: Sequence[Run], split: str, *, what: str) -> None:
    """Draw that runs are being scored, or the button that has it done.

    Args:
        store: Where they are recorded.
        runs: Those that are wanted, scored or not.
        split: On which.
        what: What the scores are needed for, at the beginning of a sentence.
    """
    missing = sum(kept_scores(store, run, split) is None for run in runs)
    said = f"{missing} run{' is' if missing == 1 else 's are'}"
    if is_scoring(store, runs, split):
        st.info(f"{said} being scored picture by picture.", icon=":material/hourglass_top:")
    else:
        _offer(runs, split, missing, what)


def _key(runs: Sequence[Run], split: str) -> tuple[str, ...]:
    return (split, *(run.id for run in runs))


def _offer(runs: Sequence[Run], split: str, missing: int, what: str) -> None:
    key = _key(runs, split)
    process = _scoring.get(key)
    log = logs_folder() / f"score-{runs[0].short_id}-{split}.log"
    if process is not None and log.exists():
        said = (log.read_text(errors="replace").strip().splitlines() or ["no reason was given"])[-1]
        st.warning(f"The runs could not be scored. {as_text(said)}", icon=":material/error:")
    where, have = SPLITS.get(split, split).lower(), "run has" if missing == 1 else "runs have"
    st.markdown(f"{what} the scores of single pictures, and **{missing} {have} none on {where} yet**.")
    if split == "test":
        st.caption(
            "Look at the test split once, when recipes are settled: who chooses by it has no test split any more."
        )
    label = "Score them now" if missing > 1 else "Score it now"
    if st.button(label, key="score-now", type="primary", icon=":material/fact_check:"):
        logs_folder().mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "core", "compare" if len(runs) > 1 else "evaluate", *key[1:], "--split", split]
        with log.open("wb") as file:
            _scoring[key] = subprocess.Popen(words, cwd=PROJECT, stdout=file, stderr=file, **DETACHED)
        st.rerun()  # the page looks again and again from now on
