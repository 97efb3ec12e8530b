"""Two pictures of the same thing in one place, with a handle that is moved over them."""

import base64
import json
from pathlib import Path

import streamlit as st

_mount = st.components.v2.component(
    "fovea_swipe", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"), isolate_styles=False
)


def show_swipe(first: Path, second: Path, *, left: str, right: str, key: str) -> None:
    """Draw two JPEG files over each other.

    Args:
        first: Shown left of the handle.
        second: Shown right of it; as large as the first.
        left: What the first is called.
        right: What the second is called.
        key: Identity; unique on the page.
    """
    data = {"first": _inline(first), "second": _inline(second), "left": left, "right": right}
    _mount(key=f"swipe-{key}", data=json.dumps(data))


def _inline(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
