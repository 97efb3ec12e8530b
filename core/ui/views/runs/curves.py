"""The tab of curves: four charts of one run with smoothing, log axis and a choice of scores."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.experiments.experiment import Experiment
from core.runs.hints import find_hints
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.ui.components.chart import show_chart, zoom_of
from core.ui.components.figures import Figure, draw_losses, draw_rate, draw_scores, draw_steps
from core.ui.components.histories import Curve, open_histories
from core.ui.shared.formatting import title_of_score

NOT_SCORES = ("val/loss", "val/seconds")
"""Beginnings of the keys that are drawn elsewhere."""
SHOWN = 3


def show_curves(store: RunStore, run: Run, experiment: Experiment) -> None:
    """Draw the charts of what is known by now."""
    histories = open_histories(store.uri, run.id)

    def read(key: str) -> Curve:
        return histories.read(store, run, key)

    losses = [key.removeprefix("step/") for key in _losses(histories.keys(store, run))]
    steps = [(_part(key), read(f"step/{key}")) for key in losses]
    if not any(len(curve[0]) for _, curve in steps):
        st.info(
            "No numbers yet. The first appear after a few steps."
            if not run.is_final
            else "It ended before its first step."
        )
        return
    scores = _scores(histories.keys(store, run), experiment, experiment.monitor_of(run.config["arm"]))
    if len(losses) == 1:
        _show_hints(read, run, experiment)
    strength, log, chosen = _show_options(experiment, scores)
    left, right = st.columns(2, gap="medium")
    with left:
        _show(
            "Training loss",
            draw_steps(steps, strength=strength, log=log, level=experiment.loss_level, zoom=zoom_of(f"steps-{run.id}")),
            f"steps-{run.id}",
        )
    with right:
        by_epoch = [(_part(key), read(f"train/{key}"), read(f"val/{key}")) for key in losses]
        _show("Loss by epoch", draw_losses(by_epoch, log=log, level=experiment.loss_level), f"losses-{run.id}")
    left, right = st.columns(2, gap="medium")
    with left:
        curves = [(title_of_score(experiment, key), read(key)) for key in chosen]
        monitor = title_of_score(experiment, experiment.monitor_of(run.config["arm"]))
        help = f"Counted on validation pictures. {monitor} decides which epoch is kept: the dotted line."
        figure = draw_scores(curves, best_epoch=run.best_epoch, log=log) if curves else None
        _show("Scores by epoch", figure, f"scores-{run.id}", help=help)
    with right:
        _show(
            "Learning rate",
            draw_rate(read("step/learning_rate"), log=log, zoom=zoom_of(f"rate-{run.id}")),
            f"rate-{run.id}",
        )


def _show_hints(read: Callable[[str], Curve], run: Run, experiment: Experiment) -> None:
    """Point out what the curves say; the losses of parts that learn against each other say no such thing."""
    training, validation = (read(f"{split}/loss")[1].tolist() for split in ("train", "val"))
    score = title_of_score(experiment, experiment.monitor_of(run.config["arm"]))
    epochs = run.epochs
    for said in find_hints(training, validation, score=score, best_epoch=run.best_epoch, epochs=epochs):
        st.info(said, icon=":material/lightbulb:")


def _losses(keys: Sequence[str]) -> list[str]:
    """Return the keys of the training losses: one, or one for each part that learns."""
    return [key for key in keys if key.startswith("step/loss")] or ["step/loss"]


def _part(loss: str) -> str:
    """Return the part that a loss belongs to; empty where there is only one."""
    return loss.removeprefix("loss").strip("_")


def _scores(keys: Sequence[str], experiment: Experiment, monitor: str) -> list[str]:
    """Return the keys of the validation scores: the monitored one first, the others in the experiment's order."""
    order = [f"val/{key}" for key in (monitor, *experiment.score_titles)]
    found = [key for key in keys if key.startswith("val/") and not key.startswith(NOT_SCORES)]
    return sorted(found, key=lambda key: (order.index(key) if key in order else len(order), key))


def _show_options(experiment: Experiment, scores: list[str]) -> tuple[float, bool, list[str]]:
    with st.container(horizontal=True, gap="large", vertical_alignment="center"):
        strength = st.slider(
            "Smoothing", 0.0, 0.99, 0.9, 0.01, key="curves-smoothing", width=200, persist_state="session",
            help="Moving average of the training loss. The raw line stays visible behind it.",
        )  # fmt: skip
        log = st.toggle("Log axis", key="curves-log", persist_state="session")
        with st.popover("Scores", icon=":material/checklist:", disabled=not scores):
            chosen = st.pills(
                "Scores to draw", scores, selection_mode="multi", default=scores[:SHOWN], persist_state="session",
                format_func=lambda key: title_of_score(experiment, key),
                key=f"curves-scores-{experiment.slug}-{len(scores)}",
            )  # fmt: skip
    return float(strength), bool(log), [key for key in scores if key in chosen]


def _show(title: str, figure: Figure | None, key: str, help: str | None = None) -> None:
    st.markdown(f"**{title}**", help=help)
    if figure is None or not figure["data"]:
        st.caption("Appears after the first epoch.")
    else:
        show_chart(figure, key=key, alt=title)
