"""Where a data set stands: how many pictures, how unlike ImageNet's, and whether its test pictures are others."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.metrics.separation import Separation
from core.paths import data_folder

UNLIKE, LARGE = 0.15, 1000.0
"""Distance from which pictures count as unlike ImageNet's, half-way from photographs to the others below; and pictures
of a class from which a set counts as large, as ImageNet has them."""
LANDMARKS = (
    ("photographs of cats (Oxford-IIIT Pet)", 0.105, 100.0), ("CIFAR-10, enlarged", 0.208, 5000.0),
    ("chest X-rays (Kermany et al.)", 0.208, 2608.0), ("steel surfaces (NEU)", 0.223, 295.0),
)  # fmt: skip
"""Title, measured distance and training pictures of a class of public sets; the last as they are published."""


@dataclass(frozen=True)
class Placement:
    """Where a set of classified pictures stands.

    Attributes:
        title: Name of the set.
        fingerprint: Of its files.
        pictures: For training.
        classes: Number of classes.
        distance: From ImageNet, see :class:`core.metrics.distance.NormalisationDistance`.
        shift: How well its test pictures can be told from its training pictures; None where there is no test split or
            it is too small.
    """

    title: str
    fingerprint: str
    pictures: int
    classes: int
    distance: float
    shift: Separation | None

    @property
    def per_class(self) -> float:
        """Return the mean number of training pictures of a class."""
        return self.pictures / max(1, self.classes)

    def as_json(self) -> dict[str, Any]:
        """Return plain values; :meth:`from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Placement":
        """Return what :meth:`as_json` gave."""
        shift = values["shift"]
        return cls(**{**values, "shift": Separation(**shift) if shift else None})


def kept_placement(fingerprint: str) -> Placement | None:
    """Return where the data set of a fingerprint stands; None where that was not measured yet."""
    path = path_of(fingerprint)
    return Placement.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def path_of(fingerprint: str) -> Path:
    """Return the file that keeps where the data set of a fingerprint stands."""
    return data_folder() / ".placed" / f"{fingerprint}.json"


def say_place(placed: Placement) -> str:
    """Say how many pictures there are and how unlike ImageNet's."""
    kind = "unlike" if placed.distance >= UNLIKE else "like"
    return (
        f"**{placed.title}** has {placed.pictures:,} training pictures, {placed.per_class:,.0f} of each of "
        f"{placed.classes} classes, and they look {kind} ImageNet's (distance {placed.distance:.3f}; photographs of "
        "cats have 0.105)."
    )


def say_advice(placed: Placement) -> str:
    """Return what is usually advised for so many pictures of such likeness, which a study can then test."""
    alike, large = placed.distance < UNLIKE, placed.per_class >= LARGE
    advice = {
        (True, True): "With many pictures like ImageNet's, tuning all layers pays and is safe.",
        (True, False): "With few pictures like ImageNet's, a frozen network with a new last layer is hard to beat; "
        "tuning all of it over-fits.",
        (False, True): "With many pictures unlike ImageNet's, tune all layers; ImageNet's weights are still the better "
        "start, and training anew may catch up.",
        (False, False): "With few pictures unlike ImageNet's, the last features fit badly and tuning all over-fits: "
        "tune the last stages, or let the last layer see earlier ones (all_stages), and change the pictures at random.",
    }
    return advice[alike, large] + " That is a rule of thumb; the verdict above is measured."


def say_shift(placed: Placement) -> str:
    """Say whether the test pictures can be told from the training pictures, and what that means for a verdict."""
    if placed.shift is None:
        return "There is no test split to hold against the training pictures, or it has fewer than 20."
    shift = placed.shift
    basis = f"area under the ROC curve {shift.auc:.2f}"
    if f"{shift.low:.2f}" != f"{shift.high:.2f}":
        basis += f", 95 % interval {shift.low:.2f} to {shift.high:.2f}"
    if shift.is_there:
        return (
            f"**The test pictures come from elsewhere**: a classifier tells them from the training pictures ({basis}; "
            "0.5 would be guessing). Scores on held-back training pictures promise too much for them."
        )
    return f"The test pictures cannot be told from the training pictures ({basis}; 0.5 would be guessing)."
