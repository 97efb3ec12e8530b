"""Runs put together by what they answer: which belong to one arm, whether arms may be compared, what is said then."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.engine.score import Score
from core.errors import UserError
from core.experiments import find_experiment
from core.runs.run import Run
from core.studies.verdict import Verdict, compare_means, exact_mcnemar, say_what_would_settle

NOT_THE_ARM = ("seed", "device", "precision", "memory_format")
"""Knobs that may differ between runs of one arm: chance and the machine."""

RIGHT = Score("correct", "Accuracy", "share of the pictures whose most probable class is the true one")
"""What is known of each picture that was classified; its mean is the accuracy."""
Rows = Sequence[Mapping[str, float]]
"""Scores of each picture, in the order of the split."""


@dataclass(frozen=True)
class Side:
    """Runs that differ in their seeds alone.

    Attributes:
        name: What tells it from the other sides.
        runs: One for each seed.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def oldest(self) -> Run:
        """Return the run that was recorded first: what the side is known by while more seeds come."""
        return min(self.runs, key=lambda run: (run.created, run.id))


def group(runs: Sequence[Run]) -> list[Side]:
    """Put runs with the same knobs together, in the order in which their first ones are given.

    Raises:
        UserError: If they are of different experiments or data, one has no weights, a seed stands twice, or all are
            of one side.
    """
    _check(runs)
    sides: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        key = tuple((name, str(value)) for name, value in run.config.items() if name not in NOT_THE_ARM)
        sides.setdefault(key, []).append(run)
    if len(sides) < 2:
        raise UserError("These runs differ in their seeds alone, so there is nothing to compare; give another arm's.")
    for each in sides.values():
        seeds = [run.config.get("seed") for run in each]
        if len(set(seeds)) < len(seeds):
            raise UserError(f"Two of the runs of {each[0].config['arm']} have the same seed; leave one of them out.")
    names = _names([each[0] for each in sides.values()])
    return [Side(name, tuple(each)) for name, each in zip(names, sides.values(), strict=True)]


def _check(runs: Sequence[Run]) -> None:
    if len({run.slug for run in runs}) > 1:
        raise UserError(
            f"The runs are of {', '.join(sorted({run.slug for run in runs}))}; compare runs of one of them."
        )
    without = [run.short_id for run in runs if not run.best_epoch]
    if without:
        raise UserError(f"Run {without[0]} has no weights yet; let it finish an epoch first.")
    check_data(runs)


def check_data(runs: Sequence[Run]) -> None:
    """See to it that runs were trained on the same data.

    Raises:
        UserError: If their fingerprints differ.
    """
    if len({run.facts.get("fingerprint", "") for run in runs}) > 1:
        raise UserError(
            "The runs were trained on different data, so a difference would be of the data as well; train them on "
            "the same."
        )


def _names(firsts: Sequence[Run]) -> list[str]:
    """Return what differs between sides: the arm where that suffices, else with recipe and other knobs."""
    arms = [str(run.config["arm"]) for run in firsts]
    if len(set(arms)) == len(arms):
        return arms
    names = list(dict.fromkeys(name for run in firsts for name in run.config if name not in (*NOT_THE_ARM, "arm")))
    differ = [name for name in names if len({str(run.config.get(name)) for run in firsts}) > 1]
    if "recipe" in differ:
        differ = (
            ["recipe"] if len({(run.config["arm"], run.config["recipe"]) for run in firsts}) == len(firsts) else differ
        )
    return [
        f"{arm} ({', '.join(f'{name}={run.config.get(name)}' for name in differ)})"
        for arm, run in zip(arms, firsts, strict=True)
    ]


def differences(sides: Sequence[Side]) -> dict[str, list[str]]:
    """Return the knobs whose values differ between sides, each with the value of every side, as a person types it."""
    configs = [side.runs[0].config for side in sides]
    names = list(dict.fromkeys(name for config in configs for name in config if name not in NOT_THE_ARM))
    values = {name: [config.get(name, "–") for config in configs] for name in names}
    return {name: [_typed(each) for each in row] for name, row in values.items() if len(set(map(str, row))) > 1}


