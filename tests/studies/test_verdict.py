"""The statistics of a verdict, by simulation: how often it claims what is not so, how often its interval is right."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, t, ttest_rel, wilcoxon
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from core.studies.verdict import (
    Verdict,
    area_under_roc,
    compare_areas,
    compare_means,
    correct_for_many,
    exact_mcnemar,
    say_what_would_settle,
)

STUDIES = 1000
SETTINGS = [
    # seeds of A and B, pictures, spread over pictures that both share, over pictures that differ, over seeds, rest
    pytest.param(((3, 3), 200, 0.1, 0.02, 0.01, 0.03), id="three-seeds"),
    pytest.param(((5, 5), 400, 0.1, 0.05, 0.002, 0.02), id="pictures-decide"),
    pytest.param(((3, 5), 60, 0.1, 0.01, 0.03, 0.05), id="seeds-decide"),
    pytest.param(((10, 10), 624, 0.2, 0.03, 0.01, 0.1), id="ten-seeds"),
]


def simulate(
    rng: np.random.Generator, seeds: tuple[int, int], pictures: int, shared: float, own: float, by_seed: float,
    rest: float, gap: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Draw a study: how hard pictures are for both, how they suit one arm, how lucky seeds are, and chance."""
    hard = rng.normal(0.8, shared, pictures)
    arms = []
    for count, mean in zip(seeds, (0.0, gap), strict=True):
        suits, lucky = rng.normal(0, own, pictures), rng.normal(0, by_seed, (count, 1))
        arms.append(mean + hard + suits + lucky + rng.normal(0, rest, (count, pictures)))
    return arms[0], arms[1]


def verdicts(setting: tuple[object, ...], gap: float) -> list[Verdict]:
    rng = np.random.default_rng(7)
    return [compare_means(*simulate(rng, *setting, gap)) for _ in range(STUDIES)]  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", SETTINGS)
def test_where_there_is_no_difference_one_is_claimed_in_at_most_5_percent(setting: tuple[object, ...]) -> None:
    claimed = sum(each.is_decided for each in verdicts(setting, 0.0))
    assert claimed <= 0.05 * STUDIES


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_interval_holds_a_true_difference_in_93_to_97_percent(setting: tuple[object, ...]) -> None:
    found = verdicts(setting, 0.03)
    held = np.mean([each.low <= 0.03 <= each.high for each in found])
    assert 0.93 <= held <= 0.97


