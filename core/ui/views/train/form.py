"""The Train page's form: experiment, arm, recipe, data, seed and knobs, kept in the address and in the widgets."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from core.errors import UserError
from core.experiments import catalogue
from core.experiments.experiment import SYNTHETIC, Experiment
from core.public import public_limits
from core.ui.shared.formatting import as_text
from core.ui.views.train.choice import Choice, changed_from, first_choice, own_knobs, read_choice
from core.ui.views.train.settings_form import knob_key, show_knobs

EXPERIMENT, ARM, RECIPE, SOURCE, FOLDER, SEED = (
    f"train-{each}" for each in ("exp", "arm", "recipe", "source", "folder", "seed")
)
DRAWN, OWN = "Drawn pictures", "A folder of mine"
SINGLE = ("experiment", "arm", "recipe", "data", "seed")


def find_choice() -> Choice:
    """Return what the page is to show: what its address says, else what its widgets remember, else the first entry."""
    query = {key: st.query_params[key] for key in SINGLE if key in st.query_params}
    try:
        choice = read_choice(query, st.query_params.get_all("set")) if query else _remembered()
    except UserError as error:
        st.warning(as_text(error), icon=":material/link_off:")
        choice = first_choice()
    _fill(choice)
    st.query_params.from_dict(choice.as_query())
    return choice


def _remembered() -> Choice:
    """Return what the widgets say; knobs that this recipe has not shown yet stand at the recipe's values."""
    state = st.session_state
    start = first_choice(state.get(EXPERIMENT, ""))
    experiment = start.experiment
    arms, recipes = [each.slug for each in experiment.arms], [each.slug for each in experiment.recipes]
    arm = state.get(ARM) if state.get(ARM) in arms else start.arm
    recipe = state.get(RECIPE) if state.get(RECIPE) in recipes else start.recipe
    data = state.get(FOLDER, "").strip() if state.get(SOURCE) == OWN else SYNTHETIC
    chosen = Choice(experiment.slug, str(arm), str(recipe), data, state.get(SEED) or 0)
    keys = {knob.name: _key(chosen, knob.name) for knob in own_knobs(experiment.config_type)}
    shown = {name: state[key] for name, key in keys.items() if state.get(key) is not None}  # an emptied number is None
    return replace(chosen, changes=changed_from(chosen.as_recipe().as_values(), shown))


def _key(choice: Choice, name: str) -> str:
    return knob_key(choice.slug, choice.arm, choice.recipe, name)


def _fill(choice: Choice) -> None:
    """Set the widgets, before they are drawn, to what is to be shown."""
    values: dict[str, Any] = {
        EXPERIMENT: choice.slug, ARM: choice.arm, RECIPE: choice.recipe, SEED: choice.seed,
        SOURCE: DRAWN if choice.data == SYNTHETIC else OWN,
    }  # fmt: skip
    if choice.data != SYNTHETIC:
        values[FOLDER] = choice.data
    knobs = choice.as_recipe().as_values() | dict(choice.changes)
    values |= {_key(choice, knob.name): knobs[knob.name] for knob in own_knobs(choice.experiment.config_type)}
    for key, value in values.items():
        if st.session_state.get(key) != value:
            st.session_state[key] = value


def _tell_address() -> None:
    """Let the address follow a widget that was just moved."""
    try:
        st.query_params.from_dict(_remembered().as_query())
    except UserError:
        st.query_params.clear()


def show_identity(choice: Choice) -> None:
    """Draw the choice of experiment, arm and recipe with what each of them is."""
    experiment = choice.experiment
    titles = {slug: each.title for slug, each in catalogue().items()}
    _choose("Experiment", titles, EXPERIMENT)
    st.caption(experiment.question)
    left, right = st.columns(2, gap="medium")
    with left:
        _choose("Arm", {each.slug: each.title for each in experiment.arms}, ARM, help="The answer that is trained.")
        st.caption(experiment.arm(choice.arm).summary)
    with right:
        _choose("Recipe", {each.slug: each.title for each in experiment.recipes}, RECIPE,
                help="A set of knob values to start from.")  # fmt: skip
        st.caption(experiment.recipe(choice.recipe).summary)


def _choose(label: str, titles: Mapping[str, str], key: str, help: str | None = None) -> None:
    st.selectbox(
        label, list(titles), format_func=lambda slug: titles.get(slug, slug), key=key, help=help,
        on_change=_tell_address, persist_state="session",
    )  # fmt: skip


def show_data(experiment: Experiment) -> None:
    """Draw the choice of data and seed."""
    kept: dict[str, Any] = {"on_change": _tell_address, "persist_state": "session"}
    left, right = st.columns(2, gap="medium")
    with left:
        drawn_alone = public_limits() is not None
        sources = [DRAWN] if drawn_alone and st.session_state[SOURCE] == DRAWN else [DRAWN, OWN]
        st.segmented_control(
            "Data",
            sources,
            key=SOURCE,
            required=True,
            width="stretch",
            help=None if drawn_alone else experiment.data_help,
            **kept,
        )
    if st.session_state[SOURCE] == OWN:
        st.text_input("Folder", key=FOLDER, placeholder="/path/to/the/data", **kept)
    with right:
        st.number_input("Seed", min_value=0, max_value=2**31 - 1, step=1, key=SEED, **kept,
                        help="Start of every random choice: the same seed, the same run.")  # fmt: skip


def show_all_knobs(choice: Choice) -> None:
    """Draw the knobs: the basic ones open, the advanced ones folded, the changed ones marked, and the way back."""
    recipe = choice.as_recipe().as_values()
    knobs = own_knobs(choice.experiment.config_type)
    advanced = [each for each in knobs if each.advanced]
    changed = sum(each.name in choice.changes for each in advanced)

    def key_of(name: str) -> str:
        return _key(choice, name)

    basic = [each for each in knobs if not each.advanced]
    show_knobs(basic, recipe, choice.changes, key_of=key_of, on_change=_tell_address)
    with st.expander(f"Advanced knobs · {changed} changed" if changed else "Advanced knobs", key="advanced-knobs"):
        show_knobs(advanced, recipe, choice.changes, key_of=key_of, on_change=_tell_address)


def back_to_recipe(choice: Choice) -> None:
    """Set every knob back to its recipe; called before the page is drawn again."""
    _fill(Choice(choice.slug, choice.arm, choice.recipe, choice.data, choice.seed))
    _tell_address()
