"""How sure a classifier that ships may say it is, and from which probability on it takes the class that is looked for.

Both are chosen on pictures that were held back from training, and judged on a test split; the card keeps the numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.engine.checkpoint import Card
from core.metrics.calibration import best_temperature, expected_calibration_error, with_temperature
from core.metrics.classification import ClassificationScores
from core.metrics.curves import roc_curve

WANTED_SENSITIVITY = 0.95
"""Of the operating threshold, on held-back pictures: what is looked for is worse to miss than to suspect."""


@dataclass(frozen=True)
class Operating:
    """From which probability on the class that is looked for is taken, and what that costs.

    Attributes:
        positive: The class's name.
        threshold: Calibrated probability, 0 to 1.
        sensitivity: Share of the test split's pictures of the class that are found.
        specificity: Share of its other pictures that are not taken for it.
        pictures: Of the test split.
    """

    positive: str
    threshold: float
    sensitivity: float
    specificity: float
    pictures: int

    @classmethod
    def of(cls, card: Card) -> "Operating | None":
        """Return what a card says; None where it says nothing."""
        said = card.get("calibration", {}).get("operating")
        return cls(**said) if said else None

    def say(self, prob: float) -> str:
        """Return what follows of a probability of the class, in a sentence or two."""
        side = "reaches" if prob >= self.threshold else "does not reach"
        return (
            f"{self.positive.capitalize()} {100 * prob:.1f} %, which {side} the threshold of "
            f"{100 * self.threshold:.0f} %. With it, {100 * self.sensitivity:.0f} % of the pictures with "
            f"{self.positive.lower()} were found on the test split and {100 * self.specificity:.0f} % of the others "
            f"were let go ({self.pictures} pictures)."
        )


def calibrate(task: Any, card: Card) -> None:
    """Let a classifier's task answer as calibrated as its card says; other tasks are left alone."""
    if "calibration" in card:
        task.temperature = float(card["calibration"]["temperature"])


def calibration_of(
    held: ClassificationScores, test: ClassificationScores, changed: ClassificationScores | None = None
) -> dict[str, Any]:
    """Choose temperature and threshold on held-back pictures and judge them on a test split.

    Args:
        held: Answers before calibration, of pictures that were not trained on.
        test: Likewise, of pictures that nothing was chosen on.
        changed: Likewise, of changed copies of the held-back pictures. The temperature is chosen on them too: a
            network is less often right on pictures that others took, and should not be as sure of them.

    Returns:
        For the card: the temperature; the calibration error before and after on both; the operating threshold with
        its sensitivity and specificity, where the problem has a class that is looked for.
    """
    seen = [held] if changed is None else [held, changed]
    probs, labels = (np.concatenate([getattr(each, name) for each in seen]) for name in ("probs", "labels"))
    temperature = round(best_temperature(probs, labels), 4)
    said: dict[str, Any] = {"temperature": temperature, "chosen_on": len(held.names), "tested_on": len(test.names)}
    if changed is not None:
        said["chosen_on_changed"] = len(changed.names)
    for name, scores in (("held_back", held), ("test", test)):
        scaled = with_temperature(scores.probs, temperature)
        said[f"calibration_error_{name}"] = {
            "before": round(expected_calibration_error(scores.probs, scores.labels), 4),
            "after": round(expected_calibration_error(scaled, scores.labels), 4),
        }
    if test.positive is not None:
        said["operating"] = _operate(held, test, temperature)
    return said


def _operate(held: ClassificationScores, test: ClassificationScores, temperature: float) -> dict[str, Any]:
    """Return the highest threshold that finds 95 % of the held-back pictures, and what it does on the test split."""
    place = test.positive
    assert place is not None
    values = with_temperature(held.probs, temperature)[:, place]
    _, hits, thresholds = roc_curve(held.labels == place, values)
    best = int(np.argmax(hits >= WANTED_SENSITIVITY))
    lower = values[values < thresholds[best]]
    threshold = float((thresholds[best] + lower.max()) / 2) if len(lower) else float(thresholds[best])
    threshold = round(min(threshold, 1.0), 4)
    taken, true = with_temperature(test.probs, temperature)[:, place] >= threshold, test.labels == place
    return {
        "positive": test.classes[place], "threshold": threshold, "sensitivity": round(float(taken[true].mean()), 4),
        "specificity": round(float((~taken[~true]).mean()), 4), "pictures": len(test.names),
    }  # fmt: skip
