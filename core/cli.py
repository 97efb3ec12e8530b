"""The command line, a contract: other programs rely on these words.

``--json`` prints one document on standard output and nothing else there; progress goes to standard error. A user's
mistake is one sentence on standard error and exit status 2.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core.cli_compare import add_compare_command
from core.cli_export import add_export_command
from core.cli_runs import add_run_commands, follow, pair, place_of_data, print_json, result_of, say_best
from core.errors import UserError, brief, say_environment
from core.runs.process.fork_client import warm_up

if TYPE_CHECKING:
    from core.config import RunConfig
    from core.experiments.experiment import Experiment
    from core.inference.checkpoints import Checkpoint
    from core.inference.evaluation import Evaluation
    from core.inference.predictors.predictor import Prediction
    from core.runs.run import Run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what no text does
    try:
        options = build_parser().parse_args(arguments)
        return int(options.run(options))
    except UserError as error:
        print(brief(str(error)), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except RecursionError:
        print("What was given is nested too deeply; give something simpler.", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output has enough of it, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # what the machine did not allow is said in a sentence; all else is a defect of ours
        said = say_environment(error)
        if not said:
            raise
        print(brief(said), file=sys.stderr)
        return 2


MOST_PORT = 65_535
MOST_DRAWN = 1_000_000
"""More synthetic pictures than this at once are a mistake."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}; see {self.prog} --help.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(prog="python -m core", description="Fovea: train, compare and try vision models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: Any, summary: str) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run)
        return sub

    def with_json(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--json", action="store_true", help="print one JSON document")

    with_json(command("experiments", show_experiments, "List what can be trained."))
    train = command("train", train_run, "Start a training in the background.")
    guess = command("estimate", estimate_run, "Say how long a training would take, from a second of its real steps.")
    for sub in (train, guess):
        sub.add_argument("slug", metavar="SLUG", help="experiment, e.g. vessels")
        sub.add_argument("--arm", default="", help="which answer to the experiment's question")
        sub.add_argument("--recipe", default="", help="named set of knob values")
        sub.add_argument("--data", help="name of a data set, or a folder")
        sub.add_argument("--seed", default="0", help="start of every random choice")
        sub.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help="change a knob of the recipe")
        with_json(sub)
    train.add_argument("--wait", action="store_true", help="stay until the run has ended")
    add_run_commands(command, with_json)
    add_compare_command(command, with_json)
    evaluate = command("evaluate", evaluate_checkpoint, "Score a run or checkpoint on a split.")
    evaluate.add_argument("source", metavar="RUN|CHECKPOINT")
    evaluate.add_argument("--data", help="name or folder; the data it was trained on by default")
    evaluate.add_argument("--split", default="test", help="test, train, or val: what the run held back")
    with_json(evaluate)
    predict = command("predict", predict_pictures, "Show what a run or checkpoint makes of pictures.")
    predict.add_argument("source", metavar="RUN|CHECKPOINT")
    predict.add_argument("pictures", nargs="+", metavar="IMAGE", help="a picture, or a folder of pictures")
    predict.add_argument("--out", default="", metavar="DIR", help="write masks, probabilities and overlays there")
    predict.add_argument("--csv", default="", metavar="FILE", help="write a row for each picture there")
    predict.add_argument("--template", default="", metavar="CSV", help="give the CSV the shape of this one (test.csv)")
    with_json(predict)
    add_export_command(command, with_json, open_checkpoint)
    _add_data_commands(command("data", show_data_help, "Make data sets."))
    serve = command("serve", serve_pages, "Open the pages in a browser.")
    serve.add_argument("--port", type=int, default=8501)
    work = command("work", work_on_run, "Train a recorded run in this process; started by the launcher.")
    work.add_argument("run_id", metavar="RUN")
    return parser


def _add_data_commands(data: argparse.ArgumentParser) -> None:
    kinds = data.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    make = kinds.add_parser("make", help="Write synthetic pictures in the real set's own layout.")
    make.add_argument("slug", metavar="SLUG")
    make.add_argument("--out", required=True, metavar="DIR")
    make.add_argument("--n", type=int, default=40, help="number of pictures")
    make.add_argument("--seed", type=int, default=0)
    make.set_defaults(run=make_data)
    place = kinds.add_parser("place", help="Say how many pictures there are, how unlike ImageNet's, and whether the "
                                           "test pictures come from elsewhere.")  # fmt: skip
    place.add_argument("slug", metavar="SLUG")
    place.add_argument("--data", help="name of a data set, or a folder")
    place.add_argument("--json", action="store_true")
    place.set_defaults(run=place_data)


def show_data_help(options: argparse.Namespace) -> int:
    """Refuse ``data`` without a further word."""
    raise UserError("Say what to do with data: make or place.")


