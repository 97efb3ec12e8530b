"""The tab of self-supervision: a picture in; the nearest pictures that a model knows, and their classes, out.

The models of the same experiment that were taught classes answer here too: with their probabilities, and no pictures.
"""

from typing import Any

import gradio as gr

from core.experiments.experiment import Experiment
from core.inference.neighbours import NeighbourPrediction
from core.ui.demo_frame import EMPTY, ask, beside_question, build_times, join, round_times, say_times, told

VOTES = (
    "The share is of the 20 nearest pictures' votes, nearer ones counting more. It is no probability: the network was "
    "never told a class."
)
TAUGHT = "This model was taught classes: the shares are its probabilities, and it carries no pictures to show."


def build_neighbours_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        nearest = gr.Gallery(
            label="Nearest pictures, with class and cosine", columns=5, height=320, object_fit="contain",
            interactive=False, format="jpeg",
        )  # fmt: skip
        answer = gr.Label(label="Classes", num_top_classes=5)
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()

    def predict(picture: str | bytes | None, model: str) -> tuple[Any, ...]:
        """Find the pictures that are nearest to an uploaded one.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.

        Returns:
            The nearest pictures with class and cosine, the classes with their shares of the votes, milliseconds by
            part, and notes.
        """
        return told(lambda: _predict(experiment, picture, model))

    join(demo, experiment, question, predict, outputs=[nearest, answer, milliseconds, said],
         empty=(None, None, None, EMPTY))  # fmt: skip


def _predict(experiment: Experiment, picture: str | bytes | None, model: str) -> tuple[Any, ...]:
    prediction = ask(experiment, picture, model)
    blind = isinstance(prediction, NeighbourPrediction)
    pictures = prediction.captioned() if blind else []
    said = f"{VOTES if blind else TAUGHT}  \n{say_times(prediction)}"
    return pictures, prediction.ranked(), round_times(prediction), said
