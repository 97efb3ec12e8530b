"""The parts of the System page."""

import shutil
import socket
from importlib import metadata

import psutil
import streamlit as st

from core.errors import UserError
from core.paths import PROJECT, home
from core.runs.process.slots import allowed_slots, gpu_count, slot_count
from core.runs.queue import queued
from core.runs.settings import MOST_SLOTS, Settings, read_settings, write_settings
from core.runs.storage import clean, measure_disk, removable
from core.runs.store.run_store import RunStore
from core.ui.components.toasts import leave_message
from core.ui.shared.formatting import say_size

SHOWN = ("torch", "torchvision", "streamlit", "gradio", "mlflow", "accelerate", "numpy")
SLOTS, DAYS, GIB = "system-slots", "system-days", "system-gib"


def show_machine(store: RunStore) -> None:
    """Draw what there is to compute with, and what is under way."""
    memory, disk, runs = psutil.virtual_memory(), shutil.disk_usage(home()), store.runs()
    under_way = sum(not run.is_final for run in runs) - len(queued(runs))
    numbers = {
        "Processor cores": str(psutil.cpu_count() or 1),
        "GPUs": str(gpu_count()) if gpu_count() else "none",
        "Free memory": f"{say_size(memory.available)} of {say_size(memory.total)}",
        "Free disk": f"{say_size(disk.free)} of {say_size(disk.total)}",
        "Training now": f"{under_way} of {slot_count()}",
        "Queued": str(len(queued(runs))),
    }
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="medium"):
        for name, value in numbers.items():
            st.metric(name, value, width="content")


def show_limits(store: RunStore) -> None:
    """Draw how many runs may train at once, and which states are cleaned away."""
    settings = read_settings()
    for key, value in ((SLOTS, settings.slots), (DAYS, settings.keep_days), (GIB, settings.keep_gib)):
        st.session_state.setdefault(key, value)
    st.header("Limits", anchor=False)
    left, middle, right = st.columns(3, gap="large")
    with left:
        st.number_input(
            "Trainings at once", 0, MOST_SLOTS, key=SLOTS, on_change=_keep,
            help="Two trainings on the same two cores are slower than one after the other.",
        )  # fmt: skip
        st.caption(f"0 lets the machine decide: {allowed_slots()} here, one for each GPU or for every two cores.")
        if slot_count() != (settings.slots or allowed_slots()):
            st.caption(":material/info: FOVEA_SLOTS is set where this server was started, and comes first.")
    with middle:
        st.number_input("Days a run can go on after its end", 0, 3650, key=DAYS, on_change=_keep)
        st.caption("Then the state to resume or prolong it from is removed, with the optimiser's memory. 0 keeps it.")
    with right:
        st.number_input("GiB for all these states", 0.0, 10_000.0, step=1.0, key=GIB, on_change=_keep)
        st.caption("Where they take more, the oldest go first. 0 sets no bound.")
    _show_cleaning(store)


def _keep() -> None:
    state = st.session_state
    try:
        write_settings(Settings(state[SLOTS] or 0, state[DAYS] or 0, state[GIB] or 0.0))
    except UserError as error:
        leave_message(str(error), ":material/error:")


def _show_cleaning(store: RunStore) -> None:
    rule = read_settings()
    if not (rule.keep_days or rule.keep_gib):
        st.caption("Nothing is cleaned away. The best weights, curves and pictures of a run are never part of this.")
        return
    found = removable(store, rule)
    size = say_size(sum(size for _, size in found))
    st.caption(
        f"By this rule {len(found)} runs' states go now, {size}. The server does so every hour. The best weights, "
        "curves and pictures of a run are never part of this."
    )
    if found and st.button("Clean up now", key="clean-up", icon=":material/mop:"):
        leave_message(f"{say_size(clean(store, rule))} are free again.", ":material/mop:")
        st.rerun()


def show_disk(store: RunStore) -> None:
    """Draw what takes how much of the disk."""
    st.header("Disk", anchor=False)
    shares = measure_disk(store)
    st.caption(f"{say_size(sum(each.size for each in shares))} in all, below {home()}.")
    st.table(
        {"What": [each.title for each in shares], "Size": [say_size(each.size) for each in shares]}, border="horizontal"
    )


def show_places(store: RunStore) -> None:
    """Draw where runs are kept, and the versions of what computes."""
    st.header("Places and versions", anchor=False)
    versions = {name: metadata.version(name) for name in SHOWN}
    rows = {
        "Runs": store.uri, "Everything recorded": str(home()), "Program": str(PROJECT), "Machine": socket.gethostname(),
        **versions,
    }  # fmt: skip
    st.table({"What": list(rows), "Value": list(rows.values())}, border="horizontal")
    st.caption("The runs are MLflow's: `mlflow ui --backend-store-uri` with the address above shows the same ones.")
