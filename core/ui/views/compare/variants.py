"""Sides of a comparison: the band over their seeds, quality against cost, the same pictures by swipe, what differs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.engine.score import Score
from core.errors import UserError
from core.experiments import find_experiment
from core.inference.scores import kept_scores
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.studies.comparison import Side
from core.studies.conclusion import AREA, Conclusion
from core.studies.costs import COSTS, costs_of, pareto_front
from core.ui.components.chart import show_chart
from core.ui.components.figures import draw_costs, draw_sides
from core.ui.components.histories import AnyCurve, open_histories
from core.ui.components.line_colours import styles_of_sides
from core.ui.components.swipe import show_swipe
from core.ui.shared.formatting import as_text, title_of_score
from core.ui.views.inspect.mask_comparison import show_mask_differences
from core.ui.views.inspect.masks import MASKED
from core.ui.views.runs.samples import LEGEND

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
DIFFERING = 8
ALONG = {"Epoch or step": False, "Time": True}


def show_bands(store: RunStore, sides: Sequence[Side]) -> None:
    """Draw one number of every side: the mean in a band over its seeds."""
    titles = titles_of_numbers(store, sides)
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        key = st.selectbox(
            "Score or loss", list(titles), key="sides-score", bind="query-params", format_func=lambda each: titles[each]
        )
        along = st.segmented_control(
            "Along", list(ALONG), key="sides-along", default=next(iter(ALONG)), required=True, bind="query-params"
        )
        strength = st.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key="sides-smooth", width=180, bind="query-params")
        raw = st.toggle("Every seed", key="sides-raw", bind="query-params")
        log = st.toggle("Log axis", key="sides-log", bind="query-params")
    by_minute = ALONG[along]
    read = [[_read(store, run, key, by_minute) for run in side.runs] for side in sides]
    read = [[each for each in seeds if len(each[0])] for seeds in read]
    curves = [(side.name, seeds) for side, seeds in zip(sides, read, strict=True) if seeds]
    styles = [style for style, seeds in zip(styles_of_sides(sides), read, strict=True) if seeds]
    if not curves:
        st.info("None of these runs has told this number yet.")
        return
    unit = "minute" if by_minute else "step" if key.startswith("step/") else "epoch"
    figure = draw_sides(curves, along=unit, log=log, raw=raw, strength=strength, styles=styles)
    show_chart(figure, key=f"sides-{key}-{unit}-{raw}", alt=titles[key])
    st.caption("The line is the mean over seeds, the band reaches from the lowest to the highest seed."
               + (" Each seed is smoothed; the mean as it was told stays faint." if strength else ""))  # fmt: skip


def _read(store: RunStore, run: Run, key: str, by_minute: bool) -> AnyCurve:
    histories = open_histories(store.uri, run.id)
    return histories.read_by_minute(store, run, key) if by_minute else histories.read(store, run, key)


def titles_of_numbers(store: RunStore, sides: Sequence[Side]) -> dict[str, str]:
    """Return the numbers that runs of these sides told, with their names: the score they go by first, then losses."""
    first = sides[0].runs[0]
    experiment = find_experiment(first.slug)
    known = {key for side in sides for run in side.runs for key in open_histories(store.uri, run.id).keys(store, run)}
    named = {f"val/{experiment.monitor_of(first.config['arm'])}": "", "val/loss": "Validation loss",
             "train/loss": "Training loss by epoch", "step/loss": "Training loss of each step"}  # fmt: skip
    rest = sorted(key for key in known if key.startswith("val/") and not key.endswith("seconds"))
    keys = [key for key in dict.fromkeys([*named, *rest]) if key in known]
    return {key: named.get(key) or title_of_score(experiment, key) for key in keys or ["step/loss"]}


def show_costs(store: RunStore, sides: Sequence[Side], qualities: Sequence[Sequence[float]], score: Score) -> None:
    """Draw quality against a cost that the visitor chooses, with the sides that none beats in both.

    Args:
        store: Where runs are recorded.
        sides: Two or more.
        qualities: Of each side, by each seed.
        score: What they are counted in.
    """
    known = [[costs_of(store, run) for run in side.runs] for side in sides]
    there = {each.key: each.title for each in COSTS if all(each.key in cost for seeds in known for cost in seeds)}
    if not there:
        st.caption("What these runs cost is not known.")
        return
    cost = st.segmented_control(
        "Cost", list(there), key="sides-cost", default=next(iter(there)), required=True, bind="query-params",
        format_func=lambda each: there[each],
    )  # fmt: skip
    costs = [float(np.mean([each[cost] for each in seeds])) for seeds in known]
    means = [float(np.mean(each)) for each in qualities]
    front = pareto_front(costs, means, higher_is_better=score.higher_is_better)
    names = [side.name for side in sides]
    figure = draw_costs(names, costs, qualities, front, cost=there[cost], quality=score.title,
                        styles=styles_of_sides(sides))  # fmt: skip
    show_chart(figure, key=f"sides-costs-{cost}", alt=f"{score.title} against {there[cost]}")
    beaten = [name for number, name in enumerate(names) if number not in front]
    if beaten:
        st.caption(f"Beaten in both by another: {', '.join(beaten)}. Bars reach from the lowest to the highest seed.")
    else:
        st.caption("None is beaten in both: what is better also costs more. Bars reach from the lowest to the highest "
                   "seed.")  # fmt: skip


def show_pictures(store: RunStore, sides: Sequence[Side], kind: str) -> None:
    """Draw the same pictures through two sides, one over the other, after one epoch for all of them."""
    drawn = {side.name: _drawn(store, side) for side in sides}
    drawn = {name: epochs for name, epochs in drawn.items() if epochs}
    if len(drawn) < 2:
        st.caption("Pictures appear here once two sides have drawn some.")
        return
    names = list(drawn)
    left, right = st.columns(2)
    one = left.selectbox("Left of the handle", names, key="swipe-left", bind="query-params")
    other = right.selectbox("Right of the handle", names, index=1, key="swipe-right", bind="query-params")
    epochs = sorted(set(drawn[one]) & set(drawn[other]))
    if not epochs:
        st.caption("These two drew no pictures after the same epoch.")
        return
    epoch = epochs[-1]
    if epochs[1:]:
        epoch = st.select_slider("After epoch", epochs, value=epoch, key="swipe-epoch", bind="query-params")
    st.caption(f"{LEGEND.get(kind, 'Left the picture, right the result.')} Move over a picture to see the other side.")
    both = sorted({each.name for each in drawn[one][epoch].glob("*.jpg")}
                  & {each.name for each in drawn[other][epoch].glob("*.jpg")})  # fmt: skip
    columns = st.columns(1 if len(both) == 1 else 2, gap="medium")
    for number, name in enumerate(both):
        with columns[number % len(columns)]:
            show_swipe(drawn[one][epoch] / name, drawn[other][epoch] / name, left=one, right=other, key=name)


def _drawn(store: RunStore, side: Side) -> dict[int, Path]:
    """Return the folders of a side's sample pictures by epoch; of its first seed."""
    root = store.files.fetch(side.runs[0].id, "pictures")
    return {int(each.name): each for each in root.iterdir() if each.name.isdigit()} if root.is_dir() else {}


