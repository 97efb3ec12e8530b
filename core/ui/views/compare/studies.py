"""Studies on the Compare page: choose a question, start it, watch it, read what comes of it."""

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from core.config import RunConfig
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.experiment import SYNTHETIC
from core.public import public_limits, refuse_unfair
from core.runs.process.fork_client import warm_up
from core.runs.run import Run
from core.runs.store.run_store import RunStore
from core.studies.comparison import Side, differences
from core.studies.conclusion import Conclusion
from core.studies.report import say_reported
from core.studies.study import Study, extend_study, launch_study, open_study, plan, studies
from core.studies.templates import Template, templates
from core.ui.components.refresh import follow
from core.ui.shared.formatting import as_text, say_data, say_duration, say_when
from core.ui.views.compare.data_diagnosis import can_be_placed, show_placement
from core.ui.views.compare.scoring import SPLITS
from core.ui.views.compare.variants import (
    of_single_pictures,
    shares_of,
    show_amounts,
    show_bands,
    show_costs,
    show_disagreements,
    show_pictures,
)
from core.ui.views.compare.verdict import is_scoring, show_downloads, show_verdict, tabulate
from core.ui.views.ownership import fair_share, note_all_own

STUDY, TEMPLATE, SEEDS, RECIPE, DATA, SPLIT = (
    f"study-{each}" for each in ("chosen", "template", "seeds", "recipe", "data", "split")
)
FAILED, ASKING = "study-failed", "study-asking"
CURVES, COSTS, PICTURES, DISAGREEMENTS, DIFFERENCES, AMOUNTS, PLACE = (
    "Curves", "Quality against cost", "Pictures", "Picture by picture", "What differs", "Amount of data", "The data",
)  # fmt: skip
"""Tabs, in their order."""


def choose_study(runs: Sequence[Run]) -> str:
    """Draw the choice among the studies that are there; return the chosen one's id, empty where there is none."""
    known = {each.id: each for each in studies(runs)}
    asked = st.query_params.get("study", "")
    if asked and asked not in known:
        st.warning(f"There is no study {asked} here: it was made in another place, or its runs were deleted.",
                   icon=":material/link_off:")  # fmt: skip
    if not known:
        return ""
    if asked in known and st.session_state.get(STUDY) not in known:
        st.session_state[STUDY] = asked
    if st.session_state.get(STUDY) not in known:
        st.session_state[STUDY] = next(iter(known))
    chosen = st.selectbox("Study", list(known), key=STUDY, format_func=lambda each: _label(known[each]))
    st.query_params["study"] = chosen
    return str(chosen)


def _label(study: Study) -> str:
    first = study.runs[0]
    return f"{study.template.title} · {say_data(first.config['data'])} · {say_when(first.created)} · {study.id[-8:]}"


def show_new_study(store: RunStore, *, asked: str = "", expanded: bool) -> None:
    """Draw the form that starts a study, with a question that another page asked."""
    known = templates()
    if asked in known:
        st.session_state[TEMPLATE] = asked
        st.session_state[ASKING] = True
    expanded = expanded or ASKING in st.session_state
    with st.expander("New study", icon=":material/add:", expanded=expanded, key="new-study"):
        slug = st.selectbox("Question", list(known), key=TEMPLATE, format_func=lambda each: _question(known[each]))
        template = known[slug]
        st.markdown(f"{template.question} {template.why}")
        wanted = _ask(template)
        configs: list[RunConfig] = []
        try:
            configs = plan(template, data=wanted.data, seeds=range(wanted.seeds), recipe=wanted.recipe)
            said = find_experiment(template.experiment).check_data(wanted.data or SYNTHETIC)
            find_experiment(template.experiment).check_parts(configs, wanted.split)
            refuse_unfair(0, len(configs))
            st.caption(f":material/check: {as_text(said)} {len(configs)} runs of {len(template.lines)} sides.")
        except UserError as error:
            configs = []
            st.markdown(f":red[:material/block: {as_text(error)}]")
        if configs and expanded:
            warm_up()  # whoever looks at this is about to press it
        st.button(
            f"Start {len(configs)} runs" if configs else "Start", key="start-study", type="primary",
            icon=":material/play_arrow:", disabled=not configs, on_click=_launch,
            args=(store, template, configs, wanted.split),
        )  # fmt: skip
        if reason := st.session_state.pop(FAILED, ""):
            st.error(f"The study could not be started. {as_text(reason)}", icon=":material/error:")
        st.code(_command(slug, wanted), language="bash", wrap_lines=True)


