"""Runs put together by arms, and what is said of them."""

import re
from typing import Any

import numpy as np
import pytest

from core.engine.score import Score
from core.errors import UserError
from core.runs.run import FINISHED, Run
from core.studies.comparison import RIGHT, comparable, compare, group, say_verdict, scores_of
from core.studies.verdict import compare_means, exact_mcnemar

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


@pytest.mark.parametrize(("wrong", "right", "named"), [
    ([run(1), run(2, seed=1)], [run(1), run(2, "unet-small", seed=1)], "."),
    ([run(1), run(2), run(3, "unet-small")], [run(1), run(2, seed=1), run(3, "unet-small")], r"\bunet\b(?!-)"),
    ([run(1), run(2, "unet-small", fingerprint="other")], [run(1), run(2, "unet-small")], "."),
    ([run(1), run(2, "unet-small", best_epoch=0)], [run(1), run(2, "unet-small")], f"{2:032x}"[:8]),
    ([run(1), run(2, slug="pets")], [run(1), run(2, "unet-small")], "pets, vessels"),
], ids=["one side", "a seed twice", "other data", "no weights", "two experiments"])  # fmt: skip
def test_what_must_not_be_compared_is_refused(wrong: list[Run], right: list[Run], named: str) -> None:
    with pytest.raises(UserError, match=named):
        group(wrong)
    assert len(group(right)) == 2


def test_scores_of_other_pictures_are_refused() -> None:
    assert scores_of([[{"dice": 0.5}] * 2, [{"dice": 0.7}] * 2], "dice") == [[0.5] * 2, [0.7] * 2]
    with pytest.raises(UserError, match="--split"):
        scores_of([[{"dice": 0.5}], []], "dice")


def test_classifiers_are_compared_by_whether_they_are_right_where_their_score_is_of_the_whole_split() -> None:
    area = Score("roc_auc", "ROC AUC", "")
    assert comparable(area, [{"correct": 1.0, "loss": 0.1}]) == RIGHT
    assert comparable(DICE, [{"dice": 0.5}]).key == "dice"
    with pytest.raises(UserError, match="Dice"):
        comparable(DICE, [{"dice": 0.5}, {}])
    first, second = [[1.0] * 8 + [0.0] * 12], [[1.0] * 20]
    assert compare(first, second, RIGHT).p == pytest.approx(exact_mcnemar(first[0], second[0])) == 2 / 2**12
    assert compare(first, second, DICE).p != compare(first, second, RIGHT).p


def frame(said: str, **names: str) -> str:
    """Return a sentence without its numbers and with names exchanged: what it says, in whichever words."""
    for name, other in names.items():
        said = re.sub(rf"\b{name}\b", f"<{other}>", said)
    return re.sub(r"[-+−]?\d[\d.,]*(e-?\d+)?", "#", said)


def numbers(said: str) -> list[float]:
    return [float(each.rstrip(".,")) for each in re.findall(r"[-+]?\d[\d.,]*", said)]


def test_a_claim_is_made_only_where_the_interval_leaves_zero_out() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.7, 0.1, 300)
    arms = [base + gap + rng.normal(0, 0.01, (3, 300)) for gap in (0.0, 0.05, 0.0005)]
    verdict = compare_means(arms[0], arms[1])
    claim = say_verdict(verdict, "U", "W", DICE)
    ahead, level, low, high, seeds, pictures = numbers(claim)
    assert ahead == pytest.approx(verdict.difference, rel=0.01)
    assert (level, seeds, pictures) == (95, 3, 300)
    assert (low, high) == pytest.approx((verdict.low, verdict.high), rel=0.01)
    assert "Dice" in claim
    worse = say_verdict(compare_means(arms[1], arms[0]), "W", "U", DICE)
    assert worse == claim, "of what the better one is ahead by, whichever of them was named first"
    error = Score("error", "Dice", "", higher_is_better=False)
    lower = say_verdict(verdict, "U", "W", error)
    assert frame(lower, U="better", W="worse") == frame(claim, W="better", U="worse")
    unsure = compare_means(arms[0], arms[2])
    assert not unsure.is_decided
    for doubtful in (say_verdict(unsure, "U", "W", DICE), say_verdict(verdict, "U", "W", DICE, p=0.2)):
        assert frame(claim, W="better", U="worse").split("#")[0] != frame(doubtful, U="better", W="worse").split("#")[0]
        assert frame(claim, W="better", U="worse").split("#")[0] != frame(doubtful, W="better", U="worse").split("#")[0]
        assert {"U", "W"} <= set(re.findall(r"\b[UW]\b", doubtful))


def test_of_one_seed_it_is_said_that_networks_were_compared_and_not_arms() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.7, 0.1, (2, 300)), rng.normal(0.9, 0.1, (2, 300))
    several = say_verdict(compare_means(first, second), "U", "W", DICE)
    single = say_verdict(compare_means(first[:1], second[:1]), "U", "W", DICE)
    assert single.count(". ") == several.count(". ") + 1


@pytest.mark.parametrize("count", [2, 5, 20])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("apart", [0.0, 0.1])
def test_where_scores_do_not_vary_no_interval_is_said(apart: float, seeds: int, count: int) -> None:
    scores = np.tile(np.linspace(0.2, 0.7, count), (seeds, 1))
    said = say_verdict(compare(scores.tolist(), (scores + apart).tolist(), DICE), "A", "B", DICE)
    assert "95" not in said
    assert "+0 " not in said
    assert not re.search(r"(\S+) to \1", said), said
    assert f" {count} " in said
    assert ("0.1" in said) is bool(apart)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_classifiers_that_are_all_right_or_all_wrong_have_an_interval_of_some_width(value: float) -> None:
    verdict = compare([[value] * 8], [[value] * 8], RIGHT)
    said = say_verdict(verdict, "A", "B", RIGHT)
    assert verdict.low < 0 < verdict.high
    assert "+0 " not in said
