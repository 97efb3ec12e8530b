"""What can be done with a run. Which buttons there are follows from its state and from nothing else."""

from collections.abc import Callable

import streamlit as st

from core.errors import UserError
from core.experiments.experiment import Experiment
from core.public import public_limits
from core.runs import control
from core.runs.queue import move, place_of, queued
from core.runs.run import FINISHED, SCHEDULED, Run
from core.runs.store.run_store import RunStore
from core.ui.components.toasts import leave_message
from core.ui.shared.formatting import as_text
from core.ui.views.ownership import NOT_OWN, fair_share, may_act_on, note_own
from core.ui.views.train.choice import choice_of

MOST_EPOCHS = 10_000
BUTTONS = {
    "resume": ("Resume", ":material/resume:"),
    "cancel": ("Cancel", ":material/cancel:"),
    "sooner": ("Sooner", ":material/arrow_upward:"),
    "later": ("Later", ":material/arrow_downward:"),
    "stop": ("Stop", ":material/stop:"),
    "kill": ("Kill", ":material/dangerous:"),
    "delete": ("Delete", ":material/delete:"),
    "extend": ("Prolong", ":material/more_time:"),
    "restore": ("Bring back", ":material/undo:"),
}
"""Label and icon of each button that changes a run; the names are those of the buttons' keys."""


def show_actions(store: RunStore, run: Run, experiment: Experiment) -> None:
    """Draw the buttons in a row: what is wanted most often first."""
    with st.container(horizontal=True, width="content", vertical_alignment="center"):
        own = may_act_on(run.id)
        if own and run.status == SCHEDULED and not run.worker:
            _show_queued(store, run)
        elif not own:
            st.markdown(":material/lock:", help=NOT_OWN)
        elif not run.is_final:
            _show_under_way(store, run)
        elif run.status != FINISHED:
            _button("resume", _resume, store, run, primary=True,
                    help="Goes on from the last whole epoch, as if it had never been interrupted.")  # fmt: skip
        if st.button(
            "Try it on a picture", key=f"try-{run.id}", icon=":material/image_search:", disabled=not run.best_epoch,
            help=None if run.best_epoch else "Possible after the first epoch.",
        ):  # fmt: skip
            st.switch_page("predict.py", query_params={"run": run.id, "experiment": run.slug})
        _show_more(store, run, experiment)


def _show_queued(store: RunStore, run: Run) -> None:
    runs = store.unfinished()
    place, last = place_of(run, runs), len(queued(runs))
    _button("cancel", RunStore.request_stop, store, run, primary=True,
            help="Takes it out of the queue; what was trained before stays.")  # fmt: skip
    if public_limits() is not None:
        return  # nobody passes another visitor in the queue
    if place > 1:
        _button("sooner", lambda store, run_id: move(store, run_id, -1), store, run)
    if place < last:
        _button("later", lambda store, run_id: move(store, run_id, 1), store, run)


def _show_under_way(store: RunStore, run: Run) -> None:
    _button("stop", RunStore.request_stop, store, run, primary=True, disabled=run.stopping,
            help="Stops after the current step and keeps the best epoch.")  # fmt: skip


def _show_more(store: RunStore, run: Run, experiment: Experiment) -> None:
    """Draw what is wanted seldom, or ends something."""
    with st.popover("More", key=f"more-{run.id}", icon=":material/more_horiz:"):
        if st.button("Train again", key=f"train-again-{run.id}", icon=":material/content_copy:",
                     help="Opens Train with these settings."):  # fmt: skip
            _clone(run, experiment)
        if not may_act_on(run.id):
            st.caption(NOT_OWN)
            return
        if run.status == SCHEDULED and not run.worker:
            return
        _show_prolong(store, run)
        if not run.is_final:
            _button("kill", control.kill, store, run,
                    help="Ends it now. Its last whole epoch is kept, and it can be resumed from there.")  # fmt: skip
        else:
            _button("delete", _delete, store, run,
                    help="Puts it aside. All runs has it among the deleted, to be brought back.")  # fmt: skip


def _show_prolong(store: RunStore, run: Run) -> None:
    epochs = st.number_input("Epochs to add", 1, MOST_EPOCHS, 10, key=f"epochs-to-add-{run.id}")
    st.caption(control.say_consequence(run, epochs))
    _button("extend", lambda store, run_id: _extend(store, run_id, epochs), store, run)


def _resume(store: RunStore, run_id: str) -> None:
    with fair_share(store):
        note_own(control.resume(store, run_id))


def _extend(store: RunStore, run_id: str, epochs: int) -> None:
    with fair_share(store, int(store.get(run_id).is_final)):  # one under way has its place
        note_own(control.extend(store, run_id, epochs))


def _button(
    name: str, act: Callable[[RunStore, str], object], store: RunStore, run: Run, *, primary: bool = False,
    disabled: bool = False, help: str | None = None,
) -> None:  # fmt: skip
    label, icon = BUTTONS[name]
    st.button(
        label, icon=icon, key=f"{name}-{run.id}", on_click=_try, args=(act, store, run.id), help=help,
        disabled=disabled, type="primary" if primary else "secondary",
    )  # fmt: skip


def _try(act: Callable[[RunStore, str], object], store: RunStore, run_id: str) -> None:
    """Act; the state may have moved since the button was drawn, and then the reason is told."""
    try:
        if not may_act_on(run_id):
            raise UserError(NOT_OWN)
        act(store, run_id)
    except UserError as error:
        leave_message(str(error), ":material/info:")


def _delete(store: RunStore, run_id: str) -> None:
    run = store.delete(run_id)
    leave_message(f"{run.name} is deleted. All runs has it among the deleted, to be brought back.", ":material/delete:")


def _clone(run: Run, experiment: Experiment) -> None:
    try:
        choice = choice_of(run.slug, experiment.read_config(run.config))
    except UserError as error:
        st.error(f"These settings come from another version of Fovea. {as_text(error)}")
        return
    st.switch_page("train.py", query_params=choice.as_query())


def show_deleted(store: RunStore) -> None:
    """Draw the deleted runs, each to be brought back, and a way to be rid of them."""
    deleted = [run for run in store.runs(deleted=True) if may_act_on(run.id)]
    if not deleted:
        return
    with st.expander(f"Deleted: {len(deleted)}", key="deleted", icon=":material/delete:"):
        for run in deleted:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{as_text(run.name)}** · {as_text(run.slug)} · run {run.short_id}", width="stretch")
                _button("restore", RunStore.restore, store, run)
        if public_limits() is not None:
            return
        st.caption("Erasing removes their checkpoints, pictures, curves and logs for ever.")
        if st.button("Erase all of them", key="erase-deleted", icon=":material/delete_forever:"):
            with st.spinner("Erasing …"):
                try:
                    erased = control.erase_deleted(store)
                    leave_message(f"{erased} runs are erased for ever.", ":material/delete_forever:")
                except UserError as error:
                    leave_message(str(error), ":material/error:")
            st.rerun()
