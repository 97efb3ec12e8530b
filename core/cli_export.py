"""The command that writes a checkpoint for use elsewhere; a part of :mod:`core.cli`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli_runs import Command, WithJson, print_json
from core.errors import UserError

if TYPE_CHECKING:
    from core.inference.checkpoints import Checkpoint


def add_export_command(command: Command, with_json: WithJson, find: "Callable[[str], Checkpoint]") -> None:
    """Add the command to a parser.

    Args:
        command: Makes a command.
        with_json: Gives it ``--json``.
        find: Returns a checkpoint by what the user typed.
    """
    export = command("export", lambda options: write_checkpoint(options, find), "Write a network for use elsewhere.")
    export.add_argument("source", metavar="RUN|CHECKPOINT")
    export.add_argument("--onnx", default="", metavar="FILE", help="ONNX, once it answers as PyTorch does")
    export.add_argument("--folder", default="", metavar="DIR", help="safetensors, card and README as on the Hub")
    with_json(export)


def write_checkpoint(options: argparse.Namespace, find: "Callable[[str], Checkpoint]") -> int:
    """Write what was asked for."""
    if not options.onnx and not options.folder:
        raise UserError("Nothing was asked for; give --onnx FILE, --folder DIR, or both.")
    checkpoint = find(options.source)
    written: dict[str, Any] = {}
    if options.onnx:
        from core.inference.export.onnx import export_onnx

        written["onnx"] = export_onnx(checkpoint, Path(options.onnx))
    if options.folder:
        from core.inference.export.hub_folder import export_folder

        written["folder"] = export_folder(checkpoint, Path(options.folder))
    if options.json:
        return print_json({"checkpoint": checkpoint.name} | {name: each.as_json() for name, each in written.items()})
    for each in written.values():
        print(each.say())
    return 0