class Asked(NamedTuple):
    """What the form asks of a study beside its question."""

    seeds: int
    recipe: str
    data: str
    split: str


def _ask(template: Template) -> Asked:
    experiment = find_experiment(template.experiment)
    recipes = [each.slug for each in experiment.recipes]
    one, two, three, four = st.columns(4)
    seeds = one.number_input(
        "Seeds of each side", 1, 20, template.seeds, key=f"{SEEDS}-{template.slug}",
        help="With one seed a verdict speaks of these trained networks alone, not of the arms.",
    )  # fmt: skip
    recipe = two.selectbox(
        "Recipe", recipes, index=recipes.index(template.recipe), key=f"{RECIPE}-{template.slug}",
        format_func=lambda each: experiment.recipe(each).title,
    )  # fmt: skip
    if public_limits() is None:
        data = three.text_input("Data", key=DATA, placeholder="drawn pictures, or a folder", help=experiment.data_help)
    else:
        data = three.text_input("Data", key=DATA, placeholder="drawn pictures", disabled=True)
    split = four.selectbox(
        "Compare on", list(SPLITS), key=SPLIT, format_func=lambda each: SPLITS[each],
        help="The test split is for the last look, when recipes are settled.",
    )  # fmt: skip
    return Asked(int(seeds), str(recipe), data.strip(), str(split))


def _command(slug: str, asked: Asked) -> str:
    data = f" --data {shlex.quote(asked.data)}" if asked.data else ""
    return (
        f"python -m core study {slug} --seeds {asked.seeds} --recipe {asked.recipe}{data} --split {asked.split} --wait"
    )


def _question(template: Template) -> str:
    return f"{template.title} ({template.experiment})"


def _launch(store: RunStore, template: Template, configs: Sequence[RunConfig], split: str) -> None:
    there = {run.id for run in store.runs()}
    try:
        with fair_share(store, len(configs)):
            study = launch_study(store, template, configs, split=split)
            note_all_own(study.runs, there)
    except (UserError, OSError) as error:
        st.session_state[FAILED] = str(error)
        return
    st.session_state[STUDY] = study.id
    st.session_state.pop(ASKING, None)


def show_study(store: RunStore, name: str) -> None:
    """Draw a study, and keep it up to date while something in it moves."""
    moving = _is_moving(store, open_study(store, name))
    follow(_show, store, name, moving, moving=moving, fastest=2.0)


def _is_moving(store: RunStore, study: Study) -> bool:
    return not study.is_over or is_scoring(store, study.sides, study.split)


def _show(store: RunStore, name: str, was_moving: bool) -> None:
    try:
        study = open_study(store, name)
    except UserError:  # all its runs were deleted a moment ago
        st.query_params.pop("study", None)
        st.rerun()
    if _is_moving(store, study) != was_moving:
        st.rerun()
    st.header(study.template.question, anchor=False)
    _show_progress(store, study)
    sides = study.sides
    if len(sides) < 2:
        st.info("A verdict appears here when a run of each of two sides has ended.", icon=":material/hourglass_top:")
        _show_runs(study)
        return
    found = show_verdict(store, sides, study.split, caveat=study.caveat)
    if found is not None:
        st.dataframe(tabulate(found), hide_index=True)
        if reported := say_reported(find_experiment(study.template.experiment), sides):
            st.caption(f"Reported by others: {reported}. Other data do not compare.")
        show_downloads(study=study.id, split=study.split)
    show_sections(store, sides, found)
    _show_runs(study)


