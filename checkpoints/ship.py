"""Turn a finished run into a checkpoint that ships: weights, card, README, scored on the test split.

    python checkpoints/ship.py RUN vessels/chase --data FOLDER --kind "a fundus photograph" --title "…" --source "…"
        --terms "…" --limits "…"

The card names the data set instead of its folder, so that nothing of this machine is in it, and no photograph is kept:
a model that carries pictures to show as the nearest ones ships only if these are drawn.
What was trained is stored; published weights that stayed as they are come from the package that brings them.
Probabilities of a classifier are calibrated on what the run held back. The test split is read here, once, for the
final numbers.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.cli import open_checkpoint
from core.engine.checkpoint import WEIGHTS, Card, load_weights, save_checkpoint
from core.engine.shared_weights import find_borrowed
from core.errors import UserError
from core.experiments import find_experiment
from core.experiments.classification import VAL_CHANGED
from core.experiments.experiment import SYNTHETIC
from core.inference.calibration import calibrate, calibration_of
from core.inference.checkpoints import Checkpoint
from core.inference.evaluation import score_split
from core.inference.intervals import intervals
from core.inference.ood.detector import INPUT
from core.inference.ood.fitting import fit_of_checkpoint
from core.metrics.classification import ClassificationScores
from core.paths import checkpoints_folder
from core.runs.launcher import command_of

SHOWN = (
    "dice", "dice_mean", "iou", "boundary_f1", "miou", "accuracy", "balanced_accuracy", "macro_f1", "sensitivity",
    "specificity", "roc_auc", "pr_auc", "cldice", "calibration_error", "knn_accuracy", "psnr", "ssim", "l1",
    "profile_correlation",
)  # fmt: skip
CARRIES_PICTURES = "neighbours"
FACTS = ("commit", "device", "fingerprint", "machine", "packages", "python")


def build_card(trained: Checkpoint, name: str, fingerprint: str, said: argparse.Namespace) -> Card:
    """Return what is known before anything is scored."""
    card = trained.card
    experiment = find_experiment(card["experiment"])
    config = card["config"] | {"data": name}
    facts = {key: card["facts"][key] for key in FACTS} | {"fingerprint": fingerprint}
    kept = {key: card[key] for key in ("traits",) if key in card}
    return {
        "title": said.title,
        "experiment": card["experiment"],
        "config": config,
        **kept,
        "data": f"{name}. {said.source} Fingerprint {fingerprint}.",
        "terms": said.terms,
        "command": command_of(experiment.slug, experiment.read_config(config)),
        "epoch": card["epoch"],
        "validation": card["validation"],
        "limits": said.limits,
        "caution": experiment.caution,
        "facts": facts,
    }


@contextmanager
def judged_on(trained: Checkpoint, said: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Give the data and the split that a checkpoint is judged on, and what they are called.

    Drawn sets that have no test split of their own are judged on pictures that are drawn anew.
    """
    if not said.drawn_anew:
        yield said.data, said.split, said.split
        return
    experiment = find_experiment(trained.card["experiment"])
    with TemporaryDirectory() as place:
        folder = Path(place) / "drawn"
        experiment.make_data(folder, n=experiment.synthetic_pictures, seed=said.drawn_anew)
        yield str(folder), "train", f"drawn anew with seed {said.drawn_anew}"


def groups_of(trained: Checkpoint, data: str, split: str, names: list[str]) -> list[str]:
    """Return the patient, child or scene of each picture, where the data set says; else the picture."""
    setup = trained.set_up()
    known = {item.name: item.group for item in setup.open_data(data).items(split)}
    return [str(known.get(name, name)) for name in names]