def shares_of(sides: Sequence[Side]) -> list[float]:
    """Return the parts of the training pictures that sides were trained on, each once, the smallest first."""
    return sorted({float(side.runs[0].config.get("share", 1.0)) for side in sides})


def show_amounts(found: Conclusion) -> None:
    """Draw the score of each line of a study against the part of the training pictures that it was trained on."""
    lines: dict[str, list[tuple[float, Sequence[float]]]] = {}
    for side, means in zip(found.sides, found.means, strict=True):
        share = float(side.runs[0].config.get("share", 1.0))
        lines.setdefault(side.name.rpartition(", ")[0] if share < 1 else side.name, []).append((share, means))
    drawn = [(name, seeds_along(points)) for name, points in lines.items()]
    figure = draw_sides(drawn, along="share of the training pictures", log=False)
    show_chart(figure, key="sides-amounts", alt=f"{found.score.title} against the share of the training pictures")
    st.caption("Where a line still rises, more pictures are worth more than another network.")


def seeds_along(points: Sequence[tuple[float, Sequence[float]]]) -> list[AnyCurve]:
    """Return a curve for each seed along the shares that all of them were trained on."""
    ordered = sorted(points)
    places = np.array([each[0] for each in ordered])
    seeds = min(len(each[1]) for each in ordered)
    return [(places, np.array([each[1][seed] for each in ordered])) for seed in range(seeds)]


def of_single_pictures(score: Score) -> Score:
    """Return what single pictures are told apart by: the score, or the true class's probability where it is an area."""
    return Score("prob_true", "Probability of the true class", "") if score.key == AREA else score


def show_disagreements(store: RunStore, sides: Sequence[Side], split: str, score: Score) -> None:
    """Draw the pictures on which two sides differ most, by the mean over their seeds."""
    names = [side.name for side in sides]
    left, right = st.columns(2)
    one = names.index(left.selectbox("First side", names, key="differ-left", bind="query-params"))
    other = names.index(right.selectbox("Second side", names, index=1, key="differ-right", bind="query-params"))
    pictures, values = zip(*(_by_picture(store, sides[each], split, score) for each in (one, other)), strict=True)
    if one == other or pictures[0] != pictures[1]:
        st.caption("Choose two sides that were scored on the same pictures.")
        return
    run = sides[one].runs[0]
    if find_experiment(run.slug).kind_of(str(run.config["arm"])) in MASKED:
        show_mask_differences(store, (sides[one], sides[other]), split, pictures[0], np.array(values), score)
        return
    gain = (values[1] - values[0]) * (1 if score.higher_is_better else -1)
    folder = data_folder_of(sides[0].runs[0])
    for title, order in (
        (names[other], np.argsort(-gain, kind="stable")),
        (names[one], np.argsort(gain, kind="stable")),
    ):
        sign = 1 if title == names[other] else -1
        better = [int(each) for each in order if sign * gain[each] > 0]
        st.markdown(f"**{title} is better** on {len(better)} of {len(gain)} pictures; most of all on these")
        columns = st.columns(4)
        for place, number in enumerate(better[:DIFFERING]):
            said = f"{Path(pictures[0][number]).stem}: {values[0][number]:.3f} and {values[1][number]:.3f}"
            with columns[place % 4]:
                show_picture(folder, pictures[0][number], said)
    st.caption(f"{score.title} by {names[one]} and by {names[other]}, each the mean over its seeds.")


def _by_picture(store: RunStore, side: Side, split: str, score: Score) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    scored = [each for run in side.runs if (each := kept_scores(store, run, split)) is not None]
    return scored[0].names, np.mean([[row[score.key] for row in each.rows] for each in scored], axis=0)


def data_folder_of(run: Run) -> Path | None:
    """Return where a run's pictures lie; None where they are gone."""
    try:
        return Path(find_experiment(run.slug).open_data(str(run.config["data"])).folder)
    except (UserError, OSError):
        return None


def show_picture(folder: Path | None, name: str, said: str) -> None:
    """Draw a picture of a data set by its name, or say that it has no file of its own."""
    path = folder / name if folder else None
    if path is not None and path.is_file() and path.suffix.lower() in PICTURES:
        st.image(str(path), caption=said, width="stretch")
    else:
        st.caption(f":material/image_not_supported: {as_text(said)}")
