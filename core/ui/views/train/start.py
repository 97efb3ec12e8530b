"""What stands below the Train page's form: what is reported, what is wrong, the command, and Start."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.config import RunConfig
from core.errors import UserError
from core.paths import PROJECT
from core.public import public_limits, refuse_training
from core.runs.process.fork_client import warm_up
from core.runs.run import RUNNING
from core.ui.components.open_store import open_store
from core.ui.shared.formatting import as_text, say_duration, title_of_score
from core.ui.shared.tracking import load_tracking
from core.ui.views.ownership import fair_share, note_own
from core.ui.views.train.choice import Choice

PRESSED, STARTED, ESTIMATES, COUNT = "train-pressed", "train-started", "train-estimates", "train-count"
MOST = 20
"""Runs that one press starts at most."""
FRESH = 30.0
"""Seconds after which a press that led to nothing, because its visitor left the page, is forgotten."""


def show_reported(choice: Choice) -> None:
    """Say which numbers others have reported, to know what a good one is."""
    experiment = choice.experiment
    fitting = [each for each in experiment.reported if each.arm in ("", choice.arm)]
    if fitting:
        with st.expander("Numbers that others report", expanded=True, key="reported"):
            lines = [
                f"- {title_of_score(experiment, each.score)} **{each.value:.3f}**"
                f"{f' on {each.data}' if each.data else ''} – {each.source}"
                for each in fitting
            ]
            st.markdown("\n".join(lines))


def check(choice: Choice) -> tuple[RunConfig | None, str]:
    """Return the config and what is known of its data, or None and the reason why it cannot be trained."""
    if not choice.data:
        return None, f"Give a folder. {choice.experiment.data_help}"
    try:
        config = choice.config()
        refuse_training(config.as_values(), choice.experiment.largest)
        return config, " ".join([choice.experiment.check_data(config.data), *choice.experiment.announce(config)])
    except UserError as error:
        return None, str(error)


def show_start(choice: Choice, config: RunConfig | None, said: str) -> None:
    """Draw Start, disabled with the reason where it cannot work, and the command that does the same.

    A callback notes the press and the session keeps what was started: what draws the page may be broken off by another
    message of the browser at any moment, and a press is never lost by that nor its run left without its page.
    """
    label = f"Start {count} trainings" if (count := int(st.session_state.get(COUNT, 1))) > 1 else "Start training"
    st.button(
        label, key="start-training", type="primary", icon=":material/play_arrow:", disabled=config is None,
        width="stretch", on_click=_note_press,
    )  # fmt: skip
    if config is None:
        st.session_state.pop(PRESSED, None)
        st.markdown(f":red[:material/block: {as_text(said)}]")
        return
    st.markdown(f":green[:material/check:] {as_text(said)}")
    warm_up()  # whoever looks at this is about to press it
    load_tracking()
    from core.runs.launcher import command_of  # noqa: PLC0415 - comes with MLflow

    configs = [replace(config, seed=config.seed + number) for number in range(min(count, 2**31 - config.seed))]
    commands = [command_of(choice.slug, each) for each in configs]
    _show_estimate(commands[0])
    limits = public_limits()
    most = MOST if limits is None else limits.visitor_runs
    st.number_input(
        "Runs, each with a further seed", 1, most, key=COUNT, persist_state="session",
        help="What differs between them is chance; Compare draws them as one band.",
    )  # fmt: skip
    st.caption("The same from a terminal:")
    st.code("\n".join(commands), language="bash", wrap_lines=True)
    if time.monotonic() - st.session_state.get(PRESSED, -FRESH) < FRESH:
        _start(choice.slug, configs)


def _show_estimate(command: str) -> None:
    """Draw what the run would cost, once somebody asked; another process takes the steps, so that pages stay quick."""
    known: dict[str, str] = st.session_state.setdefault(ESTIMATES, {})
    asked = st.button(
        "Estimate time and memory", key="estimate", icon=":material/timer:", width="stretch", disabled=command in known,
        help="Prepares the data and takes a second of real steps. What it decodes is kept for the training.",
    )  # fmt: skip
    if asked:
        with st.spinner("Trying a second of it …"):
            known[command] = say_estimate(command)
    if command in known:
        st.markdown(known[command])
        if any(run.status == RUNNING for run in open_store().unfinished()):
            st.caption(
                ":material/info: A run is training now, which slows the steps that are tried; alone it is faster."
            )


def say_estimate(command: str) -> str:
    """Return what a training command would cost, in a sentence, or why that cannot be said."""
    words = [sys.executable, *shlex.split(command.replace(" train ", " estimate ", 1))[1:], "--json"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        return f":orange[:material/info: It cannot be estimated. {said}]"
    found = json.loads(done.stdout)
    return (
        f":material/timer: **About {say_duration(found['seconds'])}** and {found['memory'] / 1024:.1f} GiB of memory: "
        f"{found['epochs']} epochs of {found['steps']} steps, {found['step']:.2g} s each, and "
        f"{found['validation']:.2g} s of validation. An estimate on this machine as it is now."
    )


def _note_press() -> None:
    st.session_state[PRESSED] = time.monotonic()


def _start(slug: str, configs: Sequence[RunConfig]) -> None:
    from core.runs.launcher import launch  # noqa: PLC0415 - comes with MLflow

    with st.spinner("Starting …"):
        store = open_store()
        st.session_state.pop(PRESSED)  # nothing is drawn from here to the end: it cannot be broken off
        try:
            with fair_share(store, len(configs)):
                for each in configs:
                    run = launch(store, slug, each)
                    st.session_state.setdefault(STARTED, run.short_id)
                    note_own(run)
        except (UserError, OSError) as error:
            st.error(f"The run could not be started. {as_text(error)}", icon=":material/error:")
            return
    show_started()


def show_started() -> None:
    """Go to the run that was just started, if one was."""
    run = st.session_state.pop(STARTED, None)
    if run:
        st.session_state.pop(PRESSED, None)  # pressed twice means one run
        st.switch_page("runs.py", query_params={"run": run})
