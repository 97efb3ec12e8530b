"""Knobs as widgets: one for each field of the config, grouped, with the changed ones marked."""

import math
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import streamlit as st

from core.config import Knob
from core.ui.shared.formatting import say_value, title_of_knob

COLUMNS = 2


def knob_key(slug: str, arm: str, recipe: str, name: str) -> str:
    """Return the key of a knob's widget: each arm and recipe has its own, as it has its own values."""
    return f"knob:{slug}:{arm}:{recipe}:{name}"


def show_knobs(
    knobs: Iterable[Knob], recipe: Mapping[str, Any], changed: Container[str], *, key_of: Callable[[str], str],
    on_change: Callable[[], None],
) -> None:  # fmt: skip
    """Draw the widgets of some knobs under the headings of their groups.

    Args:
        knobs: In the order of the form.
        recipe: The recipe's values, to say what a changed knob was.
        changed: Names of the changed knobs.
        key_of: Key of a knob's widget, by the knob's name; its value stands in the session already.
        on_change: Called when any of them is moved.
    """
    groups: dict[str, list[Knob]] = {}
    for knob in knobs:
        groups.setdefault(knob.group, []).append(knob)
    for group, members in groups.items():
        st.subheader(group, anchor=False)
        columns = []
        for index, knob in enumerate(members):
            if index % COLUMNS == 0:
                columns = st.columns(COLUMNS, gap="medium")
            with columns[index % COLUMNS]:
                _show_knob(knob, key_of(knob.name), on_change)
                if knob.name in changed:
                    st.caption(f":primary[● was {say_value(recipe[knob.name])}]")


def _show_knob(knob: Knob, key: str, on_change: Callable[[], None]) -> None:
    label, told = title_of_knob(knob), f"{knob.help} \n\nOn the command line: `--set {knob.name}=…`, {knob.allowed}."
    kept: dict[str, Any] = {"key": key, "help": told, "on_change": on_change, "persist_state": "session"}
    if knob.choices:
        st.selectbox(label, knob.choices, **kept)
    elif knob.kind is bool:
        st.toggle(label, **kept)
    elif knob.kind is str:
        st.text_input(label, **kept)
    else:
        _show_number(knob, label, kept)


def _show_number(knob: Knob, label: str, kept: dict[str, Any]) -> None:
    kind = knob.kind
    low = None if knob.low is None else kind(knob.low)
    high = None if knob.high is None else kind(knob.high)
    look = {"format": "%.6g", "step": _step(knob)} if kind is float else {"step": 1}
    st.number_input(label, min_value=low, max_value=high, **look, **kept)


def _step(knob: Knob) -> float:
    """Return how far one press of plus or minus goes: a tenth of the default's magnitude, or of the range."""
    if knob.default:
        return float(10.0 ** (math.floor(math.log10(abs(knob.default))) - 1))
    return 0.01 if knob.high is not None and knob.high <= 1 else 0.5
