"""Several runs side by side: their curves in one chart, their scores and what differs between them in tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.errors import UserError
from core.experiments import catalogue
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.studies.comparison import group
from core.ui.components.chart import show_chart, zoom_of
from core.ui.components.figures import draw_runs
from core.ui.components.histories import AnyCurve, open_histories
from core.ui.components.line_colours import styles_of_runs
from core.ui.shared.formatting import as_text, say_data, say_duration, say_number, say_value, title_of_score
from core.ui.views.compare.scoring import SPLITS
from core.ui.views.compare.studies import CURVES, DIFFERENCES, show_sections
from core.ui.views.compare.verdict import SPLIT, is_scoring, show_downloads, show_verdict, tabulate

RUNS, SCORE, ALONG, LOG, SMOOTH = "compare-runs", "compare-score", "compare-along", "compare-log", "compare-smooth"
MOST, SHOWN = 20, 5
STEPS, MINUTES = "Step or epoch", "Time"
LOSS = "step/loss"


def choose_runs(runs: Sequence[Run]) -> list[Run]:
    """Draw the choice of runs, which the address keeps; the newest ones of one experiment stand there at first."""
    named = {run.short_id: run for run in runs}
    if RUNS not in st.session_state:
        asked = [each for each in st.query_params.get("runs", "").split(",") if each in named]
        st.session_state[RUNS] = asked or [run.short_id for run in _newest_alike(runs)]
    st.session_state[RUNS] = [each for each in st.session_state[RUNS] if each in named]
    chosen = st.multiselect(
        "Runs", list(named), key=RUNS, max_selections=MOST, format_func=lambda each: _label(named[each]),
        placeholder="Choose two runs or more",
    )  # fmt: skip
    st.query_params["runs"] = ",".join(chosen)
    return [named[each] for each in chosen]


def _newest_alike(runs: Sequence[Run]) -> list[Run]:
    """Return the two newest runs of the newest experiment that has two; else the newest run."""
    for run in runs:
        alike = [each for each in runs if each.slug == run.slug and each.best_epoch]
        if len(alike) > 1:
            return alike[:2]
    return list(runs[:1])


def _label(run: Run) -> str:
    experiment = catalogue().get(run.slug)
    return (
        f"{experiment.title if experiment else run.slug} · {run.name} · {say_data(run.config['data'])} · {run.short_id}"
    )


def show_comparison(store: RunStore, ids: Sequence[str], was_moving: bool) -> None:
    """Draw everything about these runs as they stand now."""
    try:
        runs = [store.get(each) for each in ids]
    except UserError:  # one of them was deleted a moment ago
        st.rerun()
    if is_moving(store, runs) != was_moving:
        st.rerun()
    for said in say_unlike(runs):
        st.warning(as_text(said), icon=":material/balance:")
    _show_curves(store, runs)
    st.header("Scores", anchor=False)
    st.dataframe(_scores(runs), hide_index=True)
    if len(runs) > 1:
        _show_verdict(store, runs)
    st.header("What differs", anchor=False)
    differing = find_differences(runs)
    if len(runs) < 2:
        st.caption("Choose another run above to see in which knobs they differ.")
    elif differing:
        st.table({"Knob": list(differing), **_by_run(runs, differing)}, border="horizontal")
    else:
        st.caption("These runs have the same knobs, seed and data: they differ in chance alone, if at all.")


def is_moving(store: RunStore, runs: Sequence[Run]) -> bool:
    """Say whether something about these runs may change by itself: one of them trains, or they are being scored."""
    try:
        sides = group(runs)
    except UserError:
        sides = []
    return any(not run.is_final for run in runs) or (bool(sides) and is_scoring(store, sides, _split()))


def _split() -> str:
    return str(st.session_state.get(SPLIT) or next(iter(SPLITS)))


def _show_verdict(store: RunStore, runs: Sequence[Run]) -> None:
    """Draw whether one side is better, where these runs are sides of one question; else why they are not."""
    st.header("Is one better?", anchor=False)
    try:
        sides = group(runs)
    except UserError as error:
        st.caption(f":material/info: {as_text(error)}")
        return
    st.segmented_control("Compared on", list(SPLITS), key=SPLIT, default=next(iter(SPLITS)), required=True,
                         format_func=lambda each: SPLITS[each])  # fmt: skip
    found = show_verdict(store, sides, _split())
    if found is not None:
        st.dataframe(tabulate(found), hide_index=True)
        show_downloads(runs=[run.short_id for run in runs], split=_split())
        show_sections(store, sides, found, without=(CURVES, DIFFERENCES))


def say_unlike(runs: Sequence[Run]) -> list[str]:
    """Return why numbers of these runs must not be read against each other, in sentences; nothing where they may."""
    said = []
    if len({run.slug for run in runs}) > 1:
        said.append("These runs belong to different experiments: only their curves' shapes can be compared.")
        return said
    if len({run.facts.get("fingerprint", "") for run in runs if run.facts}) > 1:
        said.append("These runs were trained on different data, so their scores are counted on different pictures.")
    elif len({run.config.get("validation") for run in runs}) > 1:
        said.append(
            "These runs held back different shares to validate on, so a part of what differs between their scores is "
            "the pictures. Evaluate them on the test split to compare them."
        )
    return said


def find_differences(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return the knobs whose values differ, each with the value of every run."""
    names = list(dict.fromkeys(name for run in runs for name in run.config))
    values = {name: [run.config.get(name, "–") for run in runs] for name in names}
    return {name: [say_value(each) for each in row] for name, row in values.items() if len(set(map(str, row))) > 1}