def show_sections(
    store: RunStore, sides: Sequence[Side], found: Conclusion | None, *, without: Sequence[str] = ()
) -> None:  # fmt: skip
    """Draw what there is to see of sides beside their verdict; only the tab that is open is drawn.

    Args:
        store: Where runs are recorded.
        sides: Two or more.
        found: What is concluded of them; None before they were scored.
        without: Tabs that the page has elsewhere.
    """
    kind = find_experiment(sides[0].runs[0].slug).kind_of(str(sides[0].runs[0].config["arm"]))
    amounts = (AMOUNTS,) if len(shares_of(sides)) > 1 else ()
    data = (PLACE,) if can_be_placed(sides[0].runs[0]) else ()
    all_of_them = (CURVES, COSTS, PICTURES, DISAGREEMENTS, DIFFERENCES, *amounts, *data)
    names = [each for each in all_of_them if each not in without]
    tabs = st.tabs(names, key="sides-tab", on_change="rerun", bind="query-params")
    for name, tab in zip(names, tabs, strict=True):
        if not tab.open:
            continue
        with tab:
            if name == CURVES:
                show_bands(store, sides)
            elif name == PICTURES:
                show_pictures(store, sides, kind)
            elif name == PLACE:
                show_placement(sides[0].runs[0])
            elif name == DIFFERENCES:
                st.table(_by_side(sides, differences(sides)), border="horizontal")
            elif found is None:
                st.caption("Appears with the verdict.")
            elif name == AMOUNTS:
                show_amounts(found)
            elif name == DISAGREEMENTS:
                show_disagreements(store, sides, found.split, of_single_pictures(found.score))
            else:
                show_costs(store, sides, found.means, found.score)


def _by_side(sides: Sequence[Side], rows: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    columns = {side.name: [row[number] for row in rows.values()] for number, side in enumerate(sides)}
    return {"Knob": list(rows), **columns}


def _show_progress(store: RunStore, study: Study) -> None:
    ended = sum(run.is_final for run in study.runs)
    first = study.runs[0]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(
            f"{ended} of {len(study.runs)} runs have ended · {say_data(first.config['data'])} · compared on "
            f"{SPLITS.get(study.split, study.split).lower()} · {len(study.seeds)} seeds"
        )
        with st.popover("More seeds", icon=":material/add:"):
            more = st.number_input("Seeds to add to every side", 1, 20, 2, key=f"study-more-{study.id}")
            st.button("Add them", key="add-seeds", type="primary", on_click=_extend, args=(store, study, int(more)))
    if not study.is_over:
        st.progress(ended / len(study.runs))
    if reason := st.session_state.pop(FAILED, ""):
        st.error(f"No seeds could be added. {as_text(reason)}", icon=":material/error:")


def _extend(store: RunStore, study: Study, more: int) -> None:
    there = {run.id for run in store.runs()}
    try:
        with fair_share(store, more * len(study.sides)):
            note_all_own(extend_study(store, study, more).runs, there)
    except (UserError, OSError) as error:
        st.session_state[FAILED] = str(error)


def _show_runs(study: Study) -> None:
    with st.expander(f"The {len(study.runs)} runs", expanded=not study.is_over, key="runs-of-study"):
        st.dataframe(
            {
                "Run": [f"/runs?run={run.short_id}" for run in study.runs],
                "Side": [study.title_of(run) for run in study.runs],
                "Seed": [run.config["seed"] for run in study.runs],
                "State": [run.state for run in study.runs],
                "Time": [say_duration(run.seconds) for run in study.runs],
                "Reason": [run.reason for run in study.runs],
            },
            hide_index=True,
            column_config={"Run": st.column_config.LinkColumn("Run", display_text=r"run=(\w+)")},
        )
