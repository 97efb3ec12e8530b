"""The tab of sample predictions: the same pictures after any epoch."""

from pathlib import Path

import streamlit as st

from core.runs.run import Run
from core.runs.store.run_store import RunStore

FOLLOW, EPOCH = "samples-follow", "samples-epoch"
LEGEND = {
    "classification": "Below each picture its true class and the most probable ones: green is right, red is wrong.",
    "neighbours": "Left the picture, then its five nearest in the gallery: green has the same class, red another.",
    "reconstruction": "Left to right: the picture, with added noise where the network takes noise away, what the "
    "network made of it, and five times the difference of the last to the first (black is none).",
    "semantic": "Left to right: the picture, what it shows in truth, and what the network found, a colour for each "
    "class. What is black in the middle was named by nobody and does not count.",
    "segmentation": "Left the picture, right the result: hits white, misses red, false alarms blue.",
    "translation": "From left to right: template 1, template 2, what the generator drew, the true picture.",
}


def show_samples(store: RunStore, run: Run, kind: str) -> None:
    """Draw the samples of one epoch: the newest, unless the visitor chose another."""
    root = store.files.fetch(run.id, "pictures")
    epochs = sorted(int(each.name) for each in root.iterdir() if each.name.isdigit()) if root.is_dir() else []
    if not epochs:
        st.info(
            "No pictures yet. They are drawn at the end of every epoch." if not run.is_final else "It drew no pictures."
        )
        return
    epoch = _choose_epoch(run, epochs)
    st.caption(LEGEND.get(kind, "Left the picture, right the result."))
    _show_pictures(root / f"{epoch:05d}")


def _choose_epoch(run: Run, epochs: list[int]) -> int:
    """Return the epoch of the slider; it follows the newest while the visitor leaves it there."""
    if len(epochs) == 1:
        st.markdown(f"After epoch {epochs[0]}.")
        return epochs[0]
    slider, follow = f"{EPOCH}-{run.id}", f"{FOLLOW}-{run.id}"
    if st.session_state.get(follow, True) or st.session_state.get(slider) not in epochs:
        st.session_state[slider] = epochs[-1]

    def moved() -> None:
        st.session_state[follow] = st.session_state[slider] == epochs[-1]

    with st.container(horizontal=True, gap="large", vertical_alignment="center"):
        chosen = st.select_slider(
            "After epoch", epochs, key=slider, on_change=moved, persist_state="session",
            format_func=lambda each: f"{each}, the best" if each == run.best_epoch else str(each),
        )  # fmt: skip
        if not run.is_final:
            st.toggle("Follow the newest", value=True, key=follow, persist_state="session")
    return int(chosen)


def _show_pictures(folder: Path) -> None:
    pictures = sorted(folder.glob("*.jpg"))
    columns = st.columns(1 if len(pictures) == 1 else 2, gap="medium")
    for index, path in enumerate(pictures):
        columns[index % len(columns)].image(path, caption=path.stem, width="stretch")
