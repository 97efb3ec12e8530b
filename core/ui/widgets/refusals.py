"""A mistake in what the widgets were given, as Gradio shows it: the sentence alone, and nothing in the server's log."""

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import gradio as gr
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from gradio.route_utils import FnIndexInferError
from starlette.responses import JSONResponse

from core.errors import UserError, say_environment, shorten
from core.public import hide_places

ResultT = TypeVar("ResultT")
Handler = Callable[[Request, Any], Any]
NAMED = re.compile(r"/(?:call/v2|call|run|api)/(?P<name>[^/]*)")
"""The function that a request names in its address."""
NUMBERED = re.compile(r"/(?:queue/join|component_server|(?:run|api)/[^/]*)/?$")
"""How the addresses end whose requests may name a function or a component by its number."""
BODY = 'Send a JSON object whose "data" is the list of the inputs; the page of the API says what each function takes.'


def told(act: Callable[[], ResultT]) -> ResultT:
    """Turn a user's mistake into Gradio's message."""
    try:
        return act()
    except UserError as error:
        raise gr.Error(hide_places(str(error)), print_exception=False) from error


def tell_fault(error: Exception) -> NoReturn:
    """Turn a defect of ours into a sentence; Gradio writes the whole of it into the server's log.

    Raises:
        Error: Always.
    """
    said = say_environment(error) or f"The program itself failed ({type(error).__name__}); the server's log says how."
    raise gr.Error(hide_places(said)) from error


def handlers() -> dict[type[Exception], Handler]:
    """Return what answers a request that reaches no function, by the exception that Gradio raises there."""
    return {
        RequestValidationError: _tell_form,
        FnIndexInferError: _tell_unknown,
        KeyError: _tell_unknown,
        TypeError: _tell_inputs,
    }


def _answer(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence, "error": sentence}, status)


async def _tell_form(_request: Request, error: RequestValidationError) -> JSONResponse:
    """Say which parts of a request have another form: a body that is no JSON object, ``data`` that is no list."""
    places = {".".join(map(str, each["loc"][1:])) for each in error.errors() if each["type"] != "json_invalid"}
    wrong = " and ".join(sorted(places - {""}))
    return _answer(422, f"{wrong or 'The body'} is missing or has another form. {BODY}")


async def _tell_unknown(request: Request, error: Exception) -> JSONResponse:
    """Say that there is no such function, where it is that."""
    found = NAMED.search(request.url.path)
    name = found["name"] if found else ""
    numbered = _is_number(error) and NUMBERED.search(request.url.path) is not None
    if isinstance(error, KeyError) and error.args[:1] != (f"/{name}",) and not numbered:
        raise error  # a defect of ours
    given = "of that number" if numbered else repr(shorten(name))
    return _answer(404, f"There is no function {given} here; the page of the API lists them.")


def _is_number(error: Exception) -> bool:
    return isinstance(error, KeyError) and bool(error.args) and isinstance(error.args[0], int)


async def _tell_inputs(request: Request, error: TypeError) -> JSONResponse:
    """Say that an input has no such name, or that one is missing, where inputs are given by their names."""
    said = str(error)
    wrong = re.search(r"Parameter `(.*)` is not|required argument: (.*)", said, re.DOTALL)
    if "/call/v2/" not in request.url.path or wrong is None:
        raise error  # a defect of ours
    name, verb = (wrong[1], "is no input of") if wrong[1] is not None else (wrong[2], "is missing for")
    slug = NAMED.search(request.url.path)
    return _answer(
        422, f"{shorten(name)} {verb} {slug['name'] if slug else 'this function'}; the page of the API lists all."
    )