def simulate_areas(
    rng: np.random.Generator, seeds: int, wanted: NDArray[np.bool_], gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw two arms' answers: a picture's ease is shared, each arm and seed adds noise, seeds differ in their skill."""
    ease = rng.normal(0, 1, len(wanted))
    arms = []
    for extra in (0.0, gap):
        skill = 1.5 + extra + rng.normal(0, 0.05, (seeds, 1))
        own = rng.normal(0, 0.5, len(wanted)) + rng.normal(0, 0.3, (seeds, len(wanted)))
        arms.append(skill * wanted + ease + own)
    return arms[0], arms[1]


@pytest.mark.parametrize("seeds", [3, 5])
def test_areas_claim_no_difference_that_is_none_and_hold_a_true_one(seeds: int) -> None:
    rng, wanted = np.random.default_rng(3), np.arange(300) < 120
    claimed = sum(compare_areas(*simulate_areas(rng, seeds, wanted, 0.0), wanted).is_decided for _ in range(STUDIES))
    assert claimed <= 0.05 * STUDIES
    many = np.arange(40_000) < 16_000
    true = float(np.mean([compare_areas(*simulate_areas(rng, 1, many, 0.2), many).difference for _ in range(40)]))
    found = [compare_areas(*simulate_areas(rng, seeds, wanted, 0.2), wanted) for _ in range(STUDIES)]
    assert 0.93 <= np.mean([each.low <= true <= each.high for each in found]) <= 0.97


def test_an_area_is_scikit_learns_and_its_variance_delongs() -> None:
    rng = np.random.default_rng(1)
    wanted = rng.random(80) < 0.4
    first = (wanted + rng.normal(0, 1, 80)).round(1)
    second = (wanted + rng.normal(0, 1, 80)).round(1)
    verdict = compare_areas(first, second, wanted)
    areas = [roc_auc_score(wanted, each) for each in (first, second)]
    assert [area_under_roc(each, wanted) for each in (first, second)] == pytest.approx(areas)
    assert verdict.difference == pytest.approx(areas[1] - areas[0])
    inside, outside = (
        rng.choice(np.flatnonzero(wanted == each), (2000, (wanted == each).sum())) for each in (True, False)
    )  # a bootstrap within the classes
    drawn = [
        mannwhitneyu(each[inside], each[outside], axis=1, method="asymptotic").statistic
        / inside[0].size
        / outside[0].size
        for each in (first, second)
    ]
    assert verdict.from_pictures == pytest.approx(np.var(drawn[1] - drawn[0]), rel=0.15)
    with pytest.raises(ValueError, match=r"\b1\b.*\b2\b"):
        compare_areas(first[:3], second[:3], [True, False, False])


def test_with_one_seed_each_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(0.8, 0.1, 50)
    second = first + rng.normal(0.02, 0.05, 50)
    verdict = compare_means(first, second)
    expected = ttest_rel(second, first)
    assert verdict.p == pytest.approx(expected.pvalue)
    assert (verdict.low, verdict.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert not verdict.about_recipes
    assert wilcoxon(second - first).pvalue < 0.5  # the same direction by another test


def test_equal_scores_are_no_difference() -> None:
    verdict = compare_means(np.full((3, 9), 0.5), np.full((3, 9), 0.5))
    assert (verdict.difference, verdict.p, verdict.is_decided) == (0.0, 1.0, False)


def test_arms_on_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\b5\b.*\b6\b"):
        compare_means(np.zeros((2, 5)), np.zeros((2, 6)))


@pytest.mark.parametrize(("gains", "losses", "p"), [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (9, 1, 22 / 1024)])
def test_mcnemar_is_the_exact_sign_test_of_the_pictures_that_differ(gains: int, losses: int, p: float) -> None:
    both = np.ones(20, bool)
    first = np.r_[both, np.zeros(gains, bool), np.ones(losses, bool)]
    second = np.r_[both, np.ones(gains, bool), np.zeros(losses, bool)]
    assert exact_mcnemar(first, second) == pytest.approx(p)


def test_holm_corrects_the_smallest_the_most_and_keeps_the_order() -> None:
    assert correct_for_many([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert correct_for_many([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert correct_for_many([]) == []


def is_settled(verdict: Verdict, *, seeds: int = 0, pictures: int = 0) -> bool:
    """Say whether the difference would be decided with so many more, were all else as it is."""
    by_seeds = verdict.from_seeds * max(verdict.seeds) / (max(verdict.seeds) + seeds)
    by_pictures = verdict.from_pictures * verdict.pictures / (verdict.pictures + pictures)
    return bool(abs(verdict.difference) >= t.ppf(0.975, 30) * np.sqrt(by_seeds + by_pictures))


def test_it_says_how_many_more_seeds_or_pictures_would_settle_it() -> None:
    def wanting(verdict: Verdict) -> tuple[str, int]:
        said = say_what_would_settle(verdict)
        (number,) = re.findall(r"\d[\d,]*", said)
        return said.replace(number, "#"), int(number.replace(",", ""))

    rng = np.random.default_rng(3)
    few_seeds = compare_means(*simulate(rng, (3, 3), 2000, 0.1, 0.001, 0.02, 0.001, 0.02))
    assert not few_seeds.is_decided
    of_seeds, more = wanting(few_seeds)
    assert is_settled(few_seeds, seeds=more)
    assert not is_settled(few_seeds, seeds=more - 1)
    few_pictures = compare_means(*simulate(rng, (5, 5), 12, 0.1, 0.05, 0.0001, 0.0001, 0.02))
    assert not few_pictures.is_decided
    of_pictures, more = wanting(few_pictures)
    assert is_settled(few_pictures, pictures=more)
    assert not is_settled(few_pictures, pictures=more - 1)
    assert of_seeds != of_pictures
    decided = compare_means(*simulate(rng, (5, 5), 400, 0.1, 0.01, 0.001, 0.001, 0.1))
    assert say_what_would_settle(decided) == ""


@pytest.mark.parametrize("pictures", [2, 3, 5])
def test_nothing_is_claimed_of_a_handful_of_pictures(pictures: int) -> None:
    rng = np.random.default_rng(pictures)
    first, second = rng.normal(0, 1e-6, (3, pictures)), rng.normal(1, 1e-6, (3, pictures))
    assert compare_means(first, second).low > 0.9, "the interval alone would claim it"
    assert not compare_means(first, second).is_decided
    assert re.search(r"\d", say_what_would_settle(compare_means(first, second)))


@pytest.mark.parametrize("seeds", [1, 3])
def test_nothing_is_claimed_where_nothing_varies(seeds: int) -> None:
    found = compare_means(np.full((seeds, 20), 2.0), np.full((seeds, 20), 3.5))
    assert (found.difference, found.is_decided, found.p) == (1.5, False, 1.0)
    assert say_what_would_settle(found)
    same = compare_means(np.ones((seeds, 20)), np.ones((seeds, 20)))
    assert not same.is_decided
    rounded = compare_means(np.linspace(0.1, 0.9, 20), np.linspace(0.1, 0.9, 20) + np.float32(0.1))
    assert not rounded.is_decided, "what varies is the rounding alone"
    single = np.linspace(0.1, 0.8, 20, dtype=np.float32)
    assert not compare_means(single, single + np.float32(0.1)).is_decided
    assert compare_means(np.linspace(0.1, 0.8, 20), np.linspace(0.11, 0.9, 20)).is_decided
    ranked = np.linspace(0, 1, 20)
    assert not compare_areas(ranked, ranked**2, ranked > 0.5).varies


def test_a_classifier_that_is_always_right_beats_one_that_never_is_from_enough_pictures_on() -> None:
    wrong, right = np.zeros((1, 3)), np.ones((1, 3))
    assert not compare_means(wrong, right).is_decided
    found = compare_means(np.zeros((1, 100)), np.ones((1, 100)))
    assert found.is_decided
    assert found.low < found.difference == 1


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_no_number_is_refused(broken: float) -> None:
    first, second = np.ones((2, 8)), np.ones((2, 8))
    second[1, 3] = broken
    with pytest.raises(ValueError, match="finite"):
        compare_means(first, second)
    with pytest.raises(ValueError, match="finite"):
        compare_areas(first, second, [True, False] * 4)
