"""Runs put together by arms, and what is said of them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli import main
from core.engine.score import Score
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.launcher import launch, wait
from core.runs.run import FINISHED, Run
from core.runs.store import RunStore
from core.studies.comparison import RIGHT, comparable, compare, group, say_verdict, scores_of
from core.studies.verdict import compare_means, exact_mcnemar
from tests.runs.test_worker import TINY
from tests.small_drive import make_small_drive

DICE = Score("dice", "Dice", "")


def run(number: int, arm: str = "unet", seed: int = 0, **changes: Any) -> Run:
    config = {"arm": arm, "recipe": "quick", "seed": seed, "epochs": 3}
    facts = {"fingerprint": changes.pop("fingerprint", "same")}
    best_epoch, slug = changes.pop("best_epoch", 1), changes.pop("slug", "vessels")
    return Run(
        f"{number:032x}", slug, f"run {number}", FINISHED, "", config | changes, None, {}, best_epoch, 0.0, 0.0, 1.0,  # type: ignore[arg-type]
        None, False, facts=facts,
    )  # fmt: skip


def test_runs_that_differ_in_their_seeds_alone_are_one_side() -> None:
    runs = [run(1), run(2, "unet-small"), run(3, seed=1), run(4, "unet-small", 1, device="cuda")]
    sides = group(runs)
    assert [(each.name, [one.config["seed"] for one in each.runs]) for each in sides] == [
        ("unet", [0, 1]), ("unet-small", [0, 1]),
    ]  # fmt: skip
    names = [each.name for each in group([run(1), run(2, epochs=5), run(3, "unet-small")])]
    assert names == ["unet (epochs=3)", "unet (epochs=5)", "unet-small (epochs=3)"]


@pytest.mark.parametrize(("runs", "words"), [
    ([run(1), run(2, seed=1)], "differ in their seeds alone"),
    ([run(1), run(2), run(3, "unet-small")], "the same seed"),
    ([run(1), run(2, "unet-small", fingerprint="other")], "different data"),
    ([run(1), run(2, "unet-small", best_epoch=0)], "no weights yet"),
    ([run(1), run(2, slug="pets")], "compare runs of one of them"),
])  # fmt: skip
def test_what_must_not_be_compared_is_refused(runs: list[Run], words: str) -> None:
    with pytest.raises(UserError, match=words):
        group(runs)


def test_scores_of_other_pictures_are_refused() -> None:
    assert scores_of([[{"dice": 0.5}] * 2, [{"dice": 0.7}] * 2], "dice") == [[0.5] * 2, [0.7] * 2]
    with pytest.raises(UserError, match="the same pictures"):
        scores_of([[{"dice": 0.5}], []], "dice")


def test_classifiers_are_compared_by_whether_they_are_right_where_their_score_is_of_the_whole_split() -> None:
    area = Score("roc_auc", "ROC AUC", "")
    assert comparable(area, [{"correct": 1.0, "loss": 0.1}]) == RIGHT
    assert comparable(DICE, [{"dice": 0.5}]).title == "Dice, mean over pictures"
    with pytest.raises(UserError, match="Not every picture has a Dice of its own"):
        comparable(DICE, [{"dice": 0.5}, {}])
    first, second = [[1.0] * 8 + [0.0] * 12], [[1.0] * 20]
    assert compare(first, second, RIGHT).p == pytest.approx(exact_mcnemar(first[0], second[0])) == 2 / 2**12
    assert compare(first, second, DICE).p != compare(first, second, RIGHT).p


def test_a_claim_is_made_only_where_the_interval_leaves_zero_out() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.7, 0.1, 300)
    arms = [base + gap + rng.normal(0, 0.01, (3, 300)) for gap in (0.0, 0.05, 0.0005)]
    better = say_verdict(compare_means(arms[0], arms[1]), "U-Net", "W-Net", DICE)
    assert better.startswith("W-Net is better than U-Net by 0.05")
    assert "3 seeds each, paired over 300 pictures" in better
    assert "95 % interval 0.04" in better
    worse = say_verdict(compare_means(arms[1], arms[0]), "W-Net", "U-Net", DICE)
    assert worse.startswith("W-Net is better than U-Net by 0.05")
    assert "95 % interval 0.04" in worse  # of what the better one is ahead by, whichever of them was named first
    error = Score("error", "Error", "", higher_is_better=False)
    assert say_verdict(compare_means(arms[0], arms[1]), "A", "B", error).startswith("A is better than B")
    none = say_verdict(compare_means(arms[0], arms[1]), "A", "B", DICE, p=0.2)
    assert none.startswith("No difference between A and B can be claimed")
    single = say_verdict(compare_means(arms[0][:1], arms[1][:1]), "A", "B", DICE)
    assert "train more seeds" in single


@pytest.mark.slow
@pytest.mark.xdist_group("workers")
def test_compare_says_a_verdict_of_real_runs_and_writes_their_curves(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, vessels = RunStore(), find_experiment("vessels")
    make_small_drive(tmp_path / "six", n=6, seed=3)
    ids = []
    for epochs in (1, 3):
        for seed in (0, 1):
            changes = TINY | {"epochs": epochs}
            config = vessels.config(recipe="quick", data=str(tmp_path / "six"), seed=seed, changes=changes)
            ids.append(wait(store, launch(store, "vessels", config).id).id)
    words = ["compare", *(each[:8] for each in ids), "--csv", str(tmp_path / "curves.csv"), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["seeds"] for each in found["sides"]] == [[0, 1], [0, 1]]
    (verdict,) = found["verdicts"]
    assert (verdict["pictures"], verdict["seeds"]) == (3, [2, 2])
    assert verdict["low"] <= verdict["difference"] <= verdict["high"]
    assert main(words[:-1]) == 0
    told = capsys.readouterr()
    assert told.err == ""  # the scores of each picture were kept
    assert "in Dice, mean over pictures" in told.out
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == set(ids)
    assert {"step/loss", "val/dice"} <= {row["key"] for row in rows}
    assert main(["compare", ids[0], ids[1]]) == 2
    assert "seeds alone" in capsys.readouterr().err
