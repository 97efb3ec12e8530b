"""Hits, misses and false alarms over a picture, with sliders that answer in the browser."""

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import streamlit as st

from core.data.transforms.arrays import Pixels

if TYPE_CHECKING:
    from core.inference.image_errors import CheckedPicture

LABELLED, OUTSIDE = 101, 255
"""What is added to a level where a pixel is labelled; what stands where it does not count. The program in the browser
knows both."""
QUALITY = 90
_mount = st.components.v2.component(
    "fovea_errors", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"), isolate_styles=False
)


def show_errors(sides: Sequence[tuple[str, "CheckedPicture"]], *, key: str, memory: str) -> float:
    """Draw one picture as one network sees it, or as two do, one over the other or side by side.

    Args:
        sides: Name of each, and the same picture by it.
        key: Identity; unique on the page, and another for another picture.
        memory: Pictures with the same one share a threshold that the visitor moved.

    Returns:
        The threshold, 0 to 1, where the visitor left it.
    """
    first = sides[0][1]
    data = {
        "key": key, "memory": memory, "name": first.name, "picture": inline(first.pixels),
        "width": first.pixels.shape[1], "height": first.pixels.shape[0],
        "sides": [{"name": name, **describe(seen)} for name, seen in sides],
    }  # fmt: skip
    state = _mount(key=f"errors-{key}", data=json.dumps(data), on_threshold_change=lambda: None)
    moved = state.get("threshold") if state else None
    return first.threshold if moved is None else float(moved)


def describe(seen: "CheckedPicture") -> dict[str, Any]:
    """Return what the browser needs of a picture beside the picture itself."""
    return {
        "bytes": base64.b64encode(zlib.compress(pack(seen).tobytes(), 6)).decode(),
        "hits": seen.hits.tolist(), "alarms": seen.false_alarms.tolist(), "labelled": seen.labelled,
        "threshold": seen.threshold,
    }  # fmt: skip


def pack(seen: "CheckedPicture") -> Pixels:
    """Return a byte for each pixel ``(h, w)``: its level, plus 101 where it is labelled; 255 where it counts not."""
    packed = seen.levels + LABELLED * seen.truth.astype(np.uint8)
    packed[~seen.inside] = OUTSIDE
    return packed


def inline(pixels: Pixels) -> str:
    """Return a picture ``(h, w, 3)`` as a JPEG in an address."""
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()
