"""The tab of an experiment with a class for every pixel: a picture in; overlay, map and shares of the classes out."""

import html
from typing import Any

import gradio as gr
from PIL import Image

from core.data.transforms.arrays import shrink_to
from core.experiments.experiment import Experiment
from core.inference.predictors.semantic import ClassMapPrediction
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
NOTHING = (None, None, "", None, None, EMPTY)
ROW = (
    '<tr><td style="width:1.4rem"><span style="display:inline-block;width:1rem;height:1rem;border:1px solid #8888;'
    'background:rgb({colour})"></span></td><td>{name}</td><td style="text-align:right">{share:.1f} %</td></tr>'
)


def build_semantic_tab(demo: gr.Blocks, experiment: Experiment) -> None:
    """Lay out one tab and join its parts; must be called inside ``gr.Blocks``."""
    with beside_question(experiment) as question:
        with gr.Tabs():
            with gr.Tab("Overlay"):
                overlay = build_swipe(position=40)
            with gr.Tab("Map"):
                coloured = build_picture("Class numbers as indexed PNG", kind="png", image_mode=None)
        legend = gr.HTML("", label="Legend", elem_classes="legend")
        said = gr.Markdown(EMPTY, elem_classes="notes")
        shares = gr.JSON(label="Shares", visible=False)
        milliseconds = build_times()
        compared = build_comparison()

    def predict(
        picture: str | bytes | None, model: str, second_model: str | None = None, use_anyway: bool = False
    ) -> tuple[Any, ...]:
        """Tell the class of every pixel of an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.
            second_model: Another one to compare with; empty for none.
            use_anyway: Whether to answer although the picture looks like none for this model.

        Returns:
            The picture and its overlay, the map in colours at the picture's own size, a legend, each class's share from
            0 to 1, milliseconds by part, notes, a warning where the picture
            looks wrong, and the comparison: both models' answers by swipe and side by side, a map of where they differ,
            and a sentence.
        """
        return answer(
            asker(experiment, picture), (model, second_model), trusted=use_anyway, show=_show, empty=NOTHING
        )  # fmt: skip

    join(
        demo, experiment, question, predict,
        shown=Shown([overlay, coloured, legend, shares, milliseconds, said], NOTHING, compared),
    )  # fmt: skip


def _show(prediction: ClassMapPrediction) -> tuple[Any, ...]:
    pair = tuple(shrink_to(each, SHOWN_SIDE) for each in (prediction.pixels, prediction.render_overlay()))
    shares = {name: round(share, 6) for name, share in prediction.shares.items()}
    times = round_times(prediction)
    return pair, render_indexed(prediction), render_legend(prediction), shares, times, say_times(prediction)


def render_indexed(prediction: ClassMapPrediction) -> Image.Image:
    """Return the map as a picture whose pixels are class numbers, and whose palette is the classes' colours."""
    indexed = Image.fromarray(prediction.labels.astype("uint8"))
    indexed.putpalette(prediction.colours.astype("uint8").tobytes())
    return indexed


def render_legend(prediction: ClassMapPrediction) -> str:
    """Return a table of the classes in HTML, the largest share first: colour, name, per cent."""
    rows = []
    for name, share in prediction.shares.items():
        colour = ", ".join(str(each) for each in prediction.colours[prediction.classes.index(name)])
        rows.append(ROW.format(colour=colour, name=html.escape(name), share=100 * share))
    head = '<caption style="text-align:left">Share of the picture</caption>'
    return f'<table style="width:100%;max-width:22rem">{head}<tbody>{"".join(rows)}</tbody></table>'
