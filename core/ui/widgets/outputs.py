"""A picture that is shown, not given: to save or to enlarge, and never to send elsewhere."""

from collections.abc import Sequence
from typing import Any, Literal

import gradio as gr

BUTTONS: tuple[Literal["download"], Literal["fullscreen"]] = ("download", "fullscreen")
"""Gradio's third button sends a picture to another site, which nobody wants of a patient's."""
TALLEST = 620


def build_picture(label: str, *, kind: str = "jpeg", height: int = TALLEST, **more: Any) -> gr.Image:
    """Return a place for a picture, which is as high as the picture on a narrow screen.

    Args:
        label: What stands over it.
        kind: Format of the file.
        height: In pixels.
        more: Gradio's.
    """
    return gr.Image(
        label=label, format=kind, interactive=False, height=height, buttons=list(BUTTONS), elem_classes="shown", **more
    )


def build_gallery(label: str, *, elem_classes: Sequence[str] = (), **more: Any) -> gr.Gallery:
    """Return a place for several pictures, as high as they are, each with its caption below it.

    Args:
        label: What stands over it.
        elem_classes: ``samples`` for many small ones, ``beside`` for two.
        more: Gradio's.
    """
    return gr.Gallery(
        label=label, object_fit="contain", interactive=False, buttons=list(BUTTONS),
        elem_classes=["captioned", *elem_classes], **more,
    )  # fmt: skip
