"""The tab of a classification experiment: a picture in; the most probable classes and milliseconds out."""

from typing import Any

import gradio as gr

from core.experiments.experiment import Experiment
from core.ui.demo_frame import EMPTY, ask, beside_question, build_times, join, round_times, say_times, told


def build_classification_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        answer = gr.Label(label="Most probable classes", num_top_classes=5)
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()

    def predict(picture: str | bytes | None, model: str) -> tuple[Any, ...]:
        """Tell the class of an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.

        Returns:
            The most probable classes with their probabilities, milliseconds by part, and notes.
        """
        return told(lambda: _predict(experiment, picture, model))

    join(demo, experiment, question, predict, outputs=[answer, milliseconds, said], empty=(None, None, EMPTY))


def _predict(experiment: Experiment, picture: str | bytes | None, model: str) -> tuple[Any, ...]:
    prediction = ask(experiment, picture, model)
    return prediction.ranked(), round_times(prediction), say_times(prediction)
