"""The tab of a segmentation experiment: a picture in; overlay, probabilities, share and milliseconds out."""

from typing import Any

import gradio as gr

from core.experiments.experiment import Experiment
from core.ui.demo_frame import EMPTY, ask, beside_question, build_swipe, build_times, join, round_times, say_times, told
from core.ui.segmentation_view import SegmentationView


def build_segmentation_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    view = gr.State(None)
    with beside_question(experiment) as question:
        with gr.Tabs():
            with gr.Tab("Overlay"):
                overlay = build_swipe(position=40)
            with gr.Tab("Probability"):
                probability = gr.Image(
                    label="Black 0, pale yellow 1", format="jpeg", interactive=False, height=620
                )  # fmt: skip
        threshold = gr.Slider(
            0.01, 0.99, 0.5, step=0.01, label="Threshold",
            info="Probability from which a pixel counts as foreground. Moving it does not run the network again.",
        )  # fmt: skip
        share = gr.Textbox(label=experiment.share_title, interactive=False, elem_classes="share", max_lines=1)
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()

    def predict(picture: str | bytes | None, model: str, threshold: float) -> tuple[Any, ...]:
        """Find the foreground in an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            threshold: Probability from which a pixel counts as foreground, 0.01 to 0.99.

        Returns:
            The picture and its overlay, the probability map, the share in per cent, milliseconds by part, and notes.
        """
        return told(lambda: _predict(experiment, picture, model, threshold))

    join(
        demo, experiment, question, predict, extras=[threshold],
        outputs=[overlay, probability, share, milliseconds, said, view], empty=(None, None, "", None, EMPTY, None),
    )  # fmt: skip
    threshold.input(
        _redraw, [view, threshold], [overlay, share], show_progress="hidden", trigger_mode="always_last",
        api_visibility="private",
    )  # fmt: skip


def _predict(experiment: Experiment, picture: str | bytes | None, model: str, threshold: float) -> tuple[Any, ...]:
    prediction = ask(experiment, picture, model)
    view = SegmentationView.of(prediction)
    both, share = _redraw(view, threshold)
    return both, view.probability_map(), share, round_times(prediction), say_times(prediction), view


def _redraw(view: SegmentationView | None, threshold: float) -> Any:
    """Show the kept prediction at another threshold."""
    if view is None:
        return None, ""
    return (view.pixels, view.overlay(threshold)), f"{100 * view.share(threshold):.2f} %"
