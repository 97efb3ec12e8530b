"""What may be said of several sides: each against the first, corrected for how often it was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.engine.score import Score
from core.runs.run import Run
from core.studies.comparison import Rows, Side, check_data, comparable, compare, say_verdict, score_of, scores_of
from core.studies.verdict import Verdict, correct_for_many


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
        """Return plain values."""
        own = self.verdict
        return {
            "first": self.first, "second": self.second, "difference": own.difference, "low": own.low,
            "high": own.high, "p": self.p, "pictures": own.pictures, "seeds": own.seeds, "decided": own.is_decided,
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
    score = comparable(
        score_of(first),
        [row for seeds in tables for rows in seeds for row in rows],
    )
    values = [scores_of(rows, score.key) for rows in tables]
    pairs = _pairs(sides)
    verdicts = [compare(values[one], values[other], score) for one, other in pairs]
    corrected = correct_for_many([each.p for each in verdicts])
    claims = tuple(
        Claim(sides[one].name, sides[other].name, verdict, p,
              say_verdict(verdict, sides[one].name, sides[other].name, score, p=p))
        for (one, other), verdict, p in zip(pairs, verdicts, corrected, strict=True)
    )  # fmt: skip
    means = tuple(tuple(float(np.mean(seed)) for seed in seeds) for seeds in values)
    return Conclusion(score, split, tuple(sides), means, claims)


def _pairs(sides: Sequence[Side]) -> list[tuple[int, int]]:
    """Return which sides are compared: every other one with the first that was trained on the same share."""
    shares = [side.runs[0].config.get("share", 1.0) for side in sides]
    pairs = [(shares.index(share), number) for number, share in enumerate(shares) if shares.index(share) != number]
    return pairs or [(0, number) for number in range(1, len(sides))]