def _typed(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def score_of(run: Run) -> Score:
    """Return the score that a run goes by, from the catalogue alone: a page needs no torch for it."""
    experiment = find_experiment(run.slug)
    key = experiment.monitor_of(str(run.config["arm"]))
    return Score(key, experiment.score_titles.get(key, key), "", key not in experiment.lower_is_better)


def comparable(score: Score, rows: Rows) -> Score:
    """Return what single pictures can be compared by: the score itself, or for classifiers whether they are right.

    Raises:
        UserError: If a picture has neither.
    """
    if all(score.key in row for row in rows):
        return replace(score, title=f"{score.title}, mean over pictures")
    if all(RIGHT.key in row for row in rows):
        return RIGHT
    raise UserError(f"Not every picture has a {score.title} of its own, so it cannot be compared picture by picture.")


def scores_of(pictures: Sequence[Rows], key: str) -> list[list[float]]:
    """Return one score ``(S, N)`` of the pictures that every seed was scored on.

    Raises:
        UserError: If the runs were not scored on the same ones, on one alone, or a score is no number.
    """
    if len({len(rows) for rows in pictures}) != 1:
        raise UserError(
            "The runs were not scored on the same pictures; give a split with --split that all of them have."
        )
    if len(pictures[0]) < 2:
        raise UserError("The runs were scored on a single picture, which says nothing; give another split.")
    broken = sum(not math.isfinite(row[key]) for rows in pictures for row in rows)
    if broken:
        raise UserError(
            f"{broken} scores of single pictures are no number, so the runs cannot be compared; see whether their "
            "training diverged, and train them again."
        )
    return [[row[key] for row in rows] for rows in pictures]


def compare(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], score: Score) -> Verdict:
    """Compare two sides by a score ``(S, N)`` of each; two classifiers of one seed each by McNemar's exact test."""
    verdict = within_bounds(compare_means(first, second), score)
    if score == RIGHT and not verdict.about_recipes and len(first) == len(second) == 1:
        return replace(verdict, p=exact_mcnemar(first[0], second[0]))
    return verdict


def within_bounds(verdict: Verdict, score: Score) -> Verdict:
    """Return a verdict whose interval ends where a difference of two such scores must."""
    return replace(verdict, low=max(-1.0, verdict.low), high=min(1.0, verdict.high)) if score.is_share else verdict


def say_verdict(verdict: Verdict, first: str, second: str, score: Score, *, p: float | None = None) -> str:
    """Return the verdict in a sentence or two, with its interval.

    Args:
        verdict: Of second − first.
        first: Name of a side.
        second: Likewise.
        score: What was compared.
        p: The verdict's probability corrected for the other comparisons; its own if there are none.
    """
    probability = verdict.p if p is None else p
    one, other = verdict.seeds
    seeds = f"{one} and {other} seeds" if one != other else f"{one} seed{'s' if one > 1 else ''} each"
    paired = f"{seeds}, paired over {verdict.pictures:,} pictures"
    title, level = score.title, f"{100 * verdict.level:.0f} % interval"
    if verdict.is_decided and probability < 1 - verdict.level:
        better = second if (verdict.difference > 0) == score.higher_is_better else first
        worse = first if better == second else second
        low, high = sorted((abs(verdict.low), abs(verdict.high)))
        basis = f"{level} {low:.3g} to {high:.3g}; {paired}"
        said = f"{better} is better than {worse} by {abs(verdict.difference):.3g} in {title} ({basis})."
    else:
        ends = f"{level} {_signed(verdict.low)} to {_signed(verdict.high)}; " if verdict.varies else ""
        each = "" if verdict.varies else " for every picture and seed"
        found = f"{_signed(verdict.difference)}{each} ({ends}{paired})"
        said = f"No difference between {first} and {second} can be claimed in {title}: {found}."
        settle = say_what_would_settle(verdict)
        said += f" {settle}" if settle else ""
    if not verdict.about_recipes:
        said += " While a side has one seed, this speaks of these trained networks, not of the arms; train more seeds."
    return said


def _signed(difference: float) -> str:
    """Return a difference with its sign, which a zero has not."""
    return f"{difference:+.3g}" if difference else "0"


def as_json(side: Side) -> dict[str, Any]:
    """Return what the command line prints of a side."""
    return {
        "name": side.name,
        "runs": [run.id for run in side.runs],
        "seeds": [run.config.get("seed") for run in side.runs],
    }
