"""How far a score on a split can be trusted: 95 % intervals from drawing its pictures again and again."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.metrics.classification import ClassificationScores

ROUNDS = 1000
LEVEL = 0.95


def intervals(scores: Any, groups: Sequence[str], *, rounds: int = ROUNDS) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of every score of a split by the percentile bootstrap (Efron, 1979).

    Whole groups are drawn, with replacement: pictures of one patient or child say less than as many of others. With few
    groups such intervals are too narrow rather than too wide.

    Args:
        scores: An accumulator that keeps its pictures; it is left as it is.
        groups: Of its pictures, in order.
        rounds: How often the split is drawn.

    Returns:
        Lower and upper end by key; none for a score that is no number in some draw, nor of an accumulator that keeps
        no pictures.
    """
    if not isinstance(scores, ClassificationScores) and not hasattr(scores, "pictures"):
        return {}
    rng = np.random.default_rng(0)
    names = sorted(set(groups))
    members = {name: [place for place, group in enumerate(groups) if group == name] for name in names}
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        drawn = [place for each in rng.integers(len(names), size=len(names)) for place in members[names[each]]]
        for key, value in _again(scores, drawn).compute().items():
            found.setdefault(key, []).append(value)
    ends = (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)
    return {
        key: (float(low), float(high))
        for key, values in found.items()
        for low, high in [np.percentile(values, ends)]
        if np.isfinite(values).all()
    }


def _again(scores: Any, drawn: Sequence[int]) -> Any:
    """Return an accumulator with these pictures of another one, some perhaps twice."""
    if isinstance(scores, ClassificationScores):
        again = ClassificationScores(scores.classes, positive=scores.positive)
        again.update([scores.names[place] for place in drawn], scores.probs[list(drawn)], scores.labels[list(drawn)])
        return again
    copied = copy.copy(scores)
    for name, kept in vars(scores).items():
        if isinstance(kept, list) and len(kept) == len(scores.pictures):
            setattr(copied, name, [kept[place] for place in drawn])
        elif len(getattr(kept, "pictures", ())) == len(scores.pictures):
            setattr(copied, name, _again(kept, drawn))
    return copied
