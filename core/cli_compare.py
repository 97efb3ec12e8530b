"""The command that compares runs; a part of :mod:`core.cli`."""

import argparse
import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli_runs import print_json

if TYPE_CHECKING:
    from core.runs.run import Run
    from core.runs.store import RunStore
    from core.studies.comparison import Side


def add_compare_command(
    command: Callable[..., argparse.ArgumentParser], with_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the command to a parser."""
    sub = command("compare", compare_runs, "Say whether one arm is better than another, with the uncertainty.")
    sub.add_argument("runs", nargs="+", metavar="RUN", help="runs of two arms or more; those of one arm are its seeds")
    sub.add_argument("--split", default="test", help="test, train, or val: what the runs held back")
    sub.add_argument("--csv", default="", metavar="FILE", help="write all their curves there")
    with_json(sub)


def compare_runs(options: argparse.Namespace) -> int:
    """Score the runs on a split, picture by picture, and print what may be claimed."""
    from core.experiments import find_experiment
    from core.runs.store import RunStore
    from core.studies.comparison import as_json, comparable, compare, group, say_verdict, scores_of
    from core.studies.verdict import correct_for_many

    store = RunStore()
    sides = group([store.get(each) for each in dict.fromkeys(options.runs)])
    first = sides[0].runs[0]
    score = find_experiment(first.slug).score_of(str(first.config["arm"]))
    tables = [[_score(store, run, options.split) for run in side.runs] for side in sides]
    score = comparable(score, [row for seeds in tables for rows in seeds for row in rows])
    values = [scores_of(rows, score.key) for rows in tables]
    verdicts = [compare(values[0], other, score) for other in values[1:]]
    corrected = correct_for_many([each.p for each in verdicts])
    said = [
        say_verdict(verdict, sides[0].name, side.name, score, p=p)
        for verdict, side, p in zip(verdicts, sides[1:], corrected, strict=True)
    ]
    if options.csv:
        _write_curves(store, sides, Path(options.csv))
    if options.json:
        rows = [
            {"first": sides[0].name, "second": side.name, "difference": each.difference, "low": each.low,
             "high": each.high, "p": p, "pictures": each.pictures, "seeds": each.seeds, "decided": each.is_decided,
             "said": sentence}
            for each, side, p, sentence in zip(verdicts, sides[1:], corrected, said, strict=True)
        ]  # fmt: skip
        return print_json(
            {"score": score.key, "split": options.split, "sides": [as_json(each) for each in sides], "verdicts": rows}
        )
    print("\n".join(said))
    return 0


def _score(store: "RunStore", run: "Run", split: str) -> list[dict[str, float]]:
    """Return the scores of each picture; they are kept beside the weights that they are of."""
    from core.files import write_atomically
    from core.inference.checkpoints import find_checkpoint
    from core.inference.evaluation import evaluate

    path = store.folder(run.id) / "scores" / f"{split}-epoch-{run.best_epoch}.json"
    if path.exists():
        known: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
        return known
    print(f"scoring run {run.short_id} ({run.config['arm']}, seed {run.config['seed']}) on {split}", file=sys.stderr)
    folder = store.fetch(run.id, "checkpoint/best")
    rows = evaluate(find_checkpoint(str(folder), lambda _: folder), split=split).per_picture
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(rows).encode())
    return rows


def _write_curves(store: "RunStore", sides: "list[Side]", path: Path) -> None:
    """Write every number of every run: a line for each point."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["side", "run", "seed", "key", "step", "value", "time"])
        for side in sides:
            for run in side.runs:
                table.writerows(_points(store, side.name, run))


def _points(store: "RunStore", name: str, run: "Run") -> list[list[Any]]:
    return [
        [name, run.id, run.config.get("seed"), key, step, value, at]
        for key in store.metric_keys(run.id)
        for step, value, at in store.history(run.id, key)
    ]
