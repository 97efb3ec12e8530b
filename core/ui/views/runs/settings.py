"""The tab of settings: the command, every knob, and what was recorded about data, machine and versions."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.errors import UserError
from core.experiments.experiment import Experiment
from core.runs.launcher import command_of
from core.runs.run import Run
from core.ui.shared.formatting import as_text, say_value, title_of_knob
from core.ui.views.train.choice import own_knobs

FACTS = {
    "fingerprint": "Fingerprint of the data",
    "data": "Data",
    "device": "Computed on",
    "parameters": "Parameters of the network",
    "flops": "Operations for one picture, a multiplication with its addition counted as 2",
    "peak_memory": "Most memory in use at once, MiB",
    "commit": "Version of the code",
    "python": "Python",
    "packages": "Packages",
    "machine": "Machine",
    "command": "Process",
}


def show_settings(run: Run, experiment: Experiment) -> None:
    """Draw all that decides the run, to read it and to repeat it."""
    try:
        config = experiment.read_config(run.config)
    except UserError as error:
        st.warning(f"The settings come from another version of Fovea. {as_text(error)}")
        _show_table(("Knob", "Value"), [(key, str(value)) for key, value in run.config.items()])
        return
    st.caption("The command that repeats this run:")
    st.code(command_of(run.slug, config), language="bash", wrap_lines=True)
    changed = experiment.changed(config)
    title = experiment.recipe(config.recipe).title
    differ = f"{len(changed)} changed from" if changed else "all as in"
    with st.expander(f"Knobs · {differ} the recipe {title}", expanded=True, key="settings-of-run"):
        recipe = experiment.config(arm=config.arm, recipe=config.recipe, data=config.data, seed=config.seed).as_values()
        values = config.as_values()
        knobs = sorted(own_knobs(experiment.config_type), key=lambda each: each.name not in changed)
        rows = [
            (title_of_knob(each), _mark(values[each.name], each.name in changed), say_value(recipe[each.name]))
            for each in knobs
        ]
        _show_table(("Knob", "Value", "Recipe"), rows)
    with st.expander("Data, machine and versions", expanded=True, key="facts-of-run"):
        _show_facts({"run": run.id} | dict(run.facts))


def _mark(value: object, changed: bool) -> str:
    return f"**● {say_value(value)}**" if changed else say_value(value)


def _show_facts(facts: Mapping[str, str]) -> None:
    titles = {"run": "Run"} | FACTS
    _show_table(("", ""), [(titles.get(key, key), value or "–") for key, value in facts.items()])


def _show_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    lines = [heads, (":--",) * len(heads), *rows]
    st.markdown("\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines))
