"""The tab of an experiment with a class for every pixel: a picture in; overlay, map and shares of the classes out."""

import html
from typing import Any

import gradio as gr

from core.data.raster import shrink_to
from core.experiments.experiment import Experiment
from core.inference.semantic import ClassMapPrediction
from core.ui.demo_frame import EMPTY, ask, beside_question, build_swipe, build_times, join, round_times, say_times, told

SHOWN_SIDE = 1200
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
                coloured = gr.Image(label="A colour for each class", format="png", interactive=False, height=620)
        legend = gr.HTML("", label="Shares of the picture")
        said = gr.Markdown(EMPTY, elem_classes="notes")
        shares = gr.JSON(label="Shares", visible=False)
        milliseconds = build_times()

    def predict(picture: str | bytes | None, model: str) -> tuple[Any, ...]:
        """Tell the class of every pixel of an uploaded picture.

        Args:
            picture: The picture file.
            model: A shipped checkpoint's name or a run's id.

        Returns:
            The picture and its overlay, the map in colours at the picture's own size, a legend, each class's share from
            0 to 1, milliseconds by part, and notes.
        """
        return told(lambda: _predict(experiment, picture, model))

    join(
        demo, experiment, question, predict,
        outputs=[overlay, coloured, legend, shares, milliseconds, said], empty=(None, None, "", None, None, EMPTY),
    )  # fmt: skip


def _predict(experiment: Experiment, picture: str | bytes | None, model: str) -> tuple[Any, ...]:
    prediction = ask(experiment, picture, model)
    pair = tuple(shrink_to(each, SHOWN_SIDE) for each in (prediction.pixels, prediction.render_overlay()))
    shares = {name: round(share, 6) for name, share in prediction.shares.items()}
    times = round_times(prediction)
    return pair, prediction.render_map(), render_legend(prediction), shares, times, say_times(prediction)


def render_legend(prediction: ClassMapPrediction) -> str:
    """Return a table of the classes in HTML, the largest share first: colour, name, per cent."""
    rows = []
    for name, share in prediction.shares.items():
        colour = ", ".join(str(each) for each in prediction.colours[prediction.classes.index(name)])
        rows.append(ROW.format(colour=colour, name=html.escape(name), share=100 * share))
    return f'<table style="width:100%;max-width:22rem"><tbody>{"".join(rows)}</tbody></table>'
