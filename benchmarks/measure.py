"""What every experiment and arm reaches on real pictures: trains, evaluates, keeps the numbers, prints the table.

    python benchmarks/measure.py --pictures FOLDER [--only WORD]...    train and evaluate the rows whose name has a word
    python benchmarks/measure.py --table                               print README's table from the numbers kept

FOLDER holds the public sets under the names used below. Each row is one `train --wait` and, if it has a test split,
one `evaluate` by the command line, as a user types them; times are whole, from the command to its end. Run it on a
machine that does nothing else, or bound to a core of its own (`taskset`; the table says so). Numbers are kept in
measured.json beside this file, one entry for each row.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from core.experiments import find_experiment

KEPT = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Row:
    """One line of the table: a training and the split it is judged on.

    Attributes:
        slug: Experiment.
        arm: As typed.
        scores: Which of the scores stand in the table; keys of what `evaluate` gives.
        data: Folder below FOLDER; the drawn pictures if empty.
        said: What the data are, in the table's words.
        split: To evaluate on; the validation scores of the training itself if empty.
        recipe: As typed.
        changes: Knobs set by hand.
    """

    slug: str
    arm: str
    scores: tuple[str, ...]
    data: str = ""
    said: str = "drawn"
    split: str = ""
    recipe: str = "improved"
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what tells the row from the others."""
        return "/".join((self.slug, self.arm, self.recipe, self.data or "synthetic"))

    def command(self, data: str) -> list[str]:
        """Return the words after ``python -m core``."""
        words = ["train", self.slug, "--arm", self.arm, "--recipe", self.recipe]
        words += ["--data", data] if data else []
        return words + [word for key, value in self.changes.items() for word in ("--set", f"{key}={value}")]


def _list_quick() -> list[Row]:
    """Return a quick look for every arm."""
    return [
        Row(slug, arm.slug, (find_experiment(slug).monitor_of(arm.slug),), recipe="quick")
        for slug in ("aoi", "vessels", "reconstruction", "blots", "pets", "objects", "byol", "landcover", "chest")
        for arm in find_experiment(slug).arms
        if not _needs_a_download(slug, arm.slug)
    ]


def _needs_a_download(slug: str, arm: str) -> bool:
    return slug in ("aoi", "chest", "objects") and any(
        word in arm
        for word in ("resnet18-f", "resnet18-l", "resnet18-t", "resnet50", "densenet", "googlenet", "convnext")
    )


NEU, KERMANY = "aoi_neu", "chest_kermany"
AOI_SCORES, CHEST_SCORES = (
    ("accuracy", "macro_f1"),
    ("roc_auc", "accuracy", "sensitivity", "specificity", "calibration_error"),
)
SHAPES = ("dice", "iou", "boundary_f1")
HELD_FIFTH = "NEU surface defects, `train/` alone: a fifth set aside for testing, 354 pictures"
X_RAYS = "Kermany et al., 1,000 + 1,000 for training, official test split, 624 pictures"
PETS = "pets_cats, its own test split"
CIFAR = "CIFAR-10, 5,000 for training, its test split, 1,000 pictures"
CHASE = "CHASE_DB1, children 1 to 10 for training, test: children 11 to 14, 8 pictures"
GELS = "gel crops, a fifth of the gels held back"
BYOL_SCORES = ("accuracy",)

ROWS = [
    Row("aoi", "lite0-frozen", AOI_SCORES, NEU, "NEU surface defects, its `val/`, 30 pictures", "val"),
    Row("aoi", "lite0-frozen", AOI_SCORES, f"{NEU}/train", HELD_FIFTH, "test"),
    Row("aoi", "lite0-scratch", AOI_SCORES, f"{NEU}/train", HELD_FIFTH, "test"),
    Row("chest", "lite0-fixed", CHEST_SCORES, KERMANY, X_RAYS, "test", changes={"per_class": "1000"}),
    Row("chest", "lite0-last-stage", CHEST_SCORES, KERMANY, X_RAYS, "test", changes={"per_class": "1000"}),
    Row("chest", "lite0-tuned", CHEST_SCORES, KERMANY, X_RAYS, "test", changes={"per_class": "1000"}),
    Row("pets", "lite0-unet", SHAPES, "pets_cats", PETS, "test", changes={"denoise": "true"}),
    *(  # as many epochs as ten minutes allow
        Row("pets", arm, SHAPES, "pets_cats", PETS, "test",
            changes={"denoise": "true", "size": "128", "epochs": epochs})
        for arm, epochs in (("unet", "3"), ("resnet34-unet", "11"))
    ),
    Row("objects", "lite0-last-stage", AOI_SCORES, "objects_cifar10", CIFAR, "test"),
    Row("objects", "lite0-frozen", AOI_SCORES, "objects_cifar10", CIFAR, "test"),
    Row("objects", "small-cnn", AOI_SCORES, "objects_cifar10", CIFAR, "test"),
    *(
        Row("reconstruction", arm, ("psnr", "ssim"), "vessels_chase_db1", CHASE, "test")
        for arm in ("with-skips", "no-skips", "denoising")
    ),
    *(
        Row("blots", arm, ("ssim", "l1", "psnr", "profile_correlation"), "blots_gel_bands", GELS, "val",
            changes={"validation": "0.2"})
        for arm in ("pix2pix", "reported", "slow-discriminator", "wide-generator", "smooth-labels")
    ),
    Row("blots", "reported", ("ssim", "l1", "psnr", "profile_correlation"), "blots_gel_bands", GELS, "val", "reported",
        {"validation": "0.2"}),
    *(Row("landcover", arm, ("miou",)) for arm in ("lite0-unet", "lite0-unet-scratch")),
    Row("landcover", "deeplabv3", ("miou",),
        changes={"weights": "random", "learning_rate": "0.001", "crop": "96", "crops": "8", "epochs": "16"}),
    Row("landcover", "fcn32s", ("miou",), changes={"weights": "random"}),
    Row("byol", "pretrain", ("knn_accuracy",)),
    *(
        Row("byol", arm, BYOL_SCORES)
        for arm in ("scratch-whole", "supervised-whole", "byol-whole", "supervised-head", "byol-head")
    ),
    Row("byol", "pretrain", ("knn_accuracy",), "objects_cifar10", CIFAR, "val"),
    *(
        Row("byol", arm, BYOL_SCORES, "objects_cifar10", CIFAR, "test")
        for arm in ("scratch-whole", "supervised-whole", "byol-whole", "supervised-head", "byol-head")
    ),
    Row("vessels", "unet-small", ("dice", "iou", "cldice", "roc_auc"), "vessels_chase_db1", CHASE, "test"),
]  # fmt: skip


