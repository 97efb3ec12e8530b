"""Hugging Face's ZeroGPU lends a GPU for the length of one call to functions that are marked for it."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar, cast

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def lend_gpu(answer: FunctionT) -> FunctionT:
    """Return a function that runs with a GPU where the package ``spaces`` is there, else the function itself.

    The whole answer is marked, not the network's pass: it is run in a process of its own, to which file names and
    numbers can be sent but no network.
    """
    if importlib.util.find_spec("spaces") is None:
        return answer
    return cast(FunctionT, importlib.import_module("spaces").GPU(answer))