def show_experiments(options: argparse.Namespace) -> int:
    """List the catalogue."""
    from core.experiments import catalogue

    rows = [
        {
            "slug": each.slug, "title": each.title, "question": each.question, "monitor": each.monitor,
            "arms": {arm.slug: arm.summary for arm in each.arms},
            "recipes": {recipe.slug: recipe.summary for recipe in each.recipes},
            "knobs": {knob.name: {"help": knob.help, "default": knob.default, "allowed": knob.allowed}
                      for knob in each.config_type.knobs() if knob.group != "Identity"},
        }
        for each in catalogue().values()
    ]  # fmt: skip
    if options.json:
        return print_json(rows)
    for row in rows:
        arms, recipes = (", ".join(row[key]) for key in ("arms", "recipes"))
        print(f"{row['slug']}: {row['question']}\n  arms: {arms}  recipes: {recipes}")
    return 0


def train_run(options: argparse.Namespace) -> int:
    """Launch a run, and with ``--wait`` follow it to its end."""
    experiment, config = _asked_for(options)
    warm_up()  # it imports while this process does
    for said in experiment.announce(config):
        print(said, file=sys.stderr)
    from core.runs.launcher import launch
    from core.runs.run import FINISHED, SCHEDULED
    from core.runs.store.run_store import RunStore

    store = RunStore()
    run = launch(store, experiment.slug, config)
    done = "queued" if run.status == SCHEDULED and not run.worker else "started"
    print(f"run {run.id} {done}; log: {store.files.log_path(run.id)}", file=sys.stderr)
    if options.wait:
        run = follow(store, run.id)
    if options.json:
        print_json(result_of(run))
    else:
        print(f"{run.id}  {run.state}  {say_best(run)}  {run.reason}")
    return 0 if run.status == FINISHED or not options.wait else 1


def estimate_run(options: argparse.Namespace) -> int:
    """Print what a run would cost; nothing is recorded, and what it decodes is kept for the run."""
    experiment, config = _asked_for(options)
    from core.runs.estimate import estimate

    found = estimate(experiment, config, say=lambda text: print(text, file=sys.stderr))
    if options.json:
        return print_json(found.as_json())
    print(
        f"{found.seconds:.0f} s in all: {found.preparation:.1f} s of preparation, {found.epochs} epochs of "
        f"{found.steps} steps of {found.step:.3f} s and {found.validation:.1f} s of validation; {found.memory} MiB"
    )
    return 0


def _asked_for(options: argparse.Namespace) -> "tuple[Experiment, RunConfig]":
    from core.experiments import find_experiment

    experiment = find_experiment(options.slug)
    changes = dict(pair(each) for each in options.set)
    config = experiment.config(
        arm=options.arm,
        recipe=options.recipe,
        data=place_of_data(options.data),
        seed=_seed(options.seed),
        changes=changes,
    )
    return experiment, config


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"seed was given as {text!r}; a whole number is allowed.") from None


def open_checkpoint(source: str) -> "Checkpoint":
    """Find a checkpoint by what the user typed, in the default store if it is a run."""
    return _find(source)[0]


def _find(source: str) -> "tuple[Checkpoint, Run | None]":
    """Return a checkpoint, and the run that it is of where the user named one."""
    from core.inference.checkpoints import find_checkpoint

    named: list[Run] = []

    def run_folder(run_id: str) -> Path:
        from core.runs.store.run_store import RunStore

        store = RunStore()
        named.append(store.get(run_id))
        return store.files.fetch(named[0].id, "checkpoint/best")

    checkpoint = find_checkpoint(source, run_folder)
    return checkpoint, named[0] if named else None


def evaluate_checkpoint(options: argparse.Namespace) -> int:
    """Score a checkpoint; what a run reaches on its own data is kept."""
    checkpoint, run = _find(options.source)
    found = _evaluate(checkpoint, run, place_of_data(options.data), options.split)
    if options.json:
        return print_json({"checkpoint": checkpoint.name, "split": options.split} | found.as_json())
    print(f"{checkpoint.name} on {len(found.per_picture)} pictures of {options.split}, {found.seconds:.1f} s")
    for key, value in found.scores.items():
        beside = f"   second observer {found.human[key]:.4f}" if key in found.human else ""
        print(f"  {key:18} {value:.4f}{beside}")
    return 0


def _evaluate(checkpoint: "Checkpoint", run: "Run | None", data: str, split: str) -> "Evaluation":
    from core.inference.evaluation import evaluate

    if run is None or data or not run.best_epoch:
        return evaluate(checkpoint, data=data, split=split)
    from core.inference.scores import evaluate_run, kept_evaluation
    from core.runs.store.run_store import RunStore

    store = RunStore()
    if kept_evaluation(store, run, split) is not None:
        print("These weights were scored on these pictures before; what was found then is told.", file=sys.stderr)
    found, is_kept = evaluate_run(store, run, split)
    if not is_kept:
        print(f"The data were changed since run {run.short_id} was trained; these scores are not kept.",
              file=sys.stderr)  # fmt: skip
    return found