def main() -> None:
    """Measure the rows asked for, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="folder with the public sets")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="rows whose name has this")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print(render_table(load_kept()))
        return
    if options.pictures is None:
        parser.error("--pictures FOLDER is missing")
    for row in (*ROWS, *_list_quick()):
        if not options.only or any(word in row.name for word in options.only):
            print(row.name, flush=True)
            measured = measure(row, options.pictures.resolve())
            KEPT.write_text(json.dumps(load_kept() | {row.name: measured}, indent=1, sort_keys=True) + "\n")
            print(json.dumps(measured), flush=True)


def measure(row: Row, pictures: Path) -> dict[str, Any]:
    """Train and evaluate a row."""
    start = time.perf_counter()
    trained = _run([*row.command(str(pictures / row.data) if row.data else ""), "--wait", "--json"])
    wall = time.perf_counter() - start
    facts = _run(["show", trained["run"], "--json"])["facts"]
    scores, human = trained["best"], {}
    if row.split:
        found = _run(["evaluate", trained["run"], "--split", row.split, "--json"])
        scores, human = found["scores"], found["second_observer"]
    kept = {key: scores[key] for key in row.scores}
    seen = {key: human[key] for key in row.scores if key in human}
    told = {key: facts[key] for key in ("commit", "machine", "fingerprint", "parameters", "device") if key in facts}
    wall = {"wall": round(wall, 1), "cores": len(os.sched_getaffinity(0))}
    return {"scores": kept, "second_observer": seen, **wall, "epoch": trained["epoch"], **told}


def _run(words: list[str]) -> dict[str, Any]:
    """Return the document that a command prints; what it says of itself goes on to the terminal."""
    done = subprocess.run([sys.executable, "-m", "core", *words], cwd=PROJECT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"python -m core {' '.join(words)} ended with status {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def load_kept() -> dict[str, Any]:
    """Return the numbers kept so far, by row."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return kept


def render_table(kept: dict[str, Any]) -> str:
    """Return Markdown with a line for each row that was measured, and for each report."""
    lines = ["| experiment, arm, recipe | data | measured | time | reported | command |", "|---|---|---|---|---|---|"]
    lines += [_render(row, kept[row.name]) for row in (*ROWS, *_list_quick()) if row.name in kept]
    return "\n".join(lines)


def _render(row: Row, measured: dict[str, Any]) -> str:
    human = measured.get("second_observer", {})
    scores = ", ".join(
        f"{key.replace('_', ' ')} {value:.4g}" + (f" (second observer {human[key]:.4g})" if key in human else "")
        for key, value in ((key, measured["scores"][key]) for key in row.scores)
    )
    reported = "; ".join(
        f"{each.score.replace('_', ' ')} {each.value:g} ({each.source})"
        for each in find_experiment(row.slug).reported
        if (each.arm == row.arm or (not each.arm and each.data and each.data in row.said))
        and each.score in row.scores
        and row.recipe != "quick"
    )
    judged = {"": "validation part", "val": "validation part", "test": "test"}[row.split]
    said = row.said if row.data else f"drawn, {judged}"
    command = f"python -m core {' '.join(row.command(row.data))} --wait"
    command = f"`{command}`" + (f", then `evaluate RUN --split {row.split}`" if row.split else "")
    time_said = f"{measured['wall']:.0f} s" + (" on one core" if measured.get("cores") == 1 else "")
    cells = (f"`{row.slug}`, `{row.arm}`, `{row.recipe}`", said, scores, time_said, reported, command)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
