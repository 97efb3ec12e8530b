"""Every tab's own function, as a program calls it, and with a small network of random weights behind it."""

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from core.experiments import catalogue
from core.inference.checkpoints import Checkpoint
from core.paths import home
from tests.inference.untrained import record_untrained, untrained

SLIDERS = {"threshold": 0.5, "samples": 1}
PICTURES = ("picture", "lanes", "bands")


def functions(demo: gr.Blocks) -> dict[str, Callable[..., Any]]:
    """Return the public functions by their names in the HTTP API."""
    return {
        str(each.api_name): each.fn
        for each in demo.fns.values()
        if each.api_visibility == "public" and each.fn is not None
    }


def ask(demo: gr.Blocks, slug: str, *given: Any) -> Any:
    """Call a tab's function as its button does."""
    return functions(demo)[slug](*given)


def handlers(demo: gr.Blocks, models: Path) -> dict[str, Callable[[Path], tuple[Any, ...]]]:
    """Return what answers a picture's path, by the name of the function in the HTTP API.

    Args:
        demo: The widgets.
        models: Where the networks are stored, each when it is first asked.
    """

    @cache
    def weights_of(slug: str) -> Checkpoint:
        return untrained(slug, catalogue()[slug].arms[0].slug, models / slug)

    @cache
    def recorded(_home: Path, slug: str) -> str:
        return record_untrained(weights_of(slug))

    def model_of(slug: str) -> str:
        return recorded(home(), slug)

    def answer(slug: str, path: Path) -> Any:
        known = {**SLIDERS, "model": model_of(slug), **dict.fromkeys(PICTURES, str(path))}
        names = inspect.signature(functions(demo)[slug]).parameters
        return functions(demo)[slug](**{name: known[name] for name in names if name in known})

    found = {slug: lambda path, slug=slug: answer(slug, path) for slug in catalogue()}
    found["batch"] = lambda path: ask(demo, "batch", [str(path)], "reconstruction", model_of("reconstruction"))
    return found
