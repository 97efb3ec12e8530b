"""Every tab's own function, with a small network of random weights behind it."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.experiments import catalogue
from core.ui.demos import build_demo
from tests.inference.untrained import untrained

SLIDERS = {"threshold": 0.5, "samples": 1}


def handlers(models: Path) -> dict[str, Callable[[Path], tuple[Any, ...]]]:
    """Return what answers a picture's path, by the name of the function in the HTTP API.

    Args:
        models: Where the networks are stored.
    """
    demo = build_demo()
    functions = {str(each.api_name): each.fn for each in demo.fns.values() if each.api_visibility == "public"}
    found: dict[str, Callable[[Path], tuple[Any, ...]]] = {}
    for slug, experiment in catalogue().items():
        model = untrained(slug, experiment.arms[0].slug, models / slug).name
        function = functions[slug]
        assert function is not None
        names = list(inspect.signature(function).parameters)

        def answer(path: Path, function: Any = function, names: list[str] = names, model: str = model) -> Any:
            known = {**SLIDERS, "model": model}
            pictures = {"picture": str(path), "lanes": str(path), "bands": str(path)}
            return function(
                **{name: {**known, **pictures}[name] for name in names if name in known or name in pictures}
            )

        found[slug] = answer

    def many(path: Path) -> Any:
        return functions["batch"]([str(path)], "vessels", str(models / "vessels"))  # type: ignore[misc]

    found["batch"] = many
    return found
