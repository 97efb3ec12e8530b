"""Turn a finished run into a checkpoint that ships: weights, card, README, scored on the test split.

    python checkpoints/ship.py RUN vessels/chase --data FOLDER --title "…" --source "…" --terms "…" --limits "…"

The card names the data set instead of its folder, so that nothing of this machine is in it. The test split is read
here, once, for the final numbers.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.cli import open_checkpoint
from core.engine.checkpoint import Card, load_weights, save_checkpoint
from core.experiments import find_experiment
from core.inference.evaluation import Evaluation, evaluate
from core.paths import checkpoints_folder
from core.runs.launcher import command_of

SHOWN = ("dice", "dice_mean", "iou", "sensitivity", "specificity", "roc_auc", "pr_auc", "cldice")


def build_card(card: Card, name: str, scored: Evaluation, said: argparse.Namespace) -> Card:
    experiment = find_experiment(card["experiment"])
    config = card["config"] | {"data": name}
    facts = {key: card["facts"][key] for key in ("commit", "device", "fingerprint", "machine", "packages", "python")}
    return {
        "title": said.title,
        "experiment": card["experiment"],
        "config": config,
        "data": f"{name}. {said.source} Fingerprint {facts['fingerprint']}.",
        "terms": said.terms,
        "command": command_of(experiment.slug, experiment.read_config(config)),
        "epoch": card["epoch"],
        "validation": card["validation"],
        "test": {
            "split": "test",
            "pictures": len(scored.per_picture),
            "scores": scored.scores,
            "second_observer": scored.human,
        },
        "limits": said.limits,
        "caution": experiment.caution,
        "facts": facts,
    }


def build_readme(card: Card) -> str:
    test = card["test"]
    rows = [
        f"| {find_experiment(card['experiment']).score_titles[key]} | {test['scores'][key]:.3f} | "
        + (f"{test['second_observer'][key]:.3f} |" if key in test["second_observer"] else "|")
        for key in SHOWN
    ]
    table = "\n".join(["| score | this network | second observer |", "|---|---|---|", *rows])
    return f"""# {card["title"]}

**{card["caution"]}**

Trained on {card["data"]}

Terms of the data: {card["terms"]}

Made by `{card["command"]}` (epoch {card["epoch"]} kept), commit {card["facts"]["commit"]}, {card["facts"]["machine"]}.

Scores on the {test["pictures"]} pictures of its test split, which it never saw, inside the field of view, pooled:

{table}

{card["limits"]}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("name")
    for option in ("data", "title", "source", "terms", "limits"):
        parser.add_argument(f"--{option}", required=True)
    said = parser.parse_args()
    trained = open_checkpoint(said.run)
    experiment = find_experiment(trained.card["experiment"])
    scored = evaluate(trained, data=said.data)
    title = experiment.check_data(said.data).partition(":")[0]
    card = build_card(trained.card, title, scored, said)
    network = trained.set_up().build_network()
    load_weights(trained.folder, {"network": network})
    folder = checkpoints_folder() / said.name
    save_checkpoint(folder, {"network": network}, card)
    (folder / "README.md").write_text(build_readme(card))
    print(build_readme(card))


if __name__ == "__main__":
    main()