def predict_pictures(options: argparse.Namespace) -> int:
    """Predict pictures; one that cannot be read is told and the others go on."""
    checkpoint = open_checkpoint(options.source)
    from core.inference.batch import Given, predict_many
    from core.inference.export.csv import write_table
    from core.inference.export.files import distinct_names, save_prediction
    from core.inference.predictors.kinds import load_predictor

    if options.template and not options.csv:
        raise UserError("--template was given without --csv; name the file to write with --csv FILE.")

    names = _pictures_of(options.pictures)
    file_names = distinct_names(names)

    def keep(prediction: "Prediction", name: str) -> dict[str, Any]:
        return {"files": save_prediction(prediction, Path(options.out), file_names[name])} if options.out else {}

    rows: list[dict[str, Any]] = []
    given = [Given(name, Path(name)) for name in names]
    for row, said in predict_many(load_predictor(checkpoint), given, keep):
        rows.append(row)
        if "error" in row:
            print(row["error"], file=sys.stderr)
        if row.get("warning"):
            print(f"{row['image']}: {row['warning']}", file=sys.stderr)
        if said and not options.json:
            print(f"{row['image']}: {said}")
    if options.csv:
        write_table(Path(options.csv), rows, Path(options.template) if options.template else None)
    if options.json:
        print_json({"checkpoint": checkpoint.name, "predictions": rows})
    return 2 if any("error" in row for row in rows) else 0


def _pictures_of(names: list[str]) -> list[str]:
    """Return the names of pictures; a folder stands for all pictures in it.

    Raises:
        UserError: If a folder holds none.
    """
    from core.data.dataset import say_left_out
    from core.data.layouts.visible_files import list_deeper_pictures, list_others, list_pictures

    found: list[str] = []
    for name in names:
        folder = Path(name)
        inside = [str(path) for path in list_pictures(folder)] if folder.is_dir() else [name]
        others, deeper = (list_others(folder), list_deeper_pictures(folder)) if folder.is_dir() else ([], [])
        said = [say_left_out(others, "of a kind that is not read", what="file")] if others else []
        said += [say_left_out(deeper, f"deeper in folders of {name}")] if deeper else []
        if not inside:
            raise UserError(" ".join([f"The folder {name} holds no pictures; give one that does, or pictures.", *said]))
        for sentence in said:
            print(sentence, file=sys.stderr)
        found += inside
    return found


def make_data(options: argparse.Namespace) -> int:
    """Write a synthetic data set."""
    from core.experiments import find_experiment

    start = time.perf_counter()
    if not 1 <= options.n <= MOST_DRAWN:
        raise UserError(f"n was given as {options.n}; a whole number from 1 to {MOST_DRAWN:,} is allowed.")
    if options.seed < 0:
        raise UserError(f"seed was given as {options.seed}; a whole number of at least 0 is allowed.")
    find_experiment(options.slug).make_data(Path(options.out), n=options.n, seed=options.seed)
    print(f"{options.n} pictures in {options.out}, {time.perf_counter() - start:.1f} s")
    return 0


def place_data(options: argparse.Namespace) -> int:
    """Say where a data set stands."""
    from core.experiments import find_experiment
    from core.experiments.experiment import SYNTHETIC
    from core.inference.data_diagnosis.measuring import place
    from core.inference.data_diagnosis.report import say_advice, say_place, say_shift

    placed = place(
        find_experiment(options.slug), place_of_data(options.data) or SYNTHETIC,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    if options.json:
        return print_json(placed.as_json())
    print("\n".join(each(placed).replace("**", "") for each in (say_place, say_advice, say_shift)))
    return 0


def serve_pages(options: argparse.Namespace) -> int:
    """Start the pages as ``streamlit run streamlit_app.py`` does."""
    import subprocess

    from core.paths import PROJECT

    if not 1 <= options.port <= MOST_PORT:
        raise UserError(f"port was given as {options.port}; a whole number from 1 to {MOST_PORT} is allowed.")
    words = ["-m", "streamlit", "run", str(PROJECT / "streamlit_app.py"), "--server.port", str(options.port)]
    return subprocess.call([sys.executable, *words], cwd=PROJECT)


def work_on_run(options: argparse.Namespace) -> int:
    """Train a recorded run here, and score it for the studies it belongs to."""
    from core.runs.process.worker import work
    from core.runs.run import FINISHED
    from core.runs.store.run_store import RunStore

    store = RunStore()
    status = work(store, options.run_id)
    run = store.get(options.run_id)
    if run.studies:
        from core.inference.scores import score_for_studies

        score_for_studies(store, run)
    return 0 if status == FINISHED else 1
