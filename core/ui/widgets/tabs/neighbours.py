"""The tab of self-supervision: a picture in; the nearest pictures that a model knows, and their classes, out.

The models of the same experiment that were taught classes answer here too: with their probabilities, and no pictures.
"""

from typing import Any

import gradio as gr

from core.experiments.experiment import Experiment
from core.inference.predictors.neighbours import NeighbourPrediction
from core.ui.widgets.comparison import build_comparison
from core.ui.widgets.frame import (
    EMPTY,
    Shown,
    answer,
    asker,
    beside_question,
    build_times,
    join,
    round_times,
    say_times,
)
from core.ui.widgets.outputs import build_gallery

VOTES = (
    "The share is of the 20 nearest pictures' votes, nearer ones counting more. It is no probability: the network was "
    "never told a class."
)
NOTHING = (None, None, None, EMPTY)
TAUGHT = "This model was taught classes: the shares are its probabilities, and it carries no pictures to show."


def build_neighbours_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        nearest = build_gallery(
            "Nearest pictures, with class and cosine", columns=5, format="jpeg", elem_classes=["samples"]
        )
        classes = gr.Label(label="Classes", num_top_classes=5)
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()
        compared = build_comparison(places=False)

    def predict(
        picture: str | bytes | None, model: str, second_model: str | None = None, use_anyway: bool = False
    ) -> tuple[Any, ...]:
        """Find the pictures that are nearest to an uploaded one.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            second_model: Another one to compare with; empty for none.
            use_anyway: Whether to answer although the picture looks like none for this model.

        Returns:
            The nearest pictures with class and cosine, the classes with their shares of the votes, milliseconds by
            part, notes, a warning where the picture
            looks wrong, and the comparison: both models' answers by swipe and side by side, a map of where they differ,
            and a sentence.
        """
        return answer(
            asker(experiment, picture), (model, second_model), trusted=use_anyway, show=_show, empty=NOTHING
        )  # fmt: skip

    join(
        demo, experiment, question, predict, shown=Shown([nearest, classes, milliseconds, said], NOTHING, compared),
    )  # fmt: skip


def _show(prediction: Any) -> tuple[Any, ...]:
    blind = isinstance(prediction, NeighbourPrediction)
    pictures = prediction.captioned() if blind else []
    said = f"{VOTES if blind else TAUGHT}  \n{say_times(prediction)}"
    return pictures, prediction.ranked(), round_times(prediction), said
