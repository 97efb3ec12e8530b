"""The part of every widget that shows two models on one picture: by swipe, side by side, and where they differ."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.data.transforms.arrays import shrink_to
from core.inference.comparing import Compared
from core.ui.widgets.outputs import build_gallery, build_picture

SHOWN_SIDE = 1200
NONE = (None, None, None, "")
"""What the parts show where no second model was chosen."""


@dataclass(frozen=True)
class ComparisonPlace:
    """Where two models' answers are shown.

    Attributes:
        parts: Swipe, both pictures, map of differences, sentence: the last outputs of every widget's function.
        whole: What holds them; it is seen once there is a sentence.
    """

    parts: tuple[Any, ...]
    whole: Any


def build_comparison(*, places: bool = True) -> ComparisonPlace:
    """Lay it out, hidden; must be called inside ``gr.Blocks``.

    Args:
        places: Whether answers lie on the picture. Classes do not: a swipe would cut their names, and no map is drawn.
    """
    heading = gr.Markdown("#### Two models on this picture", visible=False)
    said = gr.Markdown("", elem_classes="notes")  # outside, because what is hidden with its parent tells no change
    with gr.Column(visible=False) as whole, gr.Tabs(selected="swipe" if places else "beside"):
        with gr.Tab("Swipe", id="swipe", visible=places):
            swipe = gr.ImageSlider(
                label="First model | second model: drag the line", format="jpeg", slider_position=50,
                interactive=False, max_height=620,
            )  # fmt: skip
        with gr.Tab("Side by side", id="beside"):
            beside = build_gallery(
                "First model, second model", columns=2, format="jpeg", preview=False, elem_classes=["beside"]
            )
        with gr.Tab("Where they differ", id="difference", visible=places):
            difference = build_picture("Where they differ", kind="png")
    said.change(
        lambda text: (gr.Markdown(visible=bool(text)), gr.Column(visible=bool(text))), said, [heading, whole],
        api_visibility="private", queue=False,
    )  # fmt: skip
    return ComparisonPlace((swipe, beside, difference, said), whole)


def show_comparison(compared: Compared | None) -> tuple[Any, ...]:
    """Return what the parts show."""
    if compared is None:
        return NONE
    first, second = (shrink_to(each, SHOWN_SIDE) for each in (compared.first, compared.second))
    apart = None if compared.difference is None else shrink_to(compared.difference, SHOWN_SIDE)
    return (first, second), [(first, "First model"), (second, "Second model")], apart, compared.said
