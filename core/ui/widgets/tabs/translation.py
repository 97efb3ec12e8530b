"""The tab of a translation experiment: two templates in; the picture drawn from them, and others with noise, out."""

from typing import Any

import gradio as gr

from core.data.torch_datasets.blots import enlarge
from core.errors import UserError
from core.experiments.experiment import Experiment
from core.inference.predictors.translation import MOST_SAMPLES, TranslationPrediction, TranslationPredictor
from core.ui.widgets.comparison import build_comparison
from core.ui.widgets.frame import (
    Shown,
    answer,
    beside_question,
    build_times,
    choose_predictor,
    join,
    round_times,
    say_times,
    source_of,
)
from core.ui.widgets.outputs import build_gallery, build_picture

SHOWN_SCALE = 8
BOXES = ("Template 1: lanes", "Template 2: bands")
EMPTY = "Give both templates: drop a file on each box, paste them, or click an example below them."
NOTHING = (None, None, None, EMPTY)


def build_translation_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment, pictures=BOXES) as question:
        generated = build_picture("Drawn without noise", kind="png", height=420)
        samples = gr.Slider(
            0, MOST_SAMPLES, 4, step=1, label="Samples",
            info="Further blots from the same templates, each with other noise; none where the network has none.",
        )  # fmt: skip
        others = build_gallery("Drawn with noise", format="png", elem_classes=["samples"])
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()
        compared = build_comparison()

    def predict(
        lanes: str | bytes | None, bands: str | bytes | None, model: str, samples: int,
        second_model: str | None = None, use_anyway: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Draw a blot from two templates.

        Args:
            lanes: Template 1, a picture file that shows each lane as a white stripe on black.
            bands: Template 2, a picture file that shows each band white on black.
            model: A shipped checkpoint's name or a run's id.
            samples: How many further blots to draw with noise, 0 to 16; a network without noise draws none.
            second_model: Another one to compare with; empty for none.
            use_anyway: Whether to answer although the templates look like none for this model.

        Returns:
            The blot with each pixel enlarged to 8×8, the blots with noise likewise, milliseconds by part, notes, a
            warning where the templates look wrong, and the comparison: both models' blots by swipe and side by side, a
            map of where they differ, and a sentence.
        """

        def ask_of(model: str, trusted: bool) -> TranslationPrediction:
            return _ask(experiment, (lanes, bands), model, samples=samples, trusted=trusted)

        return answer(ask_of, (model, second_model), trusted=use_anyway, show=_show, empty=NOTHING)

    join(
        demo, experiment, question, predict, extras=[samples],
        shown=Shown([generated, others, milliseconds, said], NOTHING, compared),
    )  # fmt: skip


def _ask(
    experiment: Experiment, boxes: tuple[str | bytes | None, str | bytes | None], model: str, *, samples: int,
    trusted: bool,
) -> TranslationPrediction:  # fmt: skip
    sources = [source_of(each, EMPTY) for each in boxes]
    predictor = choose_predictor(experiment, model)
    if not isinstance(predictor, TranslationPredictor):
        raise UserError(f"{model} does not draw from templates; choose a model of {experiment.title}.")
    return predictor.predict_pair(*sources, samples=int(samples), trusted=trusted)


def _show(prediction: TranslationPrediction) -> tuple[Any, ...]:
    drawn = [enlarge(each, SHOWN_SCALE) for each in (prediction.generated, *prediction.samples)]
    gallery = [(each, f"Noise {number}") for number, each in enumerate(drawn[1:], start=1)]
    return drawn[0], gallery, round_times(prediction), say_times(prediction)
