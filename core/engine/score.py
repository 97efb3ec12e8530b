"""What a score is. It lies apart from the tasks so that pages know it without torch."""

import math
from dataclasses import dataclass

WITHOUT_BOUNDS = ("loss", "psnr", "l1", "mse", "mae")
"""How the keys of the scores begin that are no part of a whole."""


@dataclass(frozen=True)
class Score:
    """A number that says how good a network is.

    Attributes:
        key: Name in records.
        title: Name for people.
        definition: Which of the literature's definitions it is, in one sentence.
        higher_is_better: Direction.
    """

    key: str
    title: str
    definition: str
    higher_is_better: bool = True

    @property
    def is_share(self) -> bool:
        """Say whether it lies between 0 and 1, so that two of them differ by 1 at most."""
        return not self.key.startswith(WITHOUT_BOUNDS)

    def is_better(self, value: float, than: float | None) -> bool:
        """Say whether a value beats another; any number beats None and not-a-number, which beats nothing."""
        if math.isnan(value):
            return False
        if than is None or math.isnan(than):
            return True
        return value > than if self.higher_is_better else value < than
