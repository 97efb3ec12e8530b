"""What a program or a page gives a widget's function is held against what each input takes, before Gradio reads it.

Gradio's own checks answer in its words and Python's, fill the server's log with tracebacks, and let a request name any
image of the machine as long as it leaves out the mark by which Gradio tells files.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from core.errors import UserError, shorten
from core.ui.widgets.inputs import PictureInput
from core.ui.widgets.refusals import tell_fault, told

FILE_MARK = {"_type": "gradio.FileData"}
UPLOADED = "an uploaded file, as the upload's answer names it"


class NotAllowedError(Exception):
    """Says what an input takes instead of what it was given."""


class CheckedBlocks(gr.Blocks):
    """Widgets that take nothing but what their inputs allow, and answer in sentences of ours."""

    async def preprocess_data(self, block_fn: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        """Hold the inputs against what they take, then let Gradio read them."""
        checked = told(lambda: check_inputs(block_fn, inputs))
        return await super().preprocess_data(block_fn, checked, *rest, **more)

    async def process_api(self, *given: Any, **more: Any) -> Any:
        """Answer a request; of a defect of ours the visitor is told a sentence, and the log has the rest."""
        try:
            return await super().process_api(*given, **more)
        except gr.Error:
            raise
        except Exception as error:
            tell_fault(error)


def check_inputs(function: Any, given: Sequence[Any]) -> list[Any]:
    """Return the inputs as they are to be read.

    Args:
        function: Gradio's: it knows its inputs.
        given: A value for each.

    Raises:
        UserError: If these are too few or too many, or one is not what its input takes.
    """
    parts, names = function.inputs, input_names(function)
    if len(given) != len(parts):
        were = "was" if len(given) == 1 else "were"
        takes = f"{len(parts)} inputs ({', '.join(names)})" if names else "no inputs"
        raise UserError(f"{function.api_name or 'This function'} takes {takes}, and {len(given)} {were} given.")
    return [_check(*each) for each in zip(parts, names, given, strict=True)]


def input_names(function: Any) -> list[str]:
    """Return the inputs' names: those of the parameters, or what stands over them where these have none."""
    known = list(inspect.signature(function.fn).parameters.values()) if function.fn else []
    named = [each.name for each in known if each.kind is each.POSITIONAL_OR_KEYWORD][: len(function.inputs)]
    if len(named) == len(function.inputs):
        return named
    return [str(getattr(each, "label", "") or "input") for each in function.inputs]


def _check(part: Any, name: str, given: Any) -> Any:
    try:
        return _read(part, given)
    except NotAllowedError as error:
        raise UserError(f"{name} was given as {say_given(given)}; give {error}.") from None


def say_given(given: Any) -> str:
    """Say what was given in a few words.

    >>> say_given(float("nan")), say_given(None), say_given([1, 2]), say_given({"path": 5})
    ('NaN', 'null', 'a list of 2', 'an object with path 5')
    """
    if isinstance(given, list):
        return f"a list of {len(given)}"
    if isinstance(given, dict):
        told_of = [name for name in ("path", "url") if name in given]
        return f"an object with {' and '.join(f'{name} {say_given(given[name])}' for name in told_of) or 'no path'}"
    return shorten(json.dumps(given, ensure_ascii=False))


def _read(part: Any, given: Any) -> Any:
    """Return what an input is to read of what it was given.

    Raises:
        NotAllowedError: If it takes something else.
    """
    for kind, read in READERS.items():
        if isinstance(part, kind):
            return read(part, given)
    return given


def _require(allowed: bool, value: Any, instead: str) -> Any:
    if not allowed:
        raise NotAllowedError(instead)
    return value


def _read_number(part: gr.Slider, given: Any) -> Any:
    """Return a slider's number; that which is no number is between no two."""
    whole = part.step == 1
    kind = "a whole number" if whole else "a number"
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    inside = is_number and part.minimum <= given <= part.maximum and (not whole or given == int(given))
    return _require(inside, given, f"{kind} from {part.minimum:g} to {part.maximum:g}")


def _read_choice(part: gr.Dropdown, given: Any) -> Any:
    """Return a choice: one of a list, or any name where it is looked up later."""
    if part.allow_custom_value:
        return _require(given is None or isinstance(given, str), given, "a name, or null for the first one")
    names = [value for _, value in part.choices]
    return _require(isinstance(given, str) and given in names, given, f"one of {', '.join(map(str, names))}")


def _read_picture(_part: Any, given: Any) -> Any:
    """Return an uploaded file, or a picture as a ``data:`` URL; None without one."""
    if given is None:
        return None
    if isinstance(given, dict) and given.get("path") is None:
        address = given.get("url")
        held = isinstance(address, str) and address.startswith("data:")
        return _require(held, {"path": None, "url": address}, f"{UPLOADED}, or its content as a data: URL")
    return _read_file(given)


def _read_files(_part: gr.File, given: Any) -> Any:
    """Return uploaded files, of which one may be given without a list; None without any."""
    return None if given is None else [_read_file(each) for each in (given if isinstance(given, list) else [given])]


def _read_example(part: gr.Dataset, given: Any) -> Any:
    """Return the number of an example."""
    last = len(part.raw_samples) - 1
    return _require(type(given) is int and 0 <= given <= last, given, f"the number of an example, 0 to {last}")


def _read_switch(_part: gr.Checkbox, given: Any) -> bool:
    _require(given is None or isinstance(given, bool), given, "true or false")
    return bool(given)


def _read_text(_part: Any, given: Any) -> Any:
    return _require(given is None or isinstance(given, str), given, "text")


def _read_file(given: Any) -> Any:
    """Return an uploaded file with nothing else that a request may say of it."""
    path = given.get("path") if isinstance(given, dict) else None
    _require(isinstance(path, str) and _is_uploaded(path), None, UPLOADED)
    name = given.get("orig_name")
    return {"path": path, "orig_name": name if isinstance(name, str) else None, "meta": FILE_MARK}


def _is_uploaded(path: str) -> bool:
    """Say whether a path leads to a file in the folder of uploads, links followed."""
    try:
        real = Path(path).resolve(strict=True)
        return real.is_file() and Path(get_upload_folder()).resolve() in real.parents
    except (OSError, RuntimeError, ValueError):
        return False


READERS: Mapping[Any, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        gr.Slider: _read_number,
        PictureInput: _read_picture,
        gr.File: _read_files,
        gr.Dropdown: _read_choice,
        gr.Checkbox: _read_switch,
        gr.Dataset: _read_example,
        gr.Markdown | gr.Textbox | gr.HTML: _read_text,
    }
)
"""How what was given is read, by the kind of the input; others take whatever comes."""
