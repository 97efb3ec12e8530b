"""Files of the machine that a request must not reach by naming them, and what comes of naming each."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

PATIENCE = 20.0


def named_paths(folder: Path, home: Path, url: str) -> dict[str, str]:
    """Return what a visitor may name, by what it is.

    Args:
        folder: Where an image, a pipe and a link are put: outside the server's own.
        home: The server's, with its database of runs.
        url: Of the server.
    """
    image = folder / "private.png"
    Image.fromarray(np.full((64, 64, 3), 99, np.uint8)).save(image)
    os.mkfifo(folder / "pipe.png")
    (folder / "link.png").symlink_to(image)
    return {
        "a file outside": str(image),
        "a device": "/dev/zero",
        "a pipe": str(folder / "pipe.png"),
        "the database of runs": str(home / "mlflow.db"),
        "a link": str(folder / "link.png"),
        "dots": f"{home}/tried/../../{folder.name}/private.png",
        "a file address": f"file://{image}",
        "a file address as a file": f"file:{image}",
        "this machine": f"{url}/favicon.png",
        "no file": str(folder / "none.png"),
    }


def ask_for(api: str, path: str, *, marked: bool = True) -> Iterator[str]:
    """Yield the events that a demo answers with where its picture is a path of the machine.

    Args:
        api: Address of the widgets.
        path: What is named.
        marked: Whether the request bears the mark by which Gradio tells files.
    """
    mark = {"meta": {"_type": "gradio.FileData"}} if marked else {}
    body = {"data": [{"path": path, **mark}, "", 0.5, "", True]}
    begun = httpx.post(f"{api}/gradio_api/call/vessels", json=body, timeout=PATIENCE)
    assert begun.status_code == 200, begun.text
    event = begun.json()["event_id"]
    with httpx.stream("GET", f"{api}/gradio_api/call/vessels/{event}", timeout=PATIENCE) as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                yield line.removeprefix("event: ")
            if line.startswith("data: ") and "secret" in json.dumps(line):
                raise AssertionError(line)