def score(trained: Checkpoint, card: Card, said: argparse.Namespace) -> Card:
    """Return the card with calibration, where it is a classifier, and the scores on a split that it never saw."""
    with judged_on(trained, said) as (data, split, called):
        test = score_split(trained, data=data, split=split)
        groups = groups_of(trained, data, split, list(test.names))
    scaled = test
    if isinstance(test, ClassificationScores):
        held = score_split(trained, data=said.data, split="val")
        copied = trained.card["config"].get("copies")
        changed = score_split(trained, data=said.data, split=VAL_CHANGED) if copied else None
        card = card | {"calibration": calibration_of(held, test, changed)}
        scaled = with_calibration(test, card)
    return card | {
        "test": {
            "split": called,
            "pictures": len(test.names),
            "groups": len(set(groups)),
            "scores": scaled.compute(),
            "intervals": intervals(scaled, groups),
            "second_observer": scaled.reference(),
        }
    }


def with_calibration(scores: ClassificationScores, card: Card) -> ClassificationScores:
    """Return the same answers as the checkpoint gives them."""
    from core.inference.epoch_predictions import with_temperature

    class Holder:
        temperature = 1.0

    holder = Holder()
    calibrate(holder, card)
    again = ClassificationScores(scores.classes, positive=scores.positive)
    again.update(scores.names, with_temperature(scores.probs, holder.temperature), scores.labels)
    return again


