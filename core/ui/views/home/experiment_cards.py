"""Home's cards: what each experiment asks, what was reported, and what was measured here."""

from collections.abc import Iterable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiments.experiment import Experiment, Reported
from core.paths import PROJECT
from core.runs.run import FINISHED, Run
from core.ui.shared.formatting import best_of, say_data, title_of_score

SHOWN = 3


def show_card(experiment: Experiment) -> DeltaGenerator:
    """Draw a card and return the place of its scores, which need the store and come later."""
    with st.container(border=True, key=f"card-{experiment.slug}"):
        path = PROJECT / "assets" / f"{experiment.slug}.jpg"
        words = st.container()
        if path.exists():
            picture, words = st.columns([2, 3], gap="small")
            picture.image(path, width="stretch", alt=f"An example for {experiment.title}")
        with words:
            st.subheader(experiment.title, anchor=False)
            st.markdown(experiment.question)
        scores = st.empty()
        _show_links(experiment)
        if experiment.caution:
            st.caption(experiment.caution)
    show_scores(scores, experiment, None)
    return scores


def _show_links(experiment: Experiment) -> None:
    with st.container(horizontal=True):
        if st.button("Train", key=f"train-{experiment.slug}", type="primary", icon=":material/model_training:"):
            st.switch_page("train.py", query_params={"experiment": experiment.slug})
        if st.button("Try it", key=f"try-{experiment.slug}", icon=":material/image_search:"):
            st.switch_page("predict.py", query_params={"experiment": experiment.slug})


def show_scores(place: DeltaGenerator, experiment: Experiment, runs: Iterable[Run] | None) -> None:
    """Fill a card's scores: reported beside the best measured here, which None leaves open."""
    finished = [run for run in runs or () if run.slug == experiment.slug and run.status == FINISHED]
    rows = ["| Score | Reported | Best here |", "| :-- | :-- | :-- |"]
    for reported in _one_of_each(experiment):
        title = title_of_score(experiment, reported.score)
        claim = f"**{reported.value:.3f}** on {reported.data}" if reported.data else f"**{reported.value:.3f}**"
        lower = reported.score in experiment.lower_is_better
        measured = "…" if runs is None else _say_best(finished, reported.score, lower_is_better=lower)
        rows.append(f"| {title} | {claim} | {measured} |")
    if not experiment.reported:
        measured = "…" if runs is None else _say_best(
            finished, experiment.monitor, lower_is_better=experiment.monitor in experiment.lower_is_better
        )  # fmt: skip
        place.markdown(
            f"| Score | Best here |\n| :-- | :-- |\n| {title_of_score(experiment, experiment.monitor)} | {measured} |"
        )
        return
    with place.container():
        st.markdown("\n".join(rows))
        sources = "; ".join(each.source for each in _one_of_each(experiment))
        st.caption(f"Reported by: {sources}. Best here is on validation pictures; different data do not compare.")


def _one_of_each(experiment: Experiment) -> list[Reported]:
    """Return the first number of each score: the experiment's own report stands first in its list."""
    first: dict[str, Reported] = {}
    for each in experiment.reported:
        first.setdefault(each.score, each)
    return list(first.values())[:SHOWN]


def _say_best(finished: Iterable[Run], score: str, *, lower_is_better: bool) -> str:
    measured = [(value, run) for run in finished if (value := best_of(run, score)) is not None]
    if not measured:
        return "not measured yet"
    value, run = (min if lower_is_better else max)(measured, key=lambda each: each[0])
    return f"**{value:.3f}** on {say_data(run.config['data'])}"