def _by_run(runs: Sequence[Run], rows: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {f"{run.short_id}": [row[number] for row in rows.values()] for number, run in enumerate(runs)}


def _scores(runs: Sequence[Run]) -> dict[str, list[Any]]:
    experiment = catalogue().get(runs[0].slug)
    keys = list(dict.fromkeys(key for run in runs for key in run.best if key != "loss"))
    if experiment:
        order = [experiment.monitor_of(runs[0].config["arm"]), *experiment.score_titles]
        keys = sorted((key for key in keys if key in order), key=order.index)
    columns: dict[str, list[Any]] = {
        "Run": [run.short_id for run in runs], "Name": [run.name for run in runs], "State": [run.state for run in runs],
    }  # fmt: skip
    for key in keys[:SHOWN]:
        title = title_of_score(experiment, key) if experiment else key
        columns[title] = [say_number(run.best.get(key)) for run in runs]
    columns["Best epoch"] = [run.best_epoch or None for run in runs]
    columns["Time"] = [say_duration(run.seconds) for run in runs]
    columns["Parameters"] = [_count(run.facts.get("parameters")) for run in runs]
    columns["Memory, MiB"] = [_count(run.facts.get("peak_memory")) for run in runs]
    return columns


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _show_curves(store: RunStore, runs: Sequence[Run]) -> None:
    titles = _titles(store, runs)
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        key = st.selectbox("Score or loss", list(titles), key=SCORE, format_func=lambda each: titles.get(each, each))
        along = st.segmented_control("Along", [STEPS, MINUTES], key=ALONG, default=STEPS, required=True)
        strength = st.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key=SMOOTH, width=180)
        log = st.toggle("Log axis", key=LOG)
    read = [_read(store, run, key, along == MINUTES) for run in runs]
    lines = [(f"{run.name} · {run.short_id}", curve) for run, curve in zip(runs, read, strict=True) if len(curve[0])]
    known = styles_of_runs([run.id for run in runs])
    styles = [style for style, curve in zip(known, read, strict=True) if len(curve[0])]
    if not lines:
        st.info("None of these runs has told this number yet.")
        return
    unit = "minute" if along == MINUTES else "step" if key.startswith("step/") else "epoch"
    place = f"compare-{key}-{unit}"
    figure = draw_runs(lines, along=unit, log=log, strength=strength, zoom=zoom_of(place), styles=styles)
    show_chart(figure, key=place, alt=titles[key])


def _titles(store: RunStore, runs: Sequence[Run]) -> dict[str, str]:
    """Return what can be drawn: the score the first run goes by comes first, then the losses, then the other scores."""
    experiment = catalogue().get(runs[0].slug)
    known = {key for run in runs for key in open_histories(store.uri, run.id).keys(store, run)}
    monitor = f"val/{experiment.monitor_of(runs[0].config['arm'])}" if experiment else ""
    first = [key for key in (monitor, "val/loss", "train/loss", LOSS) if key in known]
    rest = sorted(key for key in known if key.startswith(("val/", "step/")) and not key.endswith("seconds"))
    named = {"val/loss": "Validation loss", "train/loss": "Training loss by epoch", LOSS: "Training loss of each step",
             "step/learning_rate": "Learning rate"}  # fmt: skip
    keys = list(dict.fromkeys([*first, *rest])) or [LOSS]
    return {key: named.get(key) or (title_of_score(experiment, key) if experiment else key) for key in keys}


def _read(store: RunStore, run: Run, key: str, by_minute: bool) -> AnyCurve:
    histories = open_histories(store.uri, run.id)
    return histories.read_by_minute(store, run, key) if by_minute else histories.read(store, run, key)
