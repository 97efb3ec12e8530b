"""The tab of a segmentation experiment: a picture in; overlay, probabilities, share and milliseconds out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from core.data.raster import Pixels
from core.errors import UserError
from core.experiments.experiment import Experiment
from core.inference.predictor import MaskPrediction
from core.paths import PROJECT
from core.ui.model_choice import first_choice, list_choices, list_shipped, open_predictor
from core.ui.picture_input import PictureInput
from core.ui.segmentation_view import SegmentationView

ResultT = TypeVar("ResultT")
Redrawn = tuple[tuple[Pixels, Pixels], str]
EMPTY = "Give a picture: drop a file on the box, paste one, or click an example below it."


def build_segmentation_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    view = gr.State(None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            shipped = list_shipped(experiment)
            model = gr.Dropdown(
                shipped,
                value=shipped[0][1] if shipped else None,
                label="Model",
                allow_custom_value=True,
                info="Shipped models first, then your runs.",
            )
            picture = PictureInput(label="Picture", sources=["upload", "clipboard", "webcam"], height=300)
            run = gr.Button("Find the vessels", variant="primary")
            examples = _examples(experiment, picture)
            gr.Markdown(experiment.caution, elem_classes="caution")
        with gr.Column(scale=3, min_width=300):
            with gr.Tabs():
                with gr.Tab("Overlay"):
                    overlay = gr.ImageSlider(
                        label="Picture | result: drag the line", format="jpeg", slider_position=40,
                        interactive=False, max_height=620,
                    )  # fmt: skip
                with gr.Tab("Probability"):
                    probability = gr.Image(
                        label="Black 0, pale yellow 1", format="jpeg", interactive=False, height=620
                    )  # fmt: skip
            threshold = gr.Slider(
                0.01, 0.99, 0.5, step=0.01, label="Threshold",
                info="Probability from which a pixel counts as vessel. Moving it does not run the network again.",
            )  # fmt: skip
            share = gr.Textbox(
                label="Vessel share of the field of view", interactive=False, elem_classes="share", max_lines=1
            )  # fmt: skip
            said = gr.Markdown(EMPTY, elem_classes="notes")
            milliseconds = gr.JSON(label="Milliseconds", visible=False)

    def predict(picture: str | bytes | None, model: str, threshold: float) -> tuple[Any, ...]:
        """Find the foreground in an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            threshold: Probability from which a pixel counts as foreground, 0.01 to 0.99.

        Returns:
            The picture and its overlay, the probability map, the share in per cent, milliseconds by part, and notes.
        """
        return _told(lambda: _predict(picture, model or first_choice(experiment), threshold))

    inputs, outputs = [picture, model, threshold], [overlay, probability, share, milliseconds, said, view]
    asked = {"inputs": inputs, "outputs": outputs, "concurrency_id": "network"}
    gr.on([run.click], predict, api_name=experiment.slug, **asked)
    # A second picture that comes while the first is worked on is not dropped, as Gradio would.
    gr.on([picture.upload], predict, api_visibility="private", trigger_mode="always_last", **asked)
    picture.clear(lambda: (None, None, "", None, EMPTY, None), None, outputs, api_visibility="private", queue=False)
    examples.load_input_event.then(predict, api_visibility="private", **asked)
    threshold.input(
        _redraw, [view, threshold], [overlay, share], show_progress="hidden", trigger_mode="always_last",
        api_visibility="private",
    )  # fmt: skip

    def refresh(request: gr.Request) -> Any:
        return _choices(experiment, str(request.query_params.get("run", "")))

    demo.load(refresh, outputs=model, api_visibility="private")


def _examples(experiment: Experiment, picture: gr.Image) -> Any:
    folder = PROJECT / "assets" / "examples" / experiment.slug
    return gr.Examples([[str(path)] for path in sorted(folder.glob("*.jpg"))], [picture], label="Examples (drawn)")


def _choices(experiment: Experiment, wanted: str) -> Any:
    """Return the models of this moment; the one named in the page's address is chosen."""
    choices = list_choices(experiment)
    names = [name for _, name in choices]
    chosen = next((name for name in names if wanted and name.startswith(wanted)), names[0] if names else None)
    return gr.Dropdown(choices, value=chosen)


def _predict(picture: str | bytes | None, model: str, threshold: float) -> tuple[Any, ...]:
    if picture is None:
        raise UserError(EMPTY)
    source = picture if isinstance(picture, bytes) else Path(picture)
    prediction = open_predictor(model).predict_file(source)
    view = SegmentationView.of(prediction)
    both, share = _redraw(view, threshold)
    milliseconds = {part: round(value, 1) for part, value in prediction.milliseconds.items()}
    return both, view.probability_map(), share, milliseconds, _say(prediction), view


def _say(prediction: MaskPrediction) -> str:
    """Say what was done to the picture and how long each part took."""
    parts = prediction.milliseconds
    times = ", ".join(f"{part} {value:.0f}" for part, value in parts.items())
    took = f"{sum(parts.values()):.0f} ms: {times}."
    return "  \n".join([took, *prediction.notes])


def _redraw(view: SegmentationView | None, threshold: float) -> Any:
    """Show the kept prediction at another threshold."""
    if view is None:
        return None, ""
    return (view.pixels, view.overlay(threshold)), f"{100 * view.share(threshold):.2f} %"


def _told(act: Callable[[], ResultT]) -> ResultT:
    """Turn a user's mistake into Gradio's message."""
    try:
        return act()
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error
