"""Is B better than A, and how sure is that: a score of two arms, by picture and by seed.

Two things make a difference uncertain: other pictures would have given another one, and so would other seeds. Both are
estimated and added. The pictures are the same for both arms, so what is hard for both does not count; seeds are not
paired, because the same seed means different random numbers in different networks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, t  # type: ignore[import-untyped]

LEVEL = 0.95
FEWEST = 6
"""Pictures from which something may be claimed: if fewer all speak for one side, that is chance once in 20 cases."""
ROUNDING = 1e-7
"""Of the largest score: differences that vary by less do not vary, but were rounded (scores are of 32 bits)."""


@dataclass(frozen=True)
class Verdict:
    """What is known of the difference second − first.

    Attributes:
        difference: Of the means over pictures and seeds, in the score's own unit.
        low: Lower end of the interval.
        high: Upper end.
        level: Share of studies whose interval holds the true difference.
        p: Probability of a difference at least as large where there is none, two-sided.
        pictures: How many each seed was scored on.
        seeds: Of the first and of the second arm.
        from_pictures: Part of the difference's variance that other pictures stand for.
        from_seeds: Part that other seeds stand for; not a number where an arm has one seed.
        degrees: Of freedom of the t distribution.
        varies: Whether the difference varies at all, over pictures or seeds: where it does not, how much others would
            change it cannot be estimated.
    """

    difference: float
    low: float
    high: float
    level: float
    p: float
    pictures: int
    seeds: tuple[int, int]
    from_pictures: float
    from_seeds: float
    degrees: float
    varies: bool = True

    @property
    def is_decided(self) -> bool:
        """Say whether the interval leaves zero out, and there is enough to go by: only then is anything claimed."""
        return self.varies and self.pictures >= FEWEST and (self.low > 0 or self.high < 0)

    @property
    def about_recipes(self) -> bool:
        """Say whether it speaks of the arms; with one seed each it speaks of these two trained networks alone."""
        return min(self.seeds) > 1


def compare_means(first: ArrayLike, second: ArrayLike, *, level: float = LEVEL) -> Verdict:
    """Compare the means of a score that every picture has.

    The variance of the difference is that of two crossed random factors (Bates et al.: pictures and seeds). Degrees of
    freedom are Welch's and Satterthwaite's, so that three seeds are trusted as little as three numbers deserve.

    Args:
        first: ``(S, N)``, the score of each of N pictures by each of S ≥ 1 seeds.
        second: ``(S', N)``, of the same pictures in the same order.
        level: Of the interval.

    Raises:
        ValueError: If there are fewer than two pictures, the two were not scored on equally many, or a score is no
            finite number.
    """
    arms = [np.atleast_2d(np.asarray(each, np.float64)) for each in (first, second)]
    _check_finite(arms)
    pictures = arms[0].shape[1]
    if pictures != arms[1].shape[1] or pictures < 2:
        raise ValueError(f"the arms were scored on {pictures} and {arms[1].shape[1]} pictures; two or more, the same")
    paired = arms[1].mean(axis=0) - arms[0].mean(axis=0)
    by_picture = [(_variance_of_mean(paired, arms), pictures - 1)]
    twice = sum(_interaction(arm) for arm in arms)
    seeds = [arm.mean(axis=1) for arm in arms]
    largest = max(float(np.abs(arm).max()) for arm in arms)
    return _decide(float(paired.mean()), by_picture, seeds, twice, pictures, level, largest=largest)


def compare_areas(first: ArrayLike, second: ArrayLike, labels: ArrayLike, *, level: float = LEVEL) -> Verdict:
    """Compare the areas under two arms' ROC curves.

    An area is the mean, over pictures of the class, of the share of other pictures that it outranks, and likewise the
    other way round (DeLong, DeLong and Clarke-Pearson, 1988): two means over pictures, to which the same two random
    factors apply as in :func:`compare_means`. What the two have only together is left in both, on the safe side.

    Args:
        first: ``(S, N)``, the probability of the class of each of N pictures by each of S ≥ 1 seeds.
        second: ``(S', N)``, of the same pictures in the same order.
        labels: ``(N,)``, whether each picture is of the class.
        level: Of the interval.

    Raises:
        ValueError: If there are fewer than two pictures of the class or of others, the two were not scored on equally
            many, or a probability is no finite number.
    """
    wanted = np.asarray(labels, bool)
    arms = [np.atleast_2d(np.asarray(each, np.float64)) for each in (first, second)]
    _check_finite(arms)
    if any(arm.shape[1] != len(wanted) for arm in arms) or min(wanted.sum(), (~wanted).sum()) < 2:
        raise ValueError(f"{wanted.sum()} pictures of the class and {(~wanted).sum()} others; two or more of each")
    parts = [_placements(arm, wanted) for arm in arms]
    by_picture = []
    for number in (0, 1):
        paired = parts[1][number].mean(axis=0) - parts[0][number].mean(axis=0)
        by_picture.append((float(paired.var(ddof=1) / len(paired)), len(paired) - 1))
    seeds = [part[0].mean(axis=1) for part in parts]
    return _decide(float(seeds[1].mean() - seeds[0].mean()), by_picture, seeds, 0.0, len(wanted), level)


def _check_finite(arms: Sequence[NDArray[np.float64]]) -> None:
    if not all(np.isfinite(arm).all() for arm in arms):
        raise ValueError("a score is no finite number, so nothing can be compared")


def _variance_of_mean(paired: NDArray[np.float64], arms: Sequence[NDArray[np.float64]]) -> float:
    """Return the variance that other pictures would give the mean of paired differences.

    Where a picture is only right or wrong, a difference in each direction is added, so that a few pictures that all
    agree do not seem certain (Agresti and Min, 2005).
    """
    yes_or_no = all(len(arm) == 1 and np.isin(arm, (0.0, 1.0)).all() for arm in arms)
    seen = np.append(paired, (-1.0, 1.0)) if yes_or_no else paired
    return float(seen.var(ddof=1) / len(seen))


def area_under_roc(values: ArrayLike, labels: ArrayLike) -> float:
    """Return the area under the ROC curve of ``(N,)`` probabilities; ties count half."""
    return float(_placements(np.atleast_2d(np.asarray(values, np.float64)), np.asarray(labels, bool))[0].mean())


def _placements(arm: NDArray[np.float64], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return by seed, for pictures of the class and for the others, the share of the other kind each is apart from."""

    def share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        ranked = np.sort(others)
        below, up_to = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
        share: NDArray[np.float64] = (below + up_to) / (2 * len(others))
        return share

    inside = np.stack([share_below(row[wanted], row[~wanted]) for row in arm])
    outside = np.stack([share_below(-row[~wanted], -row[wanted]) for row in arm])
    return inside, outside


def _decide(
    difference: float, by_picture: Sequence[tuple[float, int]], seeds: Sequence[NDArray[np.float64]], twice: float,
    pictures: int, level: float, *, largest: float = 1.0,
) -> Verdict:  # fmt: skip
    """Add up what makes a difference uncertain.

    Args:
        difference: Second − first.
        by_picture: Variances that other pictures stand for, with their degrees of freedom.
        seeds: Score of each seed, by arm.
        twice: Variance that is in both parts, and counts once.
        pictures: How many there are.
        level: Of the interval.
        largest: Of the scores: what a difference is rounded to.
    """
    if abs(difference) <= ROUNDING * largest:
        difference = 0.0
    of_pictures = sum(each for each, _ in by_picture)
    by_seed = [float(arm.var(ddof=1) / len(arm)) if len(arm) > 1 else math.nan for arm in seeds]
    of_seeds = float(np.nansum(by_seed))
    variance = max(of_pictures, of_seeds, of_pictures + of_seeds - twice)
    varies = math.sqrt(variance) > ROUNDING * largest
    if not varies:
        of_pictures, by_seed, variance, by_picture = 0.0, [0.0 * each for each in by_seed], 0.0, []
    shares = [*by_picture, *((each, len(arm) - 1) for each, arm in zip(by_seed, seeds, strict=True))]
    doubt = sum(part**2 / freedom for part, freedom in shares if freedom and part > 0)
    degrees = variance**2 / doubt if doubt else float(pictures - 1)
    error = math.sqrt(variance)
    reach = error * float(t.ppf((1 + level) / 2, degrees))
    p = float(2 * t.sf(abs(difference) / error, degrees)) if error else 1.0
    return Verdict(
        difference, difference - reach, difference + reach, level, p, pictures, (len(seeds[0]), len(seeds[1])),
        of_pictures, float(sum(by_seed)), degrees, varies=varies,
    )  # fmt: skip


def _interaction(arm: NDArray[np.float64]) -> float:
    """Return the variance that pictures and seeds have only together; it is in both of their parts, once too often."""
    seeds, pictures = arm.shape
    if seeds < 2:
        return 0.0
    rest = arm - arm.mean(axis=0) - arm.mean(axis=1, keepdims=True) + arm.mean()
    return float((rest**2).sum() / ((seeds - 1) * (pictures - 1)) / (seeds * pictures))


def exact_mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Return the exact two-sided p of McNemar's test (1947): whether two classifiers err equally often.

    Args:
        first: ``(N,)``, whether the first is right on each picture.
        second: ``(N,)``, likewise the second.
    """
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    gains, losses = int((~one & other).sum()), int((one & ~other).sum())
    return float(binomtest(gains, gains + losses, 0.5).pvalue) if gains + losses else 1.0


def correct_for_many(probabilities: Sequence[float]) -> list[float]:
    """Return Holm's (1979) corrected probabilities: of all claims made at 5 %, none is false in 95 % of studies."""
    order = np.argsort(probabilities)
    corrected, highest = [1.0] * len(probabilities), 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * probabilities[number]))
        corrected[number] = highest
    return corrected


def say_what_would_settle(verdict: Verdict) -> str:
    """Return how many more seeds or pictures would probably decide it, if the difference is about what it seems."""
    if verdict.pictures < FEWEST:
        return f"From fewer than {FEWEST} pictures nothing is claimed."
    if not verdict.varies:
        return "Where nothing varies, how much other pictures or seeds would change it cannot be estimated."
    if verdict.is_decided or not verdict.about_recipes or not verdict.difference:
        return ""
    allowed = (verdict.difference / float(t.ppf((1 + verdict.level) / 2, 30))) ** 2
    seeds = max(verdict.seeds)
    if allowed > verdict.from_pictures:
        more = math.ceil(seeds * verdict.from_seeds / (allowed - verdict.from_pictures)) - seeds
        if more <= 50:
            return f"About {max(1, more)} more seeds of each arm would probably settle it."
    if allowed > verdict.from_seeds:
        more = math.ceil(verdict.pictures * verdict.from_pictures / (allowed - verdict.from_seeds)) - verdict.pictures
        return f"About {max(1, more):,} more pictures would probably settle it; more seeds alone would not."
    return "More seeds or more pictures alone would not settle it; it would take both."
