"""What a data set decides about a network, and what therefore travels with its checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Traits:
    """Facts of the training data without which a checkpoint could not be used.

    Attributes:
        classes: Names of the classes in the order of the network's answers; empty where there are none.
        mean: Of the pictures' channels, 0 to 1; empty where pictures are normalised otherwise.
        deviation: Standard deviation, likewise.
    """

    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values; :meth:`from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Traits":
        """Read what a checkpoint's card holds; what is missing is empty."""
        return cls(**{name: tuple(values.get(name, ())) for name in ("classes", "mean", "deviation")})


NO_TRAITS = Traits()
