"""What may be said of several sides: each against the first, corrected for how often it was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.engine.score import Score
from core.errors import UserError
from core.runs.run import Run
from core.studies.comparison import (
    Rows,
    Side,
    check_data,
    comparable,
    compare,
    say_verdict,
    score_of,
    scores_of,
    within_bounds,
)
from core.studies.verdict import Verdict, area_under_roc, compare_areas, correct_for_many

AREA = "roc_auc"


@dataclass(frozen=True)
class Claim:
    """One side against the one that it is compared with.

    Attributes:
        first: Name of the side that stands as the measure.
        second: Name of the other.
        verdict: Of second − first.
        p: Its probability, corrected for all claims made together.
        said: The verdict in a sentence or two.
    """

    first: str
    second: str
    verdict: Verdict
    p: float
    said: str

    def as_json(self) -> dict[str, Any]:
        """Return plain values; an interval has no ends where the scores do not vary."""
        own = self.verdict
        low, high = (own.low, own.high) if own.varies else (None, None)
        return {
            "first": self.first, "second": self.second, "difference": own.difference, "low": low,
            "high": high, "p": self.p, "pictures": own.pictures, "seeds": own.seeds, "decided": own.is_decided,
            "said": self.said,
        }  # fmt: skip


@dataclass(frozen=True)
class Conclusion:
    """What several sides amount to on one split.

    Attributes:
        score: What single pictures were compared by.
        split: On which.
        sides: All of them.
        means: Of each side, the mean over the pictures by each seed.
        claims: Every other side of a share of the training pictures against the first of that share.
    """

    score: Score
    split: str
    sides: tuple[Side, ...]
    means: tuple[tuple[float, ...], ...]
    claims: tuple[Claim, ...]


def conclude(sides: Sequence[Side], split: str, rows_of: Callable[[Run], Rows]) -> Conclusion:
    """Compare sides with the first of them, those trained on a share of the pictures with the first of that share.

    Args:
        sides: Two or more.
        split: On which.
        rows_of: Returns the scores of each picture of the split by a run.

    Raises:
        UserError: If the runs were trained on different data or not scored on the same pictures, or these have no
            scores of their own.
    """
    check_data([run for side in sides for run in side.runs])
    tables = [[rows_of(run) for run in side.runs] for side in sides]
    first = sides[0].runs[0]
    table = [row for seeds in tables for rows in seeds for row in rows]
    if score_of(first).key == AREA and all("prob_wanted" in row for row in table):
        return _conclude_areas(sides, split, tables, score_of(first))
    score = comparable(score_of(first), table)
    values = [scores_of(rows, score.key) for rows in tables]
    means = tuple(tuple(float(np.mean(seed)) for seed in seeds) for seeds in values)
    pairs = _pairs(sides)
    verdicts = [compare(values[one], values[other], score) for one, other in pairs]
    return Conclusion(score, split, tuple(sides), means, _claims(sides, pairs, verdicts, score))


def _conclude_areas(
    sides: Sequence[Side], split: str, tables: Sequence[Sequence[Rows]], score: Score
) -> Conclusion:  # fmt: skip
    """Compare by the area under the ROC curve, which no picture has of its own."""
    values = [scores_of(rows, "prob_wanted") for rows in tables]
    labels = [row["wanted"] > 0 for row in tables[0][0]]
    if min(sum(labels), len(labels) - sum(labels)) < 2:
        raise UserError("There are not two pictures of the class and two others to compare on; give another split.")
    means = tuple(tuple(area_under_roc(seed, labels) for seed in seeds) for seeds in values)
    pairs = _pairs(sides)
    verdicts = [within_bounds(compare_areas(values[one], values[other], labels), score) for one, other in pairs]
    return Conclusion(score, split, tuple(sides), means, _claims(sides, pairs, verdicts, score))


def _claims(
    sides: Sequence[Side], pairs: Sequence[tuple[int, int]], verdicts: Sequence[Verdict], score: Score
) -> tuple[Claim, ...]:
    corrected = correct_for_many([each.p for each in verdicts])
    return tuple(
        Claim(sides[one].name, sides[other].name, verdict, p,
              say_verdict(verdict, sides[one].name, sides[other].name, score, p=p))
        for (one, other), verdict, p in zip(pairs, verdicts, corrected, strict=True)
    )  # fmt: skip


def _pairs(sides: Sequence[Side]) -> list[tuple[int, int]]:
    """Return which sides are compared: every other one with the first that was trained on the same share."""
    shares = [side.runs[0].config.get("share", 1.0) for side in sides]
    pairs = [(shares.index(share), number) for number, share in enumerate(shares) if shares.index(share) != number]
    return pairs or [(0, number) for number in range(1, len(sides))]
