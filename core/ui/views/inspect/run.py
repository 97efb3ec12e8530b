"""One run looked at closely: a classifier's confusion by epoch, thresholds, calibration, worst and best pictures.

What answers with regions has its own view (:mod:`core.ui.views.inspect.masks`); every run has its network.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.errors import UserError
from core.experiments import catalogue, find_experiment
from core.inference.epoch_predictions import Answers, epochs_with_answers, load_answers
from core.metrics.calibration import cross_validated_temperature, reliability_bins
from core.metrics.curves import cheapest_threshold, precision_recall_curve, roc_curve
from core.runs.run import Run
from core.runs.store.readable import why_unreadable
from core.runs.store.run_store import RunStore
from core.ui.components.chart import show_chart
from core.ui.components.feature_map import show_feature_map
from core.ui.components.figures import draw_against
from core.ui.shared.formatting import as_text, say_data
from core.ui.views.compare.variants import data_folder_of, show_picture
from core.ui.views.inspect.explanation import is_explained, show_explained
from core.ui.views.inspect.masks import MASKED, show_masks
from core.ui.views.inspect.network import show_network

RUN, EPOCH, CLASS, LOOKS = "inspect-run", "inspect-epoch", "inspect-class", "inspect-looks"
CONFUSION, CURVES, THRESHOLD, CALIBRATION, RANKED, MAP, NETWORK = (
    "Confusion", "ROC and precision", "Threshold", "Calibration", "Worst and best", "Map of features", "Network",
)  # fmt: skip
"""Tabs of a classifier, in their order; what answers with regions has the last one alone beside its pictures."""
SHOWN = 12


def choose_run(store: RunStore, runs: Sequence[Run]) -> Run | None:
    """Draw the choice among runs that kept weights or answers, which the address keeps; None where there is none."""
    named = {
        run.short_id: run
        for run in runs
        if run.slug in catalogue() and (run.best_epoch or epochs_with_answers(store, run))
    }
    if not named:
        return None
    if st.session_state.get(RUN) not in named:
        asked = st.query_params.get("run", "")[:8]
        if asked and asked not in named:
            st.warning(f"{_why_not(store, asked)} Another one is open instead.", icon=":material/search_off:")
        st.session_state[RUN] = asked if asked in named else next(iter(named))
    chosen = st.selectbox("Run", list(named), key=RUN, format_func=lambda each: _label(named[each]))
    st.query_params["run"] = chosen
    return named[chosen]


def _why_not(store: RunStore, asked: str) -> str:
    """Return why a run that the address names cannot be inspected."""
    try:
        run = store.get(asked)
    except UserError as error:
        return as_text(str(error))
    return why_unreadable(run) or f"Run {run.short_id} has kept no weights yet."


def _label(run: Run) -> str:
    return f"{find_experiment(run.slug).title} · {run.name} · {say_data(run.config['data'])} · {run.short_id}"


def show_run(store: RunStore, run: Run) -> None:
    """Draw everything about a run, by the kind of its answers."""
    if epochs_with_answers(store, run):
        _show_answers(store, run)
        return
    kind = find_experiment(run.slug).kind_of(str(run.config["arm"]))
    names = ("Pictures", NETWORK) if kind in MASKED else (NETWORK,)
    for name, tab in zip(names, st.tabs(names, key="inspect-tab", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                show_network(run) if name == NETWORK else show_masks(store, run)


def _show_answers(store: RunStore, run: Run) -> None:
    """Draw everything about one epoch of a classifier."""
    epoch = _choose_epoch(run, epochs_with_answers(store, run))
    answers = load_answers(store, run, epoch)
    right = float((answers.found == answers.labels).mean())
    count = len(answers.labels)
    st.caption(f"{count:,} pictures that the run held back, {100 * right:.1f} % of them right after epoch {epoch}.")
    views: dict[str, Callable[[], None]] = {
        CONFUSION: lambda: _show_confusion(run, answers),
        CURVES: lambda: _show_curves(answers),
        THRESHOLD: lambda: _show_threshold(answers),
        CALIBRATION: lambda: _show_calibration(answers),
        RANKED: lambda: _show_ranked(run, answers),
        MAP: lambda: _show_map(store, run, epoch),
        NETWORK: lambda: show_network(run),
    }
    for (_, show), tab in zip(
        views.items(), st.tabs(list(views), key="inspect-tab", on_change="rerun", bind="query-params"), strict=True
    ):
        if tab.open:
            with tab:
                show()


def _show_map(store: RunStore, run: Run, epoch: int) -> None:
    pressed = show_feature_map(store, run, epoch, data_folder_of(run))
    if pressed is None:
        st.caption("Press a picture on the map to see it here.")
        return
    found, number = pressed
    shown = found.epochs.index(epoch) if epoch in found.epochs else -1
    _show_pictures(run, found.answers[shown], [number], looks=_ask_where_it_looks(run))


def _choose_epoch(run: Run, epochs: Sequence[int]) -> int:
    key = f"{EPOCH}-{run.id}"
    if st.session_state.get(key) not in epochs:
        asked = st.query_params.get("epoch", "")
        best = run.best_epoch if run.best_epoch in epochs else epochs[-1]
        st.session_state[key] = int(asked) if asked.isdigit() and int(asked) in epochs else best
    if len(epochs) == 1:
        return epochs[0]
    chosen = st.select_slider(
        "After epoch", epochs, key=key,
        format_func=lambda each: f"{each}, the best" if each == run.best_epoch else str(each),
    )  # fmt: skip
    st.query_params["epoch"] = str(chosen)
    return int(chosen)


def _show_confusion(run: Run, answers: Answers) -> None:
    counts = answers.confusion()
    st.caption("Rows are the true classes, columns the answers. Press a cell to see its pictures.")
    answered = [f"as {name}" for name in answers.classes]
    table = pd.DataFrame(counts, columns=answered)
    table.insert(0, "True class", answers.classes)
    shaded = table.style.background_gradient(
        cmap="BuGn", subset=pd.IndexSlice[:, answered], vmin=0, vmax=max(1, int(counts.max()))
    )
    event = st.dataframe(
        shaded, hide_index=True, on_select="rerun", selection_mode="single-cell", key=f"confusion-{run.id}"
    )
    cells = [(row, column) for row, column in event.selection.cells if str(column).startswith("as ")]
    if not cells:
        return
    row, column = cells[0]
    true, answer = int(row), answered.index(str(column))
    numbers = answers.of_cell(true, answer)
    st.markdown(
        f"**{len(numbers)} pictures of {answers.classes[true]} taken for {answers.classes[answer]}**, surest first"
    )
    _show_pictures(run, answers, numbers[:SHOWN], looks=bool(numbers) and _ask_where_it_looks(run))


def _show_pictures(run: Run, answers: Answers, numbers: Sequence[int], *, looks: bool) -> None:
    """Draw pictures with their answers; with ``looks``, what the network sees of them and what spoke for the answer."""
    folder = data_folder_of(run)
    columns = st.columns(4)
    for place, number in enumerate(numbers):
        name = str(answers.names[number])
        said = f"{Path(name).stem}: {answers.classes[answers.found[number]]}, "
        said += f"{100 * answers.probs[number].max():.0f} % sure; it is {answers.classes[answers.labels[number]]}"
        with columns[place % 4]:
            if looks and folder is not None:
                show_explained(run, folder, name, int(answers.found[number]), said)
            else:
                show_picture(folder, name, said)
    if not numbers:
        st.caption("There is none.")


def _ask_where_it_looks(run: Run) -> bool:
    if not is_explained(run):
        return False
    asked = st.toggle(
        "Where it looks", key=LOOKS,
        help="The hotter a place, the more it spoke for the answer: Grad-CAM, or, where the last layer sees all "
        "stages, what the place adds in each. What the network sees of the picture is shown.",
    )  # fmt: skip
    if asked:
        st.caption(f"By the weights that are kept, those of epoch {run.best_epoch}. A place that is hot has been "
                   "looked at; whether for a good reason, it does not say.")  # fmt: skip
    return asked


def _choose_class(answers: Answers) -> int:
    if len(answers.classes) == 2:
        return 1 if answers.positive is None else answers.positive
    chosen = st.selectbox("Class that is looked for", answers.classes, index=answers.positive or 0, key=CLASS)
    return answers.classes.index(chosen)


def _show_curves(answers: Answers) -> None:
    wanted = _choose_class(answers)
    labels, values = answers.labels == wanted, answers.probs[:, wanted]
    if not labels.any() or labels.all():
        st.info("There are not pictures of this class and of others, so there is no curve.")
        return
    alarms, hits, _ = roc_curve(labels, values)
    recall, precision = precision_recall_curve(labels, values)
    area = float(np.trapezoid(hits, alarms))
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**ROC of {answers.classes[wanted]}**, area {area:.4f}")
        figure = draw_against([("this run", alarms, hits), ("chance", np.array([0.0, 1]), np.array([0.0, 1]))],
                              x="false alarm rate", y="sensitivity")  # fmt: skip
        show_chart(figure, key="inspect-roc", alt="ROC")
    with right:
        st.markdown(f"**Precision and recall**, {int(labels.sum())} of {len(labels)} pictures are of the class")
        figure = draw_against([("this run", recall, precision)], x="recall", y="precision")
        show_chart(figure, key="inspect-pr", alt="Precision and recall")


def _show_threshold(answers: Answers) -> None:
    wanted = _choose_class(answers)
    labels, values = answers.labels == wanted, answers.probs[:, wanted]
    one, two, three = st.columns(3)
    miss = one.number_input("Cost of a miss", 0.1, 1000.0, 5.0, key="inspect-miss")
    alarm = two.number_input("Cost of a false alarm", 0.1, 1000.0, 1.0, key="inspect-alarm")
    best, cost = cheapest_threshold(labels, values, miss=miss, alarm=alarm)
    key = f"inspect-threshold-{miss}-{alarm}-{wanted}"
    threshold = three.slider("Threshold", 0.0, 1.0, round(best, 3), 0.001, key=key)
    called = values >= threshold
    hits, alarms = int((called & labels).sum()), int((called & ~labels).sum())
    misses, rest = int(labels.sum()) - hits, int((~labels).sum()) - alarms
    spent = (miss * misses + alarm * alarms) / len(labels)
    st.markdown(
        f"At {threshold:.3f}: **sensitivity {_share(hits, hits + misses)}**, **specificity "
        f"{_share(rest, rest + alarms)}**, {misses} misses, {alarms} false alarms, cost {spent:.3f} by picture. The "
        f"cheapest threshold is {best:.3f}, at {cost:.3f}."
    )
    st.caption("A threshold chosen on these pictures looks a little better on them than on others.")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def _show_calibration(answers: Answers) -> None:
    temperature, (before, after) = cross_validated_temperature(answers.probs, answers.labels)
    doubt = " It is too sure of itself." if temperature > 1.05 else ""
    st.markdown(
        f"Calibration error **{before:.3f}**; with temperature {temperature:.2f} **{after:.3f}**, each picture scaled "
        f"by what the others say.{doubt}"
    )
    bins = [each for each in reliability_bins(answers.probs, answers.labels) if each.count]
    sure, right = np.array([each.confidence for each in bins]), np.array([each.accuracy for each in bins])
    lines = [("this run", sure, right), ("as sure as right", np.array([0.0, 1]), np.array([0.0, 1]))]
    show_chart(draw_against(lines, x="how sure it is", y="share that is right"), key="inspect-calibration",
               alt="Reliability")  # fmt: skip
    st.caption(f"Pictures in each bin, from unsure to sure: {', '.join(str(each.count) for each in bins)}.")


def _show_ranked(run: Run, answers: Answers) -> None:
    order, looks = answers.ranked(), _ask_where_it_looks(run)
    st.markdown("**Worst**: the true class got the least")
    _show_pictures(run, answers, order[:SHOWN], looks=looks)
    st.markdown("**Best**")
    _show_pictures(run, answers, order[::-1][:4], looks=looks)
