"""Where a study's data stand: how many pictures, how unlike ImageNet's, whether the test pictures are others."""

import subprocess
import sys

import streamlit as st

from core.experiments import find_experiment
from core.inference.data_diagnosis.report import (
    LANDMARKS,
    LARGE,
    UNLIKE,
    Placement,
    kept_placement,
    say_advice,
    say_place,
    say_shift,
)
from core.paths import PROJECT, logs_folder
from core.runs.run import Run
from core.ui.components.chart import show_chart
from core.ui.components.figures import draw_map
from core.ui.components.refresh import follow
from core.ui.shared.formatting import as_text

_measuring: dict[str, "subprocess.Popen[bytes]"] = {}
"""Programs of this server that measure data sets, by fingerprint; any visitor may wait for them."""


def show_placement(run: Run) -> None:
    """Draw where the data of a run stand, or the way to find out."""
    fingerprint = run.facts.get("fingerprint", "")
    placed = kept_placement(fingerprint) if fingerprint else None
    if placed is None:
        process = _measuring.get(fingerprint)
        follow(_show_way, run, fingerprint, moving=process is not None and process.poll() is None, fastest=1.0)
        return
    show_chart(draw_placement(placed), key=f"place-{fingerprint}", alt="Amount of data against likeness to ImageNet")
    st.markdown(f"{say_place(placed)} {say_advice(placed)}")
    st.markdown(say_shift(placed))
    st.caption(
        "Likeness is measured, not guessed: by how many of ImageNet's deviations the means of EfficientNet-Lite0's "
        "channels over these pictures lie away from what its batch normalisations have counted on ImageNet. Other dots "
        "are public sets, measured in the same way."
    )


def draw_placement(placed: Placement) -> dict[str, object]:
    """Return the chart of the amount of data against the distance from ImageNet, with its four fields."""
    points = [*LANDMARKS, (placed.title, placed.distance, placed.per_class)]
    return draw_map(
        points, x="distance from ImageNet (0 is alike)", y="training pictures of each class", across=UNLIKE, up=LARGE,
        fields=("tune all layers", "tune all, or train anew", "keep it frozen", "tune the last stages"),
    )  # fmt: skip


def _show_way(run: Run, fingerprint: str) -> None:
    process = _measuring.get(fingerprint)
    log = logs_folder() / f"place-{fingerprint}.log"
    if process is not None and process.poll() is None:
        said = (log.read_text(errors="replace").strip().splitlines() or ["Starting."])[-1] if log.exists() else ""
        st.info(said, icon=":material/hourglass_top:")
        return
    if process is not None and process.returncode == 0:
        st.rerun()
    if process is not None:
        said = (log.read_text(errors="replace").strip().splitlines() or ["No reason was given."])[-1]
        st.warning(f"The data could not be measured. {as_text(said)}", icon=":material/error:")
    st.markdown(
        "How many pictures there are, how unlike ImageNet's they look, and whether the test pictures come from "
        "elsewhere decides what to expect of a network that has seen ImageNet."
    )
    if st.button("Measure these data", key="measure-data", type="primary", icon=":material/straighten:",
                 disabled=not fingerprint,
                 help="Up to 600 pictures of each split are looked at once: about a minute."):  # fmt: skip
        logs_folder().mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "core", "data", "place", run.slug, "--data", str(run.config["data"])]
        with log.open("wb") as file:
            _measuring[fingerprint] = subprocess.Popen(words, cwd=PROJECT, stdout=file, stderr=file)
        st.rerun()


def can_be_placed(run: Run) -> bool:
    """Say whether a run's data are classified pictures."""
    return find_experiment(run.slug).kind_of(str(run.config["arm"])) == "classification"
