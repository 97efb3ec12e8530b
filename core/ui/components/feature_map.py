"""The map of features on the Inspect page: where the network puts the held-back pictures, epoch by epoch."""

import base64
import colorsys
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from core.data.image_io.contact_sheet import COLUMNS, SIDE, draw_sheet
from core.errors import UserError
from core.inference.explanations.feature_map import METHODS, FeatureMap, map_features
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.shared.formatting import as_text

METHOD = "inspect-map"
NAMED = ("#1295a8", "#e8833a", "#8c6bd8", "#3f9d5b", "#d0578f", "#4a86d4", "#b59a00", "#8a979c", "#7a5c3e", "#b23a48")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif"})
_mount = st.components.v2.component(
    "fovea_feature_map", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"), isolate_styles=False
)


def show_feature_map(store: RunStore, run: Run, epoch: int, folder: Path | None) -> tuple[FeatureMap, int] | None:
    """Draw the map of a classifier's features.

    Args:
        store: Where the run is recorded.
        run: A classifier.
        epoch: That is shown first.
        folder: Where its pictures lie; None where they are gone.

    Returns:
        The map and the picture that the visitor pressed, as the number among the answers; None where none was.
    """
    method = st.segmented_control("Map by", list(METHODS), key=METHOD, default=next(iter(METHODS)), required=True,
                                  format_func=METHODS.__getitem__)  # fmt: skip
    bar = st.empty()

    def say(done: int, all_of_them: int) -> None:
        bar.progress(done / all_of_them, f"t-SNE of epoch {done + 1} of {all_of_them}; it is kept for the next time.")

    try:
        found = map_features(store, run, str(method), say)
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")
        return None
    bar.empty()
    state = _mount(
        key=f"map-{run.id}-{method}", data=json.dumps(_describe(run, found, epoch, folder)),
        on_chosen_change=lambda: None,
    )  # fmt: skip
    st.caption(
        f"{len(found.numbers):,} held-back pictures where the second-last layer puts them, coloured by their true "
        "classes; a red ring marks a wrong answer. Each epoch's map is turned to lie on the next one's. "
        + ("Far apart means unlike." if method == "pca" else "Only who is near whom means something, not how far.")
    )
    chosen = state.get("chosen")
    return (found, int(chosen)) if chosen is not None and 0 <= int(chosen) < len(found.answers[0].labels) else None


def _describe(run: Run, found: FeatureMap, epoch: int, folder: Path | None) -> dict[str, object]:
    first, numbers = found.answers[0], found.numbers
    names = [str(each) for each in first.names[numbers]]
    sheet = _sheet(str(folder), tuple(names)) if folder and _has_file(folder, names) else ""
    places = base64.b64encode(np.ascontiguousarray(found.places, "<f4").tobytes()).decode()
    return {
        "key": hashlib.sha256(f"{run.id}{places}{bool(sheet)}".encode()).hexdigest()[:16],
        "alt": f"Map of {len(names)} pictures of {len(first.classes)} classes",
        "epochs": list(found.epochs), "epoch": epoch, "numbers": numbers.tolist(),
        "names": [Path(name).name for name in names], "labels": first.labels[numbers].tolist(),
        "found": [each.found[numbers].tolist() for each in found.answers], "places": places,
        "classes": list(first.classes), "colours": colours(len(first.classes)),
        "sprite": sheet, "side": SIDE, "columns": COLUMNS,
    }  # fmt: skip


def colours(count: int) -> list[str]:
    """Return so many colours that can be told apart as well as that number allows."""
    if count <= len(NAMED):
        return list(NAMED[:count])
    tones = [colorsys.hls_to_rgb(number / count, 0.42 + 0.14 * (number % 2), 0.62) for number in range(count)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in tone) for tone in tones]


def _has_file(folder: Path, names: Sequence[str]) -> bool:
    return bool(names) and Path(names[0]).suffix.lower() in SUFFIXES and (folder / names[0]).is_file()


@st.cache_data(max_entries=8, show_spinner="Opening the pictures …")
def _sheet(folder: str, names: tuple[str, ...]) -> str:
    sheet = draw_sheet([Path(folder) / each for each in names])
    return "data:image/jpeg;base64," + base64.b64encode(sheet).decode()
