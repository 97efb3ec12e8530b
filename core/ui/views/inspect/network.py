"""A run's network part by part: what each gives, its share of weights and work, and how long an answer takes."""

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import UserError
from core.runs.run import Run
from core.ui.shared.formatting import as_text

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.inference.predictors.predictor import Predictor
    from core.models.stages import Stage

LATENCY = "inspect-latency"
SECONDS = 3.0


def show_network(run: Run) -> None:
    """Draw the parts of a run's network with their totals, and the button that measures it here."""
    if not run.best_epoch:
        st.info("The network stands here once the run has kept weights, after its first epoch.",
                icon=":material/info:")  # fmt: skip
        return
    try:
        stages, shape = _list(run.id, run.best_epoch)
    except UserError as error:
        st.info(as_text(error), icon=":material/info:")
        return
    parameters, flops = sum(each.parameters for each in stages), sum(each.flops for each in stages)
    size = " × ".join(str(each) for each in shape)
    with st.container(horizontal=True, gap="large"):
        st.metric("Parameters", f"{parameters / 1e6:,.2f} M", width="content")
        st.metric("FLOPs of a picture", f"{flops / 1e9:,.2f} G", width="content",
                  help="A multiplication with its addition counts as 2; halve it for MACs.")  # fmt: skip
        st.metric("Weights on disk", f"{4 * parameters / 1e6:,.1f} MB", width="content", help="In single precision.")
    st.dataframe(
        tabulate(stages), hide_index=True,
        column_config={
            "Parameters": st.column_config.NumberColumn(format="localized"),
            "FLOPs, million": st.column_config.NumberColumn(format="localized"),
            "Share of parameters": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
            "Share of FLOPs": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
        },
    )  # fmt: skip
    st.caption(f"For one picture as this run's network takes it, channels × height × width: {size}. Parts with neither "
               "weights nor work are left out.")  # fmt: skip
    _show_latency(run)


def tabulate(stages: "list[Stage]") -> dict[str, list[object]]:
    """Return a row for each part."""
    parameters, flops = sum(each.parameters for each in stages), sum(each.flops for each in stages)
    return {
        "Part": [each.name or "the network itself" for each in stages],
        "What it is": [each.kind for each in stages],
        "Gives": [" × ".join(str(side) for side in each.shape) or "–" for each in stages],
        "Parameters": [each.parameters for each in stages],
        "Share of parameters": [each.parameters / max(1, parameters) for each in stages],
        "FLOPs, million": [round(each.flops / 1e6, 2) for each in stages],
        "Share of FLOPs": [each.flops / max(1, flops) for each in stages],
    }


@st.cache_data(max_entries=64, show_spinner="Following a picture through the network …")
def _list(run_id: str, epoch: int) -> "tuple[list[Stage], tuple[int, ...]]":  # noqa: ARG001 - the key
    from core.models.stages import list_stages  # noqa: PLC0415 - torch takes seconds

    _, module, images = _open(run_id)
    return list_stages(module, images), tuple(images.shape[1:])


def _open(run_id: str) -> "tuple[Predictor, nn.Module, Tensor]":
    from core.runs.measures import picture_of  # noqa: PLC0415 - torch takes seconds
    from core.ui.shared.model_choice import open_predictor  # noqa: PLC0415

    predictor = open_predictor(run_id)
    return predictor, *picture_of(predictor.setup, predictor.task, predictor.network)


def _show_latency(run: Run) -> None:
    st.subheader("Latency", anchor=False)
    if "latency" in run.facts:
        st.markdown(f"**{_say(float(run.facts['latency']))}** at the end of the training. "
                    f"{run.facts.get('latency_measured', '')}")  # fmt: skip
    key = f"{LATENCY}-{run.id}"
    if st.button("Measure it here and now", icon=":material/timer:", key=f"{key}-button"):
        with st.spinner(f"Answering for about {SECONDS:.0f} seconds …"):
            st.session_state[key] = _measure(run.id)
    if key in st.session_state:
        milliseconds, said = st.session_state[key]
        st.markdown(f"**{_say(milliseconds)}** on this machine now. {said}")
    st.caption("One forward pass with a batch of one: preparing the picture, averaging over mirror images and scaling "
               "the answer back come on top. What else runs on the machine slows it down.")  # fmt: skip


def _say(milliseconds: float) -> str:
    from core.runs.measures import say_milliseconds  # noqa: PLC0415 - torch takes seconds

    return say_milliseconds(milliseconds)


def _measure(run_id: str) -> tuple[float, str]:
    """Return the median, milliseconds, and how it was measured."""
    from core.runs.measures import measure_latency  # noqa: PLC0415 - torch takes seconds

    predictor, module, images = _open(run_id)
    found = measure_latency(module, images, predictor.compute_for(images), seconds=SECONDS)
    return found.median, found.say()
