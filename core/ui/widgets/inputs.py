"""Gradio's picture box, without Gradio's own reading of the file."""

import base64
import binascii
from typing import Any

import gradio as gr

from core.errors import UserError
from core.ui.widgets.refusals import told


class PictureInput(gr.Image):
    """Hands the uploaded file on as it came, so that one reader judges all files, here and in the command line.

    Gradio writes a stub file beside this one when the class is made; git does not keep it.
    """

    is_template = True  # the browser shows it with Image's own parts

    def preprocess(self, payload: Any) -> str | bytes | None:  # type: ignore[override]
        """Return the uploaded file's path, or the bytes of a data URL; None without a picture."""
        if payload is None:
            return None
        return str(payload.path) if payload.path else told(lambda: _bytes_of(payload.url or ""))


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