def build_readme(card: Card) -> str:
    """Return the card for people."""
    parts = [
        f"# {card['title']}",
        f"**{card['caution']}**" if card["caution"] else "",
        f"Trained on {card['data']}",
        f"Terms of the data: {card['terms']}",
        f"Made by `{card['command']}` (epoch {card['epoch']} kept), commit {card['facts']['commit']}, "
        f"{card['facts']['machine']}.",
        _say_scores(card),
        _say_calibration(card),
        _say_input(card),
        _say_weights(card),
        card["limits"],
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _say_scores(card: Card) -> str:
    test, titles = card["test"], find_experiment(card["experiment"]).score_titles
    drawn = "" if test["groups"] == test["pictures"] else f", of {test['groups']} patients, children or scenes"
    second = bool(test["second_observer"])
    head = ["score", "this network", "95 % interval", *(["second observer"] if second else [])]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for key in (each for each in SHOWN if each in test["scores"]):
        low, high = test["intervals"].get(key, (None, None))
        cells = [titles.get(key, key), f"{test['scores'][key]:.3f}", "" if low is None else f"{low:.3f} to {high:.3f}"]
        if second:
            cells.append(f"{test['second_observer'][key]:.3f}" if key in test["second_observer"] else "")
        rows.append(f"| {' | '.join(cells)} |")
    return (
        f"Scores on {_name_split(test)}{drawn}, which it never saw; "
        "intervals by drawing these again 1,000 times:\n\n" + "\n".join(rows)
    )


def _name_split(test: Card) -> str:
    anew = " " in test["split"]
    return (
        f"{test['pictures']} pictures {test['split']}"
        if anew
        else (f"the {test['pictures']} pictures of its split `{test['split']}`")
    )


def _say_calibration(card: Card) -> str:
    said = card.get("calibration")
    if not said:
        return ""
    held, test = said["calibration_error_held_back"], said["calibration_error_test"]
    changed = (
        " and on a copy of each, changed as in training; on the former" if "chosen_on_changed" in said else ", where"
    )
    text = (
        f"Calibration: logits are divided by {said['temperature']:.3f}, chosen on the {said['chosen_on']} pictures "
        f"that the run held back{changed} the expected calibration error went from "
        f"{held['before']:.3f} to {held['after']:.3f}; on test from {test['before']:.3f} to {test['after']:.3f}."
    )
    if "operating" in said:
        own = said["operating"]
        text += (
            f" Operating threshold {own['threshold']:.3f}, chosen there too: on the test split sensitivity "
            f"{own['sensitivity']:.3f}, specificity {own['specificity']:.3f}."
        )
    return text


def _say_input(card: Card) -> str:
    said = card.get("input_check")
    if not said:
        return "Input check: none, so it answers whatever it is shown."
    own = said["chosen"]
    accepted = (
        f"{100 * own['accepted_of_test']:.1f} % of the {own['tested_on']} of the test split"
        if "tested_on" in own
        else ""
    )
    return (
        f"Input check (`{INPUT}`): a picture is doubted that is not {said['kind']} by its looks or is further than "
        f"{said['distance']:.2f} from {own['points']} points that stand for {own['fitted_on']} training pictures; "
        f"chosen on {own['chosen_on']} held-back ones, of which it accepts {100 * own['accepted_of_held_back']:.1f} % "
        f"({100 * own['accepted_of_changed']:.1f} % of copies that were cropped, turned, mirrored and relit), and "
        f"{accepted}. What it does with other kinds: `benchmarks/input_check.py`."
    )


def _say_weights(card: Card) -> str:
    said = card.get("borrowed")
    return (
        f"Stored is what was trained; {said['tensors']} tensors are {said['weights']}'s published weights, which come "
        f"with the package in requirements.txt (digest {said['digest'][:16]})."
        if said
        else ""
    )


def store(trained: Checkpoint, folder: Path, card: Card, *, half: bool) -> Card:
    """Write weights, card and README, and return the card."""
    parts: dict[str, Any] = trained.set_up().build_task(trained.set_up().build_network(), careful=True).parts()
    load_weights(trained.folder, parts)
    found = find_borrowed(parts)
    if found:
        card = card | {"borrowed": found[0]}
    save_checkpoint(folder, parts, card, left_out=found[1] if found else (), half=half)
    (folder / "README.md").write_text(build_readme(card), encoding="utf-8")
    return card


def refuse_photographs(trained: Checkpoint) -> None:
    """Refuse a model that carries its training pictures, unless they are drawn.

    Raises:
        UserError: If it does.
    """
    data = str(trained.card["config"]["data"])
    if trained.kind == CARRIES_PICTURES and data != SYNTHETIC:
        raise UserError(f"{trained.name} carries pictures of {data} to show as the nearest ones; only drawn ones ship.")


def main() -> None:
    """Ship one run, or renew the input check of a checkpoint that ships already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a run, or the name of a checkpoint that ships and gets its input check anew")
    parser.add_argument("name")
    parser.add_argument("--data", required=True)
    parser.add_argument("--kind", default="", help="what its pictures are called; without, it gets no input check")
    for option in ("title", "source", "terms", "limits"):
        parser.add_argument(f"--{option}", default="")
    parser.add_argument("--split", default="test")
    parser.add_argument("--drawn-anew", type=int, default=0, metavar="SEED", help="judge it on a set drawn with this "
                        "seed, where its own drawn set has no test split")  # fmt: skip
    parser.add_argument("--half", action="store_true", help="store numbers with 16 bits")
    said = parser.parse_args()
    trained = open_checkpoint(said.run)
    experiment = find_experiment(trained.card["experiment"])
    refuse_photographs(trained)
    if said.run == said.name:
        card = dict(trained.card) | ({"limits": said.limits} if said.limits else {})
    else:
        title = said.data if said.data == SYNTHETIC else experiment.check_data(said.data).partition(":")[0]
        card = build_card(trained, title, experiment.open_data(said.data).fingerprint(), said)
    folder = checkpoints_folder() / said.name
    folder.mkdir(parents=True, exist_ok=True)
    card = score(trained, card, said)
    if said.kind:
        check = fit_of_checkpoint(trained, said.kind, data=said.data, split=said.split)
        check.save(folder)
        own = check.bounds
        card["input_check"] = {"kind": own.kind, "distance": own.distance, "chosen": own.chosen}
    card = store(trained, folder, card, half=said.half)
    print(build_readme(card))
    print({each.name: each.stat().st_size for each in folder.iterdir()}, WEIGHTS)


if __name__ == "__main__":
    main()
