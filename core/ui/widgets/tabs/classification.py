"""The tab of a classification experiment: a picture in; the most probable classes, and where they come from, out."""

from typing import Any, NamedTuple

import gradio as gr

from core.errors import UserError
from core.experiments.experiment import Experiment
from core.inference.explanations.grad_cam import say_method
from core.inference.explanations.similar_images import SHOWN, find_similar
from core.inference.predictors.classification import ClassificationPredictor, ClassPrediction
from core.ui.widgets.comparison import build_comparison
from core.ui.widgets.frame import (
    EMPTY,
    Shown,
    answer,
    asker,
    beside_question,
    build_swipe,
    build_times,
    choose_predictor,
    join,
    round_times,
    say_times,
)
from core.ui.widgets.outputs import build_gallery

NOTHING = (None, None, EMPTY, None, None)


class _Parts(NamedTuple):
    """What a tab shows of an answer, and the switches for what it shows on demand."""

    classes: gr.Label
    said: gr.Markdown
    milliseconds: gr.JSON
    explain: gr.Checkbox
    heat: gr.ImageSlider
    similar: gr.Checkbox
    nearest: gr.Gallery


def build_classification_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        parts = _build_parts()
        compared = build_comparison(places=False)

    def predict(
        picture: str | bytes | None, model: str, second_model: str | None = None, use_anyway: bool = False,
        explain: bool = False, similar: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Tell the class of an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            second_model: Another one to compare with; empty for none.
            use_anyway: Whether to answer although the picture looks like none for this model.
            explain: Whether to show what speaks for the answer, place by place.
            similar: Whether to look for the most similar training pictures.

        Returns:
            The most probable classes with their probabilities, milliseconds by part, notes, the picture and what
            speaks for the answer, the most similar training pictures, a warning where the picture looks wrong, and
            the comparison: both models' answers by swipe and side by side, nothing, and a sentence.
        """

        def show(prediction: ClassPrediction) -> tuple[Any, ...]:
            return _show(experiment, model, prediction, explain=explain, similar=similar)

        return answer(
            asker(experiment, picture), (model, second_model), trusted=use_anyway, show=show, empty=NOTHING
        )  # fmt: skip

    shown = [parts.classes, parts.milliseconds, parts.said, parts.heat, parts.nearest]
    join(
        demo, experiment, question, predict, later=[parts.explain, parts.similar],
        shown=Shown(shown, NOTHING, compared),
    )  # fmt: skip
    for switch, place in ((parts.explain, parts.heat), (parts.similar, parts.nearest)):
        kind = type(place)
        switch.change(
            lambda on, kind=kind: kind(visible=on), switch, place, api_visibility="private", queue=False
        )  # fmt: skip


def _build_parts() -> _Parts:
    classes = gr.Label(label="Most probable classes", num_top_classes=5)
    said = gr.Markdown(EMPTY, elem_classes="notes")
    milliseconds = build_times()
    explain = gr.Checkbox(False, label="Show where it looks")
    heat = build_swipe(
        position=50, label="Picture | where it looks: drag the line", visible=False, elem_classes="filled"
    )
    similar = gr.Checkbox(
        False,
        label=f"Show the {SHOWN} most similar training pictures",
        info="Where the data set is on this machine. The first time it takes a while, to look through it.",
    )
    nearest = build_gallery(
        "Most similar training pictures, with class and cosine",
        columns=6,
        format="jpeg",
        visible=False,
        elem_classes=["samples", "filled"],
    )
    return _Parts(classes, said, milliseconds, explain, heat, similar, nearest)


def _show(
    experiment: Experiment, model: str, prediction: ClassPrediction, *, explain: bool, similar: bool
) -> tuple[Any, ...]:
    """Return the classes, milliseconds, notes, explanation and similar pictures of a prediction."""
    predictor = choose_predictor(experiment, model)
    assert isinstance(predictor, ClassificationPredictor)
    operating = prediction.say_operating()
    notes = [f"{operating} **{experiment.caution}**" if operating else "", say_times(prediction)]
    heat, nearest = None, None
    if explain:
        heat = predictor.explain_pixels(prediction.pixels, prediction.label)
        method = say_method(predictor.network_of_classes)
        notes.append(f"{method}: the hotter a place, the more it speaks for the most probable class.")
    if similar:
        try:
            found = find_similar(predictor, prediction.pixels)
            nearest = [(each.pixels, f"{each.label}, {each.cosine:.3f}") for each in found]
        except UserError as error:
            notes.append(str(error))
    said = "  \n".join(each for each in notes if each)
    return prediction.ranked(), round_times(prediction), said, heat, nearest
