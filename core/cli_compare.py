"""The commands that compare runs and make studies of them; a part of :mod:`core.cli`."""

import argparse
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli_runs import pair, place_of_data, print_json
from core.errors import UserError
from core.paths import as_path
from core.runs.process.fork_client import warm_up

if TYPE_CHECKING:
    from core.runs.run import Run
    from core.runs.store.run_store import RunStore
    from core.studies.study import Study
    from core.studies.subject import Subject
    from core.studies.templates import Template


def add_compare_command(
    command: Callable[..., argparse.ArgumentParser], with_json: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the command to a parser."""
    sub = command("compare", compare_runs, "Say whether one arm is better than another, with the uncertainty.")
    sub.add_argument("runs", nargs="+", metavar="RUN", help="runs of two arms or more; those of one arm are its seeds")
    sub.add_argument("--split", default="test", help="test, train, or val: what the runs held back")
    _add_files(sub)
    with_json(sub)
    study = command("study", make_study, "Train the sides of a question with several seeds, and say what comes of it.")
    study.add_argument("template", metavar="TEMPLATE|STUDY", help="what to ask, or a study that is there; or list")
    study.add_argument("--seeds", type=int, metavar="N", help="of every side; so many more of one that is there")
    study.add_argument("--data", help="name of a data set, or a folder")
    study.add_argument("--recipe", default="", help="from which the sides start")
    study.add_argument(
        "--share", type=float, action="append", default=[], metavar="P", help="part of the training pictures"
    )
    study.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help="change a knob of every side")
    study.add_argument("--split", default="", help="on which the sides are compared: val, or test once all is settled")
    _add_files(study)
    study.add_argument("--wait", action="store_true", help="stay until all runs have ended")
    with_json(study)


def _add_files(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--html", default="", metavar="FILE", help="write a report there that opens without a network")
    sub.add_argument("--no-pictures", action="store_true", help="leave sample predictions out of the report")
    sub.add_argument("--remark", action="append", default=[], metavar="TEXT", help="a sentence of yours for the report")
    sub.add_argument("--csv", default="", metavar="FILE", help="write all their curves there")


def compare_runs(options: argparse.Namespace) -> int:
    """Score the runs on a split, picture by picture, and print what may be claimed."""
    from core.runs.reaping import reap
    from core.runs.store.run_store import RunStore
    from core.studies.subject import find_subject

    store = RunStore()
    reap(store)
    return _print_conclusion(store, find_subject(store, runs=options.runs, split=options.split), options)


def _print_conclusion(store: "RunStore", subject: "Subject", options: argparse.Namespace, *, study: str = "") -> int:
    from core.inference.scores import check_scorable, kept_scores, score
    from core.studies.comparison import Rows, as_json
    from core.studies.conclusion import conclude
    from core.studies.report import write_report
    from core.studies.table import write_curves

    def rows_of(run: "Run") -> Rows:
        if kept_scores(store, run, split) is None:
            print(f"scoring run {run.short_id} ({run.config['arm']}, seed {run.config['seed']}) on {split}",
                  file=sys.stderr)  # fmt: skip
        return score(store, run, split).rows

    split, sides = subject.split, subject.sides
    refuse_nowhere(options.csv, options.html)
    if options.csv:
        with Path(options.csv).open("w", newline="", encoding="utf-8") as file:
            write_curves(store, [(side.name, run) for side in sides for run in side.runs], file)
    check_scorable(store, [run for side in sides for run in side.runs], split)
    found = conclude(sides, split, rows_of)
    if options.html:
        text = write_report(store, subject, found, remarks=options.remark, pictures=not options.no_pictures)
        Path(options.html).write_text(text, encoding="utf-8")
    if options.json:
        return print_json({
            **({"study": study} if study else {}), "score": found.score.key, "split": split,
            "sides": [as_json(side) | {"means": means} for side, means in zip(sides, found.means, strict=True)],
            "verdicts": [each.as_json() for each in found.claims], "caveat": subject.caveat,
        })  # fmt: skip
    for side, means in zip(sides, found.means, strict=True):
        print(f"{side.name}: {sum(means) / len(means):.4g} ({', '.join(f'{each:.4g}' for each in means)})")
    print("\n".join([each.said for each in found.claims] + [subject.caveat] * bool(subject.caveat)))
    return 0


def refuse_nowhere(*paths: str) -> None:
    """Refuse files that could not be written, before anything is trained for them.

    Raises:
        UserError: If the folder of one is not there.
    """
    for path in filter(None, paths):
        if not as_path(path).absolute().parent.is_dir():
            raise UserError(f"{path} cannot be written: there is no such folder; make it first.")


def make_study(options: argparse.Namespace) -> int:
    """Launch a study, or show and extend one that is there."""
    from core.inference.scores import check_scorable
    from core.runs.reaping import reap
    from core.runs.store.run_store import RunStore
    from core.studies.study import MOST_RUNS, extend_study, open_study, studies
    from core.studies.subject import subject_of_study
    from core.studies.templates import find_template

    if options.seeds is not None and not 1 <= options.seeds <= MOST_RUNS:
        raise UserError(f"seeds was given as {options.seeds}; a whole number from 1 to {MOST_RUNS} is allowed.")
    store = RunStore()
    reap(store)
    refuse_nowhere(options.csv, options.html)
    if options.template == "list":
        return _list_studies(studies(store.runs()), options)
    if re.search(r"-[0-9a-f]{8}$", options.template):
        study = open_study(store, options.template)
        if options.seeds:
            warm_up()
            study = extend_study(store, study, options.seeds)
    else:
        study = _launch(store, find_template(options.template), options)
    print(f"study {study.id}: {len(study.runs)} runs", file=sys.stderr)
    check_scorable(store, study.runs, options.split or study.split)  # not only once all runs have trained
    if options.wait:
        study = _follow_study(store, study)
    options.split = options.split or study.split
    if not study.is_over or len(study.sides) < 2:
        return _print_runs(study, options)
    return _print_conclusion(store, subject_of_study(study, options.split), options, study=study.id)


def _launch(store: "RunStore", template: "Template", options: argparse.Namespace) -> "Study":
    from core.studies.study import launch_study, plan

    changes = dict(pair(each) for each in options.set)
    warm_up()
    configs = plan(
        template, data=place_of_data(options.data), seeds=range(options.seeds or template.seeds),
        recipe=options.recipe, shares=options.share, changes=changes,
    )  # fmt: skip
    split = options.split or "val"
    return launch_study(store, template, configs, split=split, say=lambda text: print(text, file=sys.stderr))


def _follow_study(store: "RunStore", study: "Study") -> "Study":
    from core.inference.scores import is_being_scored
    from core.runs.queue import dispatch
    from core.studies.study import open_study

    said = ""
    while not study.is_over or any(is_being_scored(store, run, study.split) for run in study.runs):
        dispatch(store)
        ended = sum(run.is_final for run in study.runs)
        line = f"{ended} of {len(study.runs)} runs have ended"
        if line != said:
            print(line, file=sys.stderr)
            said = line
        time.sleep(1.0)
        study = open_study(store, study.id)
    return study


def _print_runs(study: "Study", options: argparse.Namespace) -> int:
    rows = [
        {"run": run.id, "side": study.title_of(run), "seed": run.config["seed"], "state": run.state,
         "reason": run.reason}
        for run in study.runs
    ]  # fmt: skip
    if options.json:
        return print_json({"study": study.id, "split": study.split, "runs": rows, "verdicts": []})
    for row in rows:
        print(f"{row['run'][:8]}  {row['side']}  seed {row['seed']}  {row['state']}  {row['reason']}")
    return 0


def _list_studies(found: "list[Study]", options: argparse.Namespace) -> int:
    from core.studies.templates import templates

    if options.json:
        return print_json({
            "templates": [{"slug": each.slug, "question": each.question} for each in templates().values()],
            "studies": [{"study": each.id, "runs": [run.id for run in each.runs], "over": each.is_over}
                        for each in found],
        })  # fmt: skip
    for each in templates().values():
        print(f"{each.slug}: {each.question}")
    for study in found:
        print(f"{study.id}  {len(study.runs)} runs, {'over' if study.is_over else 'under way'}")
    return 0
