"""The tab of a reconstruction experiment: a picture in; its reconstruction, the difference, PSNR and SSIM out."""

from typing import Any

import gradio as gr

from core.data.transforms.arrays import shrink_to
from core.experiments.experiment import Experiment
from core.inference.predictors.reconstruction import ReconstructionPrediction
from core.tasks.reconstruction import DIFFERENCE_SCALE
from core.ui.widgets.comparison import build_comparison
from core.ui.widgets.frame import (
    EMPTY,
    Shown,
    answer,
    asker,
    beside_question,
    build_swipe,
    build_times,
    join,
    round_times,
    say_times,
)
from core.ui.widgets.outputs import build_picture

SHOWN_SIDE = 1200
NOTHING = (None, None, None, "", None, EMPTY)


def build_reconstruction_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        with gr.Tabs():
            with gr.Tab("Result"):
                both = build_swipe(position=50)
            with gr.Tab("Difference"):
                difference = build_picture(f"Difference ×{DIFFERENCE_SCALE}, black 0")
            with gr.Tab("Bypass"):
                emptied = build_picture("Result with the bottleneck emptied")
        score = gr.Textbox(
            label="Likeness to the picture", interactive=False, elem_classes=["share", "long"], max_lines=1
        )  # fmt: skip
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()
        compared = build_comparison()

    def predict(
        picture: str | bytes | None, model: str, second_model: str | None = None, use_anyway: bool = False
    ) -> tuple[Any, ...]:
        """Send an uploaded picture through an autoencoder.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            second_model: Another one to compare with; empty for none.
            use_anyway: Whether to answer although the picture looks like none for this model.

        Returns:
            The picture and its reconstruction, five times their difference, the reconstruction with the bottleneck
            emptied, PSNR and SSIM, milliseconds by part, notes, a warning where the picture
            looks wrong, and the comparison: both models' answers by swipe and side by side, a map of where they differ,
            and a sentence.
        """
        return answer(
            asker(experiment, picture), (model, second_model), trusted=use_anyway, show=_show, empty=NOTHING
        )  # fmt: skip

    join(
        demo, experiment, question, predict,
        shown=Shown([both, difference, emptied, score, milliseconds, said], NOTHING, compared),
    )  # fmt: skip


def _show(prediction: ReconstructionPrediction) -> tuple[Any, ...]:
    pixels, made, difference, emptied = (
        shrink_to(each, SHOWN_SIDE)
        for each in (prediction.pixels, prediction.reconstruction, prediction.difference, prediction.emptied)
    )
    said = f"{prediction.say_emptied()}  \n{say_times(prediction)}"
    return (pixels, made), difference, emptied, prediction.say_scores(), round_times(prediction), said
