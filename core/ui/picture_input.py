"""Gradio's picture box, without Gradio's own reading of the file."""

import base64
import binascii
from typing import Any

import gradio as gr

from core.errors import UserError


def build_picture_input(**options: Any) -> gr.Image:
    """Return a picture box that hands the uploaded file on as it came.

    One reader then judges all files alike, here and in the command line. The box's own method is replaced on the
    object, because Gradio writes a stub file into the source folder for every subclass of a component.
    """
    box = gr.Image(**options)
    vars(box)["preprocess"] = _as_it_came
    return box


def _as_it_came(payload: Any) -> str | bytes | None:
    """Return the uploaded file's path, or the bytes of a data URL; None without a picture."""
    if payload is None:
        return None
    return str(payload.path) if payload.path else _bytes_of(payload.url or "")


def _bytes_of(address: str) -> bytes:
    """Return what a ``data:`` URL holds.

    Raises:
        UserError: If it is another address, or damaged.
    """
    head, _, body = address.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise UserError("The picture was given as an address; upload the file itself.")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise UserError("The picture's data URL is damaged; upload the file itself.") from error
