"""The tab of a reconstruction experiment: a picture in; its reconstruction, the difference, PSNR and SSIM out."""

from typing import Any

import gradio as gr

from core.data.raster import shrink_to
from core.experiments.experiment import Experiment
from core.tasks.reconstruction import DIFFERENCE_SCALE
from core.ui.demo_frame import EMPTY, ask, beside_question, build_swipe, build_times, join, round_times, say_times, told

SHOWN_SIDE = 1200


def build_reconstruction_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        with gr.Tabs():
            with gr.Tab("Result"):
                both = build_swipe(position=50)
            with gr.Tab("Difference"):
                difference = gr.Image(
                    label=f"Difference ×{DIFFERENCE_SCALE}, black 0", format="jpeg", interactive=False, height=620
                )
            with gr.Tab("Bypass"):
                emptied = gr.Image(
                    label="Result with the bottleneck emptied", format="jpeg", interactive=False, height=620
                )
        score = gr.Textbox(
            label="Likeness to the picture", interactive=False, elem_classes="share", max_lines=1
        )  # fmt: skip
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()

    def predict(picture: str | bytes | None, model: str) -> tuple[Any, ...]:
        """Send an uploaded picture through an autoencoder.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.

        Returns:
            The picture and its reconstruction, five times their difference, the reconstruction with the bottleneck
            emptied, PSNR and SSIM, milliseconds by part, and notes.
        """
        return told(lambda: _predict(experiment, picture, model))

    join(
        demo, experiment, question, predict,
        outputs=[both, difference, emptied, score, milliseconds, said],
        empty=(None, None, None, "", None, EMPTY),
    )  # fmt: skip


def _predict(experiment: Experiment, picture: str | bytes | None, model: str) -> tuple[Any, ...]:
    prediction = ask(experiment, picture, model)
    pixels, made, difference, emptied = (
        shrink_to(each, SHOWN_SIDE)
        for each in (prediction.pixels, prediction.reconstruction, prediction.difference, prediction.emptied)
    )
    said = f"{prediction.say_emptied()}  \n{say_times(prediction)}"
    return (pixels, made), difference, emptied, prediction.say_scores(), round_times(prediction), said
