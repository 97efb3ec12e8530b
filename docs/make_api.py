"""Write docs/api.md from the widgets themselves: every function of the HTTP API with its types and two examples.

    python docs/make_api.py [--print]

A test holds the file against what this prints, and runs the examples against a real server.
"""

import json
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from core.inference.checkpoints import shipped_checkpoints

NO_MODEL = "RUN"
"""Stands in the examples where no model ships: a run's id is put there."""
SAID: dict[str, Any] = {"use_anyway": True}
"""The examples are drawn pictures, which models of real ones doubt."""
HEAD = """# The HTTP API

Every widget of the page *Predict* is a function that programs can call; its name and its parameters stay. Made by
`python docs/make_api.py`, from the widgets themselves; a test runs the examples.

The address is that of the pages with `/gradio/` behind it, here `http://localhost:8501/gradio/`; where the widgets
run alone (`deploy/space-gradio`) there is no `/gradio/`. A mistake comes back as one sentence: in Python as the text
of an `AppError`, from `curl` as `event: error` with the sentence. Requests wait in a queue for each experiment;
`client.submit(...).status()` tells the place.

Python needs `pip install gradio_client`; `from gradio_client import Client, handle_file` stands before each example.
`model` is a shipped model's name, such as `vessels/chase`, or a run's id; the first model there is if it is empty.

With `curl` a request takes three steps: the picture is uploaded, the function is called, and the answer is fetched as
a stream of events.

```bash
URL=http://localhost:8501/gradio
FILE=$(curl -s -F files=@assets/examples/vessels/drawn_1.jpg $URL/gradio_api/upload | tr -d '[]"')
EVENT=$(curl -s $URL/gradio_api/call/vessels -H 'Content-Type: application/json' \\
  -d '{"data": [{"path": "'$FILE'", "meta": {"_type": "gradio.FileData"}}, "vessels/chase", 0.5, "", false]}' \\
  | cut -d '"' -f 4)
curl -s -N $URL/gradio_api/call/vessels/$EVENT
```

The examples below give what belongs after `-d` in the second step, where `FILE` is what the upload returned. `curl`
has to give every value, in this order; Python may leave out what has a usual value.

Language models can use the same functions as tools (MCP) at `/gradio/gradio_api/mcp/` where the server was started
with `FOVEA_MCP=1` and `pip install "gradio[mcp]"`; it is off otherwise.
"""


def describe() -> str:
    """Return the whole document."""
    from core.ui.widgets.app import build_demo

    demo = build_demo()
    endpoints = demo.get_api_info()["named_endpoints"]
    functions = {f"/{each.api_name}": each.fn for each in demo.fns.values()}
    return "\n".join([HEAD, *(_endpoint(name, told, functions[name]) for name, told in endpoints.items())])


def _endpoint(name: str, told: dict[str, Any], function: Any) -> str:
    """Return one function's section: what it does, a table of what it takes, one of what it gives, the examples."""
    doc, _, rest = (function.__doc__ or "").strip().partition("\n")
    said = _arguments(rest)
    takes = [
        f"| `{each['parameter_name']}` | {_type(each)} | {said.get(each['parameter_name'], '')} |"
        for each in told["parameters"]
    ]
    gives = [f"| {number} | {_label(each)} | {_type(each)} |" for number, each in enumerate(told["returns"], start=1)]
    python, body = _examples(name.removeprefix("/"), told["parameters"])
    return "\n".join([
        f"## `{name}`\n\n{doc}\n\n| takes | type | what |\n|---|---|---|", *takes,
        "\n| gives | what | type |\n|---|---|---|", *gives,
        f"\n```python\n{python}\n```\n\n```json\n{body}\n```\n",
    ])  # fmt: skip


def _label(told: dict[str, Any]) -> str:
    """Return what a widget is called; text that stands by itself on the page has no name there."""
    return "What was done, in words" if told["component"] == "Markdown" else str(told["label"]).replace("|", "and")


def _type(told: dict[str, Any]) -> str:
    if told.get("parameter_name") in ("model", "second_model"):
        return "`str`"  # the list on the page is only what can be chosen there
    return f"`{told['python_type']['type'].replace('|', 'or')}`"


def _arguments(doc: str) -> dict[str, str]:
    """Return what a docstring says of each argument."""
    part = doc.partition("Args:")[2].partition("Returns:")[0]
    pairs = (line.strip().partition(": ") for line in part.splitlines() if ": " in line)
    return {name: text for name, _, text in pairs}


def _examples(slug: str, parameters: list[dict[str, Any]]) -> tuple[str, str]:
    """Return a call in Python and the body of the same with curl."""
    model = next((each.name for each in shipped_checkpoints(slug)), NO_MODEL)
    example = f"assets/examples/{slug}/"
    if slug == "batch":
        first = shipped_checkpoints()[0]
        slug, model, example = first.experiment.slug, first.name, f"assets/examples/{first.experiment.slug}/"
    pictures = iter(sorted((PROJECT / example).glob("*.*g")))
    if not list((PROJECT / example).glob("*.*g")):
        raise SystemExit(f"There are no pictures in {example}; run python assets/draw.py {slug} first.")
    values: list[tuple[str, Any]] = []
    for each in parameters:
        name = each["parameter_name"]
        given: Any = SAID.get(name, each.get("parameter_default"))
        given = {"model": model, "experiment": slug}.get(name, given)
        if name in ("picture", "lanes", "bands"):
            given = next(pictures)
        elif name == "files":
            given = [next(pictures), next(pictures)]
        values.append((name, given))
    told = ", ".join(f"{name}={_python(given)}" for name, given in values)
    body = json.dumps({"data": [_json(given) for _, given in values]})
    api_name = "/batch" if any(name == "files" for name, _ in values) else f"/{slug}"
    return f'answer = Client("http://localhost:8501/gradio/").predict({told}, api_name="{api_name}")', body


def _python(given: Any) -> str:
    if isinstance(given, list):
        return f"[{', '.join(map(_python, given))}]"
    if isinstance(given, Path):
        return f'handle_file("{given.relative_to(PROJECT)}")'
    return json.dumps(given) if isinstance(given, str) else repr(given)


def _json(given: Any) -> Any:
    if isinstance(given, list):
        return [_json(each) for each in given]
    return {"path": "FILE", "meta": {"_type": "gradio.FileData"}} if isinstance(given, Path) else given


def main() -> None:
    text = describe()
    if "--print" in sys.argv:
        sys.stdout.write(text)
    else:
        (PROJECT / "docs" / "api.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
