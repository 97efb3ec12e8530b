"""The tab of a translation experiment: two templates in; the picture drawn from them, and others with noise, out."""

from typing import Any

import gradio as gr

from core.data.blot_pictures import enlarge
from core.errors import UserError
from core.experiments.experiment import Experiment
from core.inference.translation import MOST_SAMPLES, TranslationPredictor
from core.ui.demo_frame import (
    beside_question,
    build_times,
    choose_predictor,
    join,
    round_times,
    say_times,
    source_of,
    told,
)

SHOWN_SCALE = 8
BOXES = ("Template 1: lanes", "Template 2: bands")
EMPTY = "Give both templates: drop a file on each box, paste them, or click an example below."


def build_translation_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment, pictures=BOXES) as question:
        generated = gr.Image(label="Drawn without noise", format="png", interactive=False, height=420)
        samples = gr.Slider(
            0, MOST_SAMPLES, 4, step=1, label="Samples",
            info="Further blots from the same templates, each with other noise; none where the network has none.",
        )  # fmt: skip
        others = gr.Gallery(
            label="Drawn with noise", format="png", height=300, object_fit="contain", interactive=False,
            elem_classes="samples",
        )  # fmt: skip
        said = gr.Markdown(EMPTY, elem_classes="notes")
        milliseconds = build_times()

    def predict(lanes: str | bytes | None, bands: str | bytes | None, model: str, samples: int) -> tuple[Any, ...]:
        """Draw a blot from two templates.

        Args:
            lanes: Template 1, a picture file that shows each lane as a white stripe on black.
            bands: Template 2, a picture file that shows each band white on black.
            model: A shipped checkpoint's name or a run's id.
            samples: How many further blots to draw with noise, 0 to 16; a network without noise draws none.

        Returns:
            The blot with each pixel enlarged to 8×8, the blots with noise likewise, milliseconds by part, and notes.
        """
        return told(lambda: _predict(experiment, lanes, bands, model, samples))

    join(
        demo, experiment, question, predict, extras=[samples], outputs=[generated, others, milliseconds, said],
        empty=(None, None, None, EMPTY),
    )  # fmt: skip


def _predict(
    experiment: Experiment, lanes: str | bytes | None, bands: str | bytes | None, model: str, samples: int
) -> tuple[Any, ...]:
    sources = [source_of(each, EMPTY) for each in (lanes, bands)]
    predictor = choose_predictor(experiment, model)
    if not isinstance(predictor, TranslationPredictor):
        raise UserError(f"{model} does not draw from templates; choose a model of {experiment.title}.")
    prediction = predictor.predict_pair(*sources, samples=int(samples))
    drawn = [enlarge(each, SHOWN_SCALE) for each in (prediction.generated, *prediction.samples)]
    gallery = [(each, f"Noise {number}") for number, each in enumerate(drawn[1:], start=1)]
    return drawn[0], gallery, round_times(prediction), say_times(prediction)
